import { statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  OutputStore,
  type NewSession,
  type PruneOptions,
  type PruneProgress,
  type PruneReport,
} from '../../index.js'
import { startChild } from '../support/child.js'
import {
  at,
  copyOfPlanFile,
  everyRow,
  invalidState,
  openConnection,
  openStores,
  outOfRange,
  rejectionOf,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  wrongType,
  type Failure,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

const DAY = 86_400_000

/** Enough time on a busy machine as well. */
const PATIENCE = { timeout: 20_000 }

/** The ids of the sessions in the file, in the order in which they were stored. */
function ids({ connection }: Stores): unknown[] {
  return connection.db.prepare('SELECT id FROM sessions ORDER BY rowid').pluck().all()
}

/** How many chunks there are, by session. */
function chunks({ connection }: Stores): unknown {
  const counts = connection.db
    .prepare<[], [string, number]>('SELECT session_id, count(*) FROM session_outputs GROUP BY 1')
    .raw()
    .all() as unknown as [string, number][]
  return Object.fromEntries(counts)
}

/**
 * Sessions `day-0` to `day-5` that were over a day after each other. The first `long` of them have `count` chunks of
 * `bytes`, the others 3.
 */
function openDays(count = 3, bytes = 10, path?: string, long = 6): Stores {
  const stores = openStores(path)
  for (let day = 0; day < 6; day++) {
    const id = `day-${day}`
    const status = day % 2 ? 'failed' : 'completed'
    const endedAt = at(day * DAY)
    stores.sessions.create(sampleSession({ id, status, startedAt: at(-DAY), endedAt }))
    stores.outputs.appendMany(
      Array.from({ length: day < long ? count : 3 }, (_, index) =>
        sampleOutput({ sessionId: id, timestamp: at(index), data: 'x'.repeat(bytes) }),
      ),
    )
  }
  return stores
}

const ALL = ['day-0', 'day-1', 'day-2', 'day-3', 'day-4', 'day-5']

describe('prune', () => {
  test.each<[string, PruneOptions, number]>([
    ['what is older than a moment', { olderThan: at(2 * DAY) }, 2],
    ['what is older than a moment by a millisecond', { olderThan: at(2 * DAY + 1) }, 3],
    ['all but the newest', { keepLast: 2 }, 4],
    ['all', { keepLast: 0 }, 6],
    ['nothing where there are fewer sessions than it keeps', { keepLast: 7 }, 0],
    ['what is old and none of the newest', { olderThan: at(9 * DAY), keepLast: 4 }, 2],
    ['what is old although fewer are kept', { olderThan: at(DAY), keepLast: 1 }, 1],
    ['nothing where there is room', { maxBytes: 1 << 30 }, 0],
    ['everything where there is no room', { maxBytes: 0 }, 6],
    ['all but the newest where there is no room', { maxBytes: 0, keepLast: 1 }, 5],
    ['what is old, although there is room', { maxBytes: 1 << 30, olderThan: at(DAY) }, 1],
  ])('removes what is asked for: %s', async (_, options, gone) => {
    const stores = openDays()
    const before = everyRow(stores.connection)
    const expected = { sessions: ALL.slice(0, gone), outputs: gone * 3, bytes: gone * 30 }
    expect(await stores.connection.prune({ ...options, dryRun: true })).toMatchObject(expected)
    expect(everyRow(stores.connection)).toEqual(before)
    expect(await stores.connection.prune(options)).toMatchObject(expected)
    expect(ids(stores)).toEqual(ALL.slice(gone))
    expect(chunks(stores)).toEqual(Object.fromEntries(ALL.slice(gone).map((id) => [id, 3])))
    expect(await stores.connection.prune(options)).toMatchObject({ sessions: [], outputs: 0 })
    expect(stores.connection.verify()).toMatchObject({ ok: true, orphanedOutputs: 0 })
  })

  test('removes no session that is at work, and of the others those of the statuses that are named', async () => {
    const { connection, sessions } = openStores()
    const statuses = ['idle', 'running', 'waiting_checkpoint', 'completed', 'failed'] as const
    for (const status of statuses) sessions.create(sampleSession({ id: status, status }))
    const keepLast = 0
    expect(await connection.prune({ keepLast, statuses: ['failed'] })).toMatchObject({
      sessions: ['failed'],
    })
    expect(await connection.prune({ keepLast })).toMatchObject({ sessions: ['completed'] })
    expect(await connection.prune({ keepLast, statuses: ['idle'] })).toMatchObject({
      sessions: ['idle'],
    })
    expect(sessions.list().map(({ id }) => id)).toEqual(['waiting_checkpoint', 'running'])
  })

  test('takes the start for the age of a session without an end, whatever the form of the moments', async () => {
    const stores = openStores()
    const { connection, sessions } = stores
    const add = (id: string, startedAt: Date) =>
      sessions.create(sampleSession({ id, status: 'failed', startedAt }))
    add('new', at(DAY))
    add('of another program', at(DAY))
    add('old', at(0))
    add('no moment', at(0))
    connection.db.exec(`
      UPDATE sessions SET started_at = '2026-03-01 10:00:01+00:00' WHERE id = 'of another program';
      UPDATE sessions SET started_at = 'soon' WHERE id = 'no moment'`)
    expect(await connection.prune({ olderThan: at(2_000) })).toMatchObject({
      sessions: ['old', 'of another program'],
    })
    expect(ids(stores)).toEqual(['new', 'no moment'])
  })

  test.each<[string, Partial<NewSession>, Date[]]>([
    ['start', { startedAt: at(DAY), endedAt: at(-9 * DAY) }, []],
    ['end', { startedAt: at(-9 * DAY), endedAt: at(DAY) }, []],
    ['output', { startedAt: at(-9 * DAY), endedAt: at(-8 * DAY) }, [at(DAY), at(-7 * DAY)]],
    ['output without an end', { startedAt: at(-9 * DAY) }, [at(DAY)]],
  ])('goes by the latest moment of a session, its %s', async (_, fields, printed) => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    const add = (id: string, of: Partial<NewSession>) =>
      sessions.create(sampleSession({ status: 'completed', id, ...of }))
    add('before', { startedAt: at(DAY - 1) })
    add('this', fields)
    for (const timestamp of printed) outputs.append(sampleOutput({ sessionId: 'this', timestamp }))
    add('behind', { startedAt: at(DAY + 1) })
    const pruned = async (options: PruneOptions) =>
      (await connection.prune({ ...options, dryRun: true })).sessions
    expect(await pruned({ olderThan: at(DAY) })).toEqual(['before'])
    expect(await pruned({ olderThan: at(DAY + 1) })).toEqual(['before', 'this'])
    expect(await pruned({ olderThan: at(DAY + 1), keepLast: 2 })).toEqual(['before'])
    expect(await pruned({ keepLast: 1 })).toEqual(['before', 'this'])
    expect(await pruned({ keepLast: 2 })).toEqual(['before'])
    expect(await pruned({ maxBytes: 0 })).toEqual(['before', 'this', 'behind'])
    expect(await connection.prune({ keepLast: 2 })).toMatchObject({ sessions: ['before'] })
    expect(ids(stores)).toEqual(['this', 'behind'])
  })

  test('removes no pinned session, and does not count it', async () => {
    const stores = openDays()
    stores.sessions.pin('day-0')
    stores.sessions.pin('day-5')
    expect(await stores.connection.prune({ keepLast: 1 })).toMatchObject({
      sessions: ['day-1', 'day-2', 'day-3'],
    })
    expect(ids(stores)).toEqual(['day-0', 'day-4', 'day-5'])
  })

  test('removes output without a session only if that is asked for', async () => {
    const stores = openDays()
    const orphan = (milliseconds: number) =>
      sampleOutput({ sessionId: 'orphan', timestamp: at(milliseconds) })
    stores.outputs.appendMany([orphan(0), orphan(5), orphan(6)])
    await stores.connection.prune({ olderThan: at(5), keepLast: 9 })
    expect(chunks(stores)).toMatchObject({ orphan: 3 })
    const old = { olderThan: at(5), keepLast: 9, orphans: true }
    expect(await stores.connection.prune(old)).toMatchObject({ sessions: [], outputs: 1, bytes: 5 })
    expect(chunks(stores)).toMatchObject({ orphan: 2, 'day-0': 3 })
    expect(await stores.connection.prune({ orphans: true })).toMatchObject({ outputs: 2 })
    expect(stores.connection.verify().orphanedOutputs).toBe(0)
    expect(ids(stores)).toEqual(ALL)
  })

  test('removes output that is still queued with its session', async () => {
    const stores = openDays()
    const behind = new OutputStore(stores.connection, { writeBehind: { maxDelay: 60_000 } })
    behind.append(sampleOutput({ sessionId: 'day-0', data: 'queued' }))
    expect(await stores.connection.prune({ olderThan: at(3) })).toMatchObject({
      sessions: ['day-0'],
      outputs: 4,
      bytes: 36,
    })
    expect(stores.connection.verify().orphanedOutputs).toBe(0)
  })

  test('removes sessions from a database in memory as well', async () => {
    const stores = openDays(3, 10, ':memory:')
    const told: PruneProgress[] = []
    const onProgress = (progress: PruneProgress) => void told.push(progress)
    const pruned = stores.connection.prune({ keepLast: 2, onProgress })
    expect(ids(stores)).toEqual(['day-4', 'day-5'])
    expect(await pruned).toMatchObject({ sessions: ALL.slice(0, 4), outputs: 12 })
    expect(told).toMatchObject([{ sessions: 4, outputs: 12 }])
  })
})

