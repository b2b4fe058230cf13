import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import {
  at,
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  temporaryPath,
  wrongType,
} from '../support/support.js'

describe('a Date', () => {
  test.each([
    ['2026-03-01T10:00:00.000Z'],
    ['1970-01-01T00:00:00.000Z'],
    ['1969-12-31T23:59:59.999Z'],
    ['2024-02-29T23:59:59.001Z'],
    ['0000-01-01T00:00:00.000Z'],
    ['0000-02-29T12:00:00.000Z'],
    ['0001-01-01T00:00:00.000Z'],
    ['0099-12-31T23:59:59.999Z'],
    ['1900-02-28T00:00:00.010Z'],
    ['9999-12-31T23:59:59.999Z'],
  ])('the Date %s is stored as this text and comes back', (text) => {
    const { connection, sessions, outputs } = openStores()
    const date = new Date(text)
    sessions.create(sampleSession({ startedAt: date, endedAt: date }))
    outputs.append(sampleOutput({ timestamp: date }))
    expect(sessions.get('s-1')).toMatchObject({ startedAt: date, endedAt: date })
    expect(outputs.getBySession('s-1')[0]?.timestamp).toEqual(date)
    const stored = `SELECT started_at FROM sessions UNION ALL SELECT ended_at FROM sessions
      UNION ALL SELECT timestamp FROM session_outputs_all`
    expect(connection.db.prepare(stored).pluck().all()).toEqual([text, text, text])
    sessions.update('s-1', { endedAt: date })
    expect(connection.db.prepare('SELECT ended_at FROM sessions').pluck().get()).toBe(text)
  })

  test('a Date of every year sorts as text as it does in time', () => {
    const { outputs } = openStores()
    const years = ['9999', '0000', '2026', '0999', '1970', '0100', '1000']
    for (const year of years) {
      outputs.append(
        sampleOutput({ data: year, timestamp: new Date(`${year}-06-01T00:00:00.000Z`) }),
      )
    }
    expect(outputs.getFullOutput('s-1', { separator: ' ' })).toBe(
      '0000 0100 0999 1000 1970 2026 9999',
    )
    const newer = outputs.getBySessionSince('s-1', new Date('0999-06-01T00:00:00.000Z'))
    expect(newer.map(({ data }) => data)).toEqual(['1000', '1970', '2026', '9999'])
  })

  test('a Date of another realm is accepted', () => {
    const { sessions, outputs } = openStores()
    const date = runInNewContext("new Date('2026-03-01T10:00:00.001Z')") as Date
    expect(date instanceof Date).toBe(false)
    sessions.create(sampleSession({ startedAt: date }))
    outputs.append(sampleOutput({ timestamp: date }))
    expect(sessions.get('s-1')?.startedAt).toStrictEqual(at(1))
    expect(
      outputs.getBySessionSince('s-1', runInNewContext('new Date(0)') as Date)[0]?.timestamp,
    ).toStrictEqual(at(1))
  })

  test('a Date of a subclass is accepted', () => {
    class Moment extends Date {}
    const { sessions } = openStores()
    sessions.create(sampleSession({ startedAt: new Moment(at(1)) }))
    expect(sessions.get('s-1')?.startedAt).toStrictEqual(at(1))
  })

  test.each([
    ['that is invalid', new Date(Number.NaN)],
    ['before year 0', new Date('-000001-12-31T23:59:59.999Z')],
    ['after year 9999', new Date('+010000-01-01T00:00:00.000Z')],
    ['at the end of the range of Date', new Date(8.64e15)],
    ['at the start of the range of Date', new Date(-8.64e15)],
  ])('a Date %s is out of range', (_, date) => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession({ id: 'kept', endedAt: at(1) }))
    const startedAt = sampleSession({ startedAt: date })
    expect(failureOf(() => sessions.create(startedAt))).toEqual(
      outOfRange('SessionStore', 'startedAt'),
    )
    const endedAt = sampleSession({ endedAt: date })
    expect(failureOf(() => sessions.create(endedAt))).toEqual(outOfRange('SessionStore', 'endedAt'))
    expect(failureOf(() => sessions.update('kept', { endedAt: date }))).toEqual(
      outOfRange('SessionStore', 'endedAt'),
    )
    expect(failureOf(() => outputs.append(sampleOutput({ timestamp: date })))).toEqual(
      outOfRange('OutputStore', 'timestamp'),
    )
    expect(failureOf(() => outputs.getBySessionSince('s-1', date))).toEqual(
      outOfRange('OutputStore', 'since'),
    )
    expect(sessions.list().map(({ id, endedAt: kept }) => [id, kept])).toEqual([['kept', at(1)]])
    expect(outputs.getBySession('s-1')).toEqual([])
  })
})

