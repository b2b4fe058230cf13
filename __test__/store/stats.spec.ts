import { statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { OutputStore } from '../../index.js'
import {
  at,
  copyOfPlanFile,
  failureOf,
  invalidState,
  openConnection,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  wrongType,
} from '../support/support.js'

const NO_SESSIONS = { idle: 0, running: 0, waiting_checkpoint: 0, completed: 0, failed: 0 }

describe('stats', () => {
  test('stats() of a new file gives zeros', () => {
    const { fileBytes, ...stats } = openConnection().stats()
    expect(fileBytes).toBeGreaterThan(0)
    expect(stats).toEqual({
      sessions: NO_SESSIONS,
      pinned: 0,
      outputs: 0,
      bytes: 0,
      oldest: undefined,
      newest: undefined,
      orphanedOutputs: 0,
      redactions: {},
      largest: [],
      periods: [],
      freeBytes: 0,
      walBytes: expect.any(Number) as number,
    })
  })

  test('stats() counts sessions, chunks and bytes, and names the largest sessions', () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession({ id: 'a', status: 'failed' }))
    sessions.create(sampleSession({ id: 'b', status: 'failed' }))
    sessions.create(sampleSession({ id: 'c', status: 'waiting_checkpoint' }))
    sessions.pin('b')
    const long = '🚀'.repeat(5_000)
    outputs.appendMany([
      sampleOutput({ sessionId: 'a', timestamp: at(9), data: 'é\0' }),
      sampleOutput({ sessionId: 'b', timestamp: at(7), data: long }),
      sampleOutput({ sessionId: 'a', timestamp: at(5), data: '' }),
      sampleOutput({ sessionId: 'orphan', timestamp: at(6), data: 'four' }),
    ])
    const stats = connection.stats()
    expect(stats).toMatchObject({
      sessions: { ...NO_SESSIONS, failed: 2, waiting_checkpoint: 1 },
      pinned: 1,
      outputs: 4,
      bytes: 20_007,
      oldest: at(5),
      newest: at(9),
      orphanedOutputs: 1,
    })
    expect(stats.largest).toEqual([
      { sessionId: 'b', outputs: 1, bytes: 20_000, oldest: at(7), newest: at(7) },
      { sessionId: 'orphan', outputs: 1, bytes: 4, oldest: at(6), newest: at(6) },
      { sessionId: 'a', outputs: 2, bytes: 3, oldest: at(5), newest: at(9) },
    ])
    expect(connection.stats({ sessions: 1 }).largest).toEqual(stats.largest.slice(0, 1))
    expect(connection.stats({ sessions: 0 }).largest).toEqual([])
    expect(connection.stats(null).largest).toEqual(stats.largest)
  })

  test('stats() counts output by time, rows as well as what is sealed', async () => {
    const { connection, sessions, outputs } = openStores()
    const minute = (count: number) => new Date(Date.parse('2026-03-01T10:00:00Z') + count * 60_000)
    sessions.create(sampleSession({ id: 'a', status: 'completed' }))
    outputs.appendMany([
      sampleOutput({ sessionId: 'a', timestamp: minute(59), data: 'one' }),
      sampleOutput({ sessionId: 'a', timestamp: minute(60), data: 'two!' }),
      sampleOutput({ sessionId: 'b', timestamp: minute(-1), data: 'é' }),
      sampleOutput({ sessionId: 'b', timestamp: minute(240), data: '' }),
    ])
    const every = 3_600_000
    const amount = (count: number, bytes: number) => ({
      outputs: 1,
      bytes,
      oldest: minute(count),
      newest: minute(count),
    })
    const b = [
      { start: minute(-60), ...amount(-1, 2) },
      { start: minute(240), ...amount(240, 0) },
    ]
    expect(connection.stats({ every }).periods).toEqual([
      b[0],
      { start: minute(0), ...amount(59, 3) },
      { start: minute(60), ...amount(60, 4) },
      b[1],
    ])
    expect(connection.stats().periods).toEqual([])
    await connection.seal()
    const sealed = { outputs: 2, bytes: 7, oldest: minute(59), newest: minute(60) }
    expect(connection.stats({ every }).periods).toEqual([
      b[0],
      { start: minute(0), ...sealed },
      b[1],
    ])
  })

  test('stats() gives the size of the file, of its free space, and of the log', () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    const data = 'x'.repeat(5_000)
    outputs.appendMany(Array.from({ length: 300 }, () => sampleOutput({ data })))
    expect(connection.stats().walBytes).toBe(statSync(`${connection.path}-wal`).size)
    sessions.delete('s-1')
    connection.db.pragma('wal_checkpoint(TRUNCATE)')
    const { fileBytes, freeBytes, walBytes } = connection.stats()
    expect(fileBytes).toBe(statSync(connection.path).size)
    expect(freeBytes).toBeGreaterThan(1_500_000)
    expect(walBytes).toBe(0)
  })

  test('stats() sees what is queued, and is part of a transaction', () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
    outputs.append(sampleOutput())
    expect(connection.stats().outputs).toBe(1)
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput())
    expect(connection.stats().outputs).toBe(2)
    connection.db.exec('ROLLBACK')
    expect(connection.stats().outputs).toBe(1)
  })

  test('stats() works for a file of another program, for reading only, and in memory', () => {
    const stores = openStores(copyOfPlanFile(), { readonly: true })
    const { sessions, outputs, pinned } = stores.connection.stats()
    expect(Object.values(sessions).reduce((sum, count) => sum + count)).toBe(
      stores.sessions.list().length,
    )
    expect({ outputs, pinned }).toEqual({
      outputs: stores.connection.db.prepare('SELECT count(*) FROM session_outputs').pluck().get(),
      pinned: 0,
    })
    expect(openConnection(':memory:').stats()).toMatchObject({ outputs: 0, walBytes: 0 })
  })

  test('stats() checks its options, and throws on a closed connection', () => {
    const connection = openConnection()
    const call = 'DatabaseConnection.stats'
    expect(failureOf(() => connection.stats(5 as never))).toEqual(wrongType(call, 'options', '5'))
    expect(failureOf(() => connection.stats({ sessions: -1 }))).toEqual(
      outOfRange(call, 'options.sessions', '-1'),
    )
    expect(failureOf(() => connection.stats({ sessions: '1' as never }))).toEqual(
      wrongType(call, 'options.sessions', '1'),
    )
    expect(failureOf(() => connection.stats({ every: 59_999 }))).toEqual(
      outOfRange(call, 'options.every', '59999'),
    )
    connection.close()
    expect(failureOf(() => connection.stats())).toEqual(invalidState(call, 'closed'))
  })
})