describe('the file of a database that is pruned', () => {
  test('prune() makes the file no larger than asked for, and smaller on the disk', async () => {
    const stores = openDays(600, 3_000)
    const { connection } = stores
    connection.db.pragma('wal_checkpoint(TRUNCATE)')
    const before = statSync(connection.path).size
    expect(before).toBeGreaterThan(9 << 20)
    const maxBytes = 5 << 20
    const told: PruneProgress[] = []
    const report = await connection.prune({
      maxBytes,
      onProgress: (progress) => void told.push(progress),
    })
    expect(report).toMatchObject({ fileBytesBefore: before, freeBytes: 0, givesSpaceBack: true })
    expect(report.fileBytes).toBeLessThanOrEqual(maxBytes)
    // It removes no more sessions than necessary.
    expect(report.fileBytes).toBeGreaterThan(maxBytes - (3 << 20))
    expect(report.sessions).toEqual(ALL.slice(0, report.sessions.length))
    expect(ids(stores)).toEqual(ALL.slice(report.sessions.length))
    // The checkpointer may be at the log as well.
    await expect.poll(() => statSync(connection.path).size, PATIENCE).toBe(report.fileBytes)
    expect(told.length).toBeGreaterThan(1)
    expect(told.at(-1)).toEqual({
      sessions: report.sessions.length,
      outputs: report.outputs,
      bytes: report.bytes,
      fileBytes: report.fileBytes,
      freeBytes: 0,
      scannedBytes: expect.any(Number) as number,
    })
    expect(connection.verify()).toMatchObject({ ok: true, problems: [] })
  })

  test('prune() says that a file of the better-sqlite3 version keeps its free space', async () => {
    const stores = openDays(600, 3_000, copyOfPlanFile())
    const report = await stores.connection.prune({ keepLast: 1 })
    expect(report.givesSpaceBack).toBe(false)
    expect(report.fileBytes).toBe(report.fileBytesBefore)
    expect(report.freeBytes).toBeGreaterThan(8 << 20)
    stores.connection.db.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM')
    expect(await stores.connection.prune({ keepLast: 1 })).toMatchObject({
      freeBytes: 0,
      givesSpaceBack: true,
    })
  })

  test('prune() with dryRun works on a connection that only reads', async () => {
    const { connection } = openDays()
    const reader = openConnection(connection.path, { readonly: true })
    expect(await reader.prune({ keepLast: 5, dryRun: true })).toMatchObject({ sessions: ['day-0'] })
    expect(await rejectionOf(reader.prune({ keepLast: 5 }))).toEqual(
      sqliteFailure('SQLITE_READONLY'),
    )
  })
})