describe('a value that is not a Date', () => {
  test.each([
    ['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.000Z'],
    [1_772_359_200_000, '1772359200000'],
    [0n, '0'],
    [true, 'true'],
    [{}, 'object'],
    [Object.create(Date.prototype), 'bject'],
    [{ getTime: () => 0, toISOString: () => '2026-03-01T10:00:00.000Z' }, 'bject'],
    [new Proxy(new Date(0), {}), ''],
    [Date, ''],
  ])('a value that is not a Date is refused: %o', (value, word) => {
    const { sessions, outputs } = openStores()
    const date = value as never
    expect(failureOf(() => sessions.create(sampleSession({ startedAt: date })))).toEqual(
      wrongType('SessionStore', 'startedAt', word),
    )
    expect(failureOf(() => sessions.create(sampleSession({ endedAt: date })))).toEqual(
      wrongType('SessionStore', 'endedAt', word),
    )
    expect(failureOf(() => sessions.update('s-1', { endedAt: date }))).toEqual(
      wrongType('SessionStore', 'endedAt', word),
    )
    expect(failureOf(() => outputs.append(sampleOutput({ timestamp: date })))).toEqual(
      wrongType('OutputStore', 'timestamp', word),
    )
    expect(failureOf(() => outputs.getBySessionSince('s-1', date))).toEqual(
      wrongType('OutputStore', 'since', word),
    )
    expect(sessions.list()).toEqual([])
  })
})

describe('a time that other SQL wrote', () => {
  test.each([
    ["datetime('2025-01-10 09:15:00')", '2025-01-10T09:15:00.000Z'],
    ["datetime('2025-01-10 09:15:00.25', 'subsec')", '2025-01-10T09:15:00.250Z'],
    ["datetime('0000-01-01')", '0000-01-01T00:00:00.000Z'],
    ["datetime('9999-12-31 23:59:59')", '9999-12-31T23:59:59.000Z'],
    ["strftime('%Y-%m-%dT%H:%M:%SZ', '2025-01-10 09:15:00')", '2025-01-10T09:15:00.000Z'],
    ["strftime('%Y-%m-%dT%H:%M:%fZ', '2025-01-10 09:15:00.125')", '2025-01-10T09:15:00.125Z'],
  ])('a time that other SQL wrote as %s is read as UTC', (sql, expected) => {
    const { connection, sessions, outputs } = openStores()
    connection.db.exec(`
      INSERT INTO sessions (id, slot, status, working_dir, started_at, ended_at) VALUES ('s-1', 1, 'idle', '/', ${sql}, ${sql});
      INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('s-1', ${sql}, 'stdout', '');`)
    const date = new Date(expected)
    expect(sessions.get('s-1')).toMatchObject({ startedAt: date, endedAt: date })
    expect(outputs.getBySession('s-1')[0]?.timestamp).toEqual(date)
  })

  test('a time that other SQL wrote is read as UTC in every time zone', async () => {
    const times = await inChild(
      ({ pkg }, path) => {
        const connection = new pkg.DatabaseConnection(path)
        const sessions = new pkg.SessionStore(connection)
        const startedAt = new Date('2025-07-01T12:00:00.000Z')
        sessions.create({ id: 'stored', slot: 1, status: 'idle', workingDir: '/', startedAt })
        connection.db.exec(`INSERT INTO sessions (id, slot, status, working_dir, started_at)
          VALUES ('other', 1, 'idle', '/', '2025-07-01 12:00:00')`)
        return [
          startedAt.getTimezoneOffset(),
          ...sessions.list().map((session) => session.startedAt.toISOString()),
        ]
      },
      [temporaryPath()],
      { env: { TZ: 'America/New_York' } },
    )
    expect(times).toEqual([240, '2025-07-01T12:00:00.000Z', '2025-07-01T12:00:00.000Z'])
  })
})
