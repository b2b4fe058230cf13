import { describe, expect, test } from 'vitest'
import { SessionStore } from '../../index.js'
import {
  at,
  failureOf,
  openConnection,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  withoutAdditions,
  wrongType,
} from '../support/support.js'

const INSERT =
  "INSERT INTO sessions (id, slot, status, working_dir, started_at) VALUES (?, 1, 'idle', '/', '2026-01-01')"

describe('sessions.changes()', () => {
  test('it gives each session once, in the order of the last changes, removals included', () => {
    const { connection, sessions } = openStores()
    for (const id of ['a', 'b', 'c', 'd']) sessions.create(sampleSession({ id }))
    sessions.update('a', { status: 'failed' })
    sessions.update('b', { exitCode: 1 })
    sessions.delete('d')
    const { changes, cursor, more } = sessions.changes()
    expect(changes).toEqual([
      { id: 'c', removed: false },
      { id: 'a', removed: false },
      { id: 'b', removed: false },
      { id: 'd', removed: true },
    ])
    expect(more).toBe(false)
    expect(sessions.changes({ after: cursor })).toEqual({ changes: [], cursor, more: false })
    connection.db.prepare(INSERT).run('d')
    expect(sessions.changes({ after: cursor }).changes).toEqual([{ id: 'd', removed: false }])
  })

  test('pages give each session once', () => {
    const { sessions } = openStores()
    for (let i = 0; i < 25; i++) sessions.create(sampleSession({ id: `s-${i}` }))
    for (let i = 0; i < 25; i += 2) sessions.update(`s-${i}`, { pid: i })
    const ids: string[] = []
    let after = 0
    for (let more = true; more;) {
      const page = sessions.changes({ after, limit: 4 })
      expect(page.changes.length).toBeLessThanOrEqual(4)
      ids.push(...page.changes.map(({ id }) => id))
      ;({ cursor: after, more } = page)
    }
    expect(ids).toHaveLength(25)
    expect(new Set(ids).size).toBe(25)
  })

  test('prune() forgets what later changes have replaced, and every cursor stays good', async () => {
    const { connection, sessions } = openStores()
    const rows = () =>
      connection.db.prepare('SELECT count(*) FROM gsd_session_changes').pluck().get()
    const cursors = [0]
    for (let i = 0; i < 60; i++) {
      sessions.create(sampleSession({ id: `s-${i}`, startedAt: at(i), status: 'completed' }))
      for (let pid = 1; pid < 80; pid++) sessions.update(`s-${(i * pid) % (i + 1)}`, { pid })
      cursors.push(sessions.changes().cursor)
    }
    sessions.delete('s-0')
    const before = cursors.map((after) => sessions.changes({ after }))
    expect(rows()).toBeGreaterThan(1_000)
    await connection.prune({ keepLast: 1_000 })
    expect(rows()).toBe(60)
    expect(cursors.map((after) => sessions.changes({ after }))).toEqual(before)
    await connection.prune({ keepLast: 50 })
    expect(rows()).toBe(60)
    expect(sessions.changes({ after: cursors.at(-1) }).changes).toContainEqual({
      id: 's-1',
      removed: true,
    })
  })

  test('watch() refuses a view and a virtual table', () => {
    const { connection } = openStores()
    connection.db.exec('CREATE VIEW v AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5(a)')
    for (const name of ['v', 'f']) {
      expect(failureOf(() => connection.watch(() => {}, { tables: [name] }))).toEqual(
        outOfRange(
          'DatabaseConnection.watch',
          'options.tables[0]',
          'an ordinary table, neither a view nor a virtual table',
          JSON.stringify(name),
        ),
      )
    }
  })

  test('it tells what other processes and plain SQL do, across restarts', () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession({ id: 'a' }))
    const { cursor } = sessions.changes()
    connection.close()
    const other = openConnection(connection.path)
    other.db.prepare(INSERT).run('by-hand')
    other.db.exec("UPDATE sessions SET id = 'renamed' WHERE id = 'a'")
    other.db.exec(`INSERT OR REPLACE INTO sessions (id, slot, status, working_dir, started_at)
      VALUES ('by-hand', 2, 'idle', '/', '2026-01-02')`)
    other.close()
    const again = openStores(connection.path).sessions
    expect(again.changes({ after: cursor }).changes).toEqual([
      { id: 'a', removed: true },
      { id: 'renamed', removed: false },
      { id: 'by-hand', removed: false },
    ])
  })

  test('what was rolled back is no change, and output is none', () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    const { cursor } = sessions.changes()
    outputs.append(sampleOutput())
    expect(() =>
      connection.db.transaction(() => {
        sessions.update('s-1', { pid: 5 })
        throw new Error('no')
      })(),
    ).toThrow('no')
    expect(sessions.changes({ after: cursor }).changes).toEqual([])
  })

  test('the sessions of an adopted file are changes from the start', () => {
    const { connection, sessions } = openStores()
    connection.db.prepare(INSERT).run('x')
    expect(sessions.changes({ after: 0 }).changes).toEqual([{ id: 'x', removed: false }])
  })

  test('a cursor that the file has not reached starts again, since the file is an older one', () => {
    const { sessions } = openStores()
    sessions.create(sampleSession())
    expect(sessions.changes({ after: 1000 }).changes).toEqual([{ id: 's-1', removed: false }])
  })

  test('a file without the record that is only read says so', () => {
    const { connection } = openStores()
    connection.close()
    withoutAdditions(connection.path)
    const old = new SessionStore(openConnection(connection.path, { readonly: true }))
    expect(failureOf(() => old.changes())).toEqual({
      ...sqliteFailure('SQLITE_ERROR'),
      message: expect.stringContaining('no record of changes yet') as string,
    })
  })

  test.each([
    ['after', -1],
    ['after', 0.5],
    ['limit', 0],
  ])('%s of %d is refused', (option, value) => {
    const { sessions } = openStores()
    expect(failureOf(() => sessions.changes({ [option]: value }))).toEqual(
      outOfRange('SessionStore.changes', `options.${option}`, 'an integer', String(value)),
    )
  })
})