describe('while prune is at work', () => {
  interface Pruned {
    stores: Stores
    report: PruneReport
    count: number
  }

  /**
   * Prunes two sessions of many slices, `count` chunks each, and calls `change` when some of the first one is gone. On
   * a busy machine all of it may be gone before this process is told: then it tries again, with more.
   */
  async function pruneAnd(change: (stores: Stores) => unknown, count = 3_000): Promise<Pruned> {
    const stores = openDays(count, 4_000, undefined, 2)
    const isThere = stores.connection.db.prepare("SELECT 1 FROM sessions WHERE id = 'day-0'")
    const found: { isThere?: boolean } = {}
    const report = await stores.connection.prune({
      olderThan: at(DAY + 1),
      onProgress: ({ outputs }) => {
        if (found.isThere !== undefined || outputs === 0) return
        // Nothing is removed during this transaction.
        stores.connection.db
          .transaction(() => {
            found.isThere = isThere.get() !== undefined
            if (found.isThere) change(stores)
          })
          .immediate()
      },
    })
    return found.isThere ? { stores, report, count } : pruneAnd(change, count * 2)
  }

  test.each<[string, (stores: Stores) => unknown]>([
    ['is pinned', ({ sessions }) => sessions.pin('day-0')],
    ['starts again', ({ sessions }) => sessions.update('day-0', { status: 'running' })],
    ['ends anew', ({ sessions }) => sessions.update('day-0', { endedAt: at(9 * DAY) })],
  ])('prune() leaves a session that %s with what it still has', async (_, change) => {
    const { stores, report, count } = await pruneAnd(change)
    expect(report.sessions).toEqual(['day-1'])
    expect(ids(stores)).toEqual(ALL.filter((id) => id !== 'day-1'))
    const left = stores.outputs.getBySession('day-0').length
    expect(left).toBeGreaterThan(0)
    expect(left).toBe(2 * count - report.outputs)
    // The oldest output is gone.
    expect(stores.outputs.getBySession('day-0', 1)[0]?.timestamp).toEqual(at(count - 1))
  })

  test('what a session prints is removed with it', async () => {
    const { stores, report, count } = await pruneAnd(({ outputs }) =>
      outputs.append(sampleOutput({ sessionId: 'day-0', timestamp: at(DAY) })),
    )
    expect(report).toMatchObject({ sessions: ['day-0', 'day-1'], outputs: 2 * count + 1 })
    expect(stores.connection.verify().orphanedOutputs).toBe(0)
  })

  test.each<[string, { atOnce: number; pause: number }]>([
    ['now and then', { atOnce: 1, pause: 1 }],
    ['without a pause', { atOnce: 50, pause: 0 }],
  ])('prune() works while another process writes %s', PATIENCE, async (_, pace) => {
    const stores = openDays(4_000, 1_000)
    const writer = startChild(
      async ({ pkg, meet }, path, { atOnce, pause }) => {
        const connection = new pkg.DatabaseConnection(path)
        const outputs = new pkg.OutputStore(connection)
        const took: number[] = []
        const parent = { waits: true }
        void meet('writing').then(() => (parent.waits = false))
        while (parent.waits) {
          for (let i = 0; i < atOnce; i++) {
            const before = process.hrtime.bigint()
            outputs.append({
              sessionId: 'live',
              timestamp: new Date(),
              type: 'stdout',
              data: 'x'.repeat(200),
            })
            took.push(Number(process.hrtime.bigint() - before) / 1e6)
          }
          await new Promise((resume) =>
            pause > 0 ? setTimeout(resume, pause) : setImmediate(resume),
          )
        }
        connection.close()
        took.sort((a, b) => a - b)
        return { count: took.length, median: took[took.length >> 1], slowest: took.at(-1) }
      },
      [stores.connection.path, pace],
    )
    await writer.met('writing')
    const report = await stores.connection.prune({ keepLast: 0 })
    writer.resume()
    const { count, median, slowest } = await writer.result
    console.log(`${count} commits while pruning: median ${median} ms, slowest ${slowest} ms`)
    expect(report).toMatchObject({ sessions: ALL, outputs: 24_000 })
    expect(chunks(stores)).toEqual({ live: count })
    expect(stores.connection.verify()).toMatchObject({ ok: true, orphanedOutputs: count })
  })

  test('its process may be killed, and the next call goes on', async () => {
    const stores = openDays(4_000, 1_000)
    const { path } = stores.connection
    stores.connection.close()
    const child = startChild(
      async ({ pkg }, file) => {
        const connection = new pkg.DatabaseConnection(file)
        await connection.prune({
          keepLast: 0,
          onProgress: ({ outputs }) => {
            if (outputs > 0) process.kill(process.pid, 'SIGKILL')
          },
        })
      },
      [path],
    )
    expect((await child.outcome).signal).toBe('SIGKILL')
    const again = openStores(path)
    const left = Object.values(chunks(again) as Record<string, number>)
    const rows = left.reduce((sum, count) => sum + count, 0)
    expect(rows).toBeGreaterThan(0)
    expect(rows).toBeLessThan(24_000)
    expect(again.connection.verify()).toMatchObject({ ok: true, orphanedOutputs: 0 })
    expect(await again.connection.prune({ keepLast: 0 })).toMatchObject({ outputs: rows })
    expect(ids(again)).toEqual([])
  })

  test('prune() can be stopped by its signal, and what is gone stays gone', async () => {
    const stores = openDays(4_000, 1_000)
    const abort = new AbortController()
    const reason = new Error('enough')
    const pruned = stores.connection.prune({
      keepLast: 0,
      signal: abort.signal,
      onProgress: ({ outputs }) => {
        if (outputs > 0) abort.abort(reason)
      },
    })
    await expect(pruned).rejects.toBe(reason)
    expect(stores.connection.verify()).toMatchObject({ ok: true, orphanedOutputs: 0 })
    const left = Object.values(chunks(stores) as Record<string, number>)
    expect(left.reduce((sum, count) => sum + count, 0)).toBeLessThan(24_000)
    await expect(
      stores.connection.prune({ keepLast: 0, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason)
    expect(await stores.connection.prune({ keepLast: 0 })).toMatchObject({
      sessions: expect.arrayContaining(['day-5']) as string[],
    })
    expect(chunks(stores)).toEqual({})
  })

  test('prune() throws SQLITE_BUSY while a transaction of the caller is open', async () => {
    const stores = openStores(undefined, { timeout: 50 })
    stores.sessions.create(sampleSession({ status: 'failed' }))
    stores.connection.db.exec('BEGIN IMMEDIATE')
    expect(await rejectionOf(stores.connection.prune({ keepLast: 0 }))).toEqual(
      sqliteFailure('SQLITE_BUSY'),
    )
    stores.connection.db.exec('COMMIT')
    expect(ids(stores)).toEqual(['s-1'])
  })
})

describe('prune with wrong options', () => {
  const missing = outOfRange('DatabaseConnection.prune', 'options', 'olderThan')

  test.each<[string, unknown, Failure]>([
    ['nothing', undefined, missing],
    ['null', null, missing],
    ['no option', {}, missing],
    ['only which sessions', { statuses: ['completed'], dryRun: false }, missing],
    ['orphans that stay', { orphans: false }, missing],
    ['a number', 5, wrongType('options', '5')],
    ['a moment that is a number', { olderThan: 5 }, wrongType('options.olderThan', '5')],
    ['no moment', { olderThan: new Date(Number.NaN) }, outOfRange('options.olderThan', 'invalid')],
    ['fewer than none', { keepLast: -1 }, outOfRange('options.keepLast', '-1')],
    ['half a session', { keepLast: 0.5 }, outOfRange('options.keepLast', '0.5')],
    ['a size below 0', { maxBytes: -1 }, outOfRange('options.maxBytes', '-1')],
    ['a size in words', { maxBytes: '1G' }, wrongType('options.maxBytes', '1G')],
    [
      'sessions at work',
      { keepLast: 0, statuses: ['failed', 'running'] },
      outOfRange('options.statuses[1]', 'running'),
    ],
    ['one status', { keepLast: 0, statuses: 'failed' }, wrongType('options.statuses', 'failed')],
    ['no callback', { keepLast: 0, onProgress: 5 }, wrongType('options.onProgress', '5')],
  ])('removes nothing, and says what is wrong: %s', async (_, options, failure) => {
    const stores = openDays()
    expect(await rejectionOf(stores.connection.prune(options as PruneOptions))).toEqual(failure)
    expect(ids(stores)).toEqual(ALL)
  })

  test('removes nothing on a closed connection', async () => {
    const { connection } = openDays()
    connection.close()
    expect(await rejectionOf(connection.prune({ keepLast: 0 }))).toEqual(
      invalidState('DatabaseConnection.prune', 'closed'),
    )
  })
})