/** What `watch()` tells until `isEnough`. */
async function toldUntil(
  watch: (told: (change: { sessions: string[]; tables?: string[] }) => void) => () => void,
  isEnough: (all: { sessions: string[]; tables?: string[] }[]) => boolean,
) {
  const all: { sessions: string[]; tables?: string[] }[] = []
  let stop: (() => void) | undefined
  await new Promise<void>((resolve) => {
    stop = watch((change) => {
      all.push(change)
      if (isEnough(all)) resolve()
    })
  })
  stop?.()
  return all
}

describe('watch() with tables', () => {
  test('it tells tables of others that another connection changes', async () => {
    const connection = openConnection()
    connection.db.exec(
      'CREATE TABLE "no ""tes" (x); CREATE TABLE kept (x PRIMARY KEY) WITHOUT ROWID',
    )
    const other = openConnection(connection.path)
    other.db.exec('INSERT INTO "no ""tes" VALUES (1)')
    const change = () => other.db.exec('UPDATE "no ""tes" SET x = 2')
    const told = await toldUntil(
      (tell) => {
        const stop = connection.watch(tell, { tables: ['no "tes', 'kept', 'later'] })
        change()
        return stop
      },
      (all) => all.length > 0,
    )
    expect(told).toEqual([{ sessions: [], tables: ['no "tes'] }])
  })

  test('it tells a table that comes, and sessions beside it', async () => {
    const { connection, sessions } = openStores()
    const told = await toldUntil(
      (tell) => {
        const stop = connection.watch(tell, { tables: ['later'] })
        connection.db.exec('CREATE TABLE later (x)')
        sessions.create(sampleSession())
        return stop
      },
      (all) => all.some(({ tables }) => tables?.includes('later')),
    )
    expect(told.flatMap(({ sessions: ids }) => ids)).toEqual(['s-1'])
  })

  test.each([['sessions'], ['Session_Outputs']])('%s is no table of others', (name) => {
    const connection = openConnection()
    expect(failureOf(() => connection.watch(() => {}, { tables: [name] }))).toEqual(
      outOfRange('DatabaseConnection.watch', 'options.tables[0]', 'a table of others', name),
    )
  })

  test('tables must be an array of strings', () => {
    const connection = openConnection()
    expect(failureOf(() => connection.watch(() => {}, { tables: 'notes' as never }))).toEqual(
      wrongType('DatabaseConnection.watch', 'options.tables', 'an array', '"notes"'),
    )
    expect(failureOf(() => connection.watch(() => {}, { tables: [1] as never }))).toEqual(
      wrongType('DatabaseConnection.watch', 'options.tables[0]', 'a string', '1'),
    )
  })
})
