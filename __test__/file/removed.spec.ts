// What is deleted is gone: from the file, from its log, and from a backup that is made afterwards.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { OutputStore } from '../../index.js'
import { packagePath, startChild } from '../support/child.js'
import {
  at,
  copyOfPlanFile,
  everyRow,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
  writeForeignFile,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

/** Enough time on a busy machine as well. */
const PATIENCE = { timeout: 30_000 }

/** A sequence of numbers below 1 that is always the same. */
function seeded(seed: number) {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
}

/** The names of texts in the file and its log. */
function tokensIn(path: string): Set<string> {
  const found = new Set<string>()
  for (const file of [path, `${path}-wal`]) {
    if (!existsSync(file)) continue
    for (const [token] of readFileSync(file, 'latin1').matchAll(/<\w\d{7}>/g)) found.add(token)
  }
  return found
}

/** The names of texts that can be read by SQL. */
function liveTokens({ connection }: Stores): Set<string> {
  const rows = [
    'SELECT id || working_dir || coalesce(current_command, 0) FROM sessions',
    'SELECT session_id || data FROM session_outputs',
    'SELECT session_id || coalesce(title, 0) || coalesce(error, 0) FROM gsd_session_details',
    // The id of a removed session stays, so that others learn that it is gone.
    'SELECT session_id FROM gsd_session_changes',
  ].map((sql) => connection.db.prepare(sql).pluck().all())
  return new Set([...String(rows).matchAll(/<\w\d{7}>/g)].map(([token]) => token))
}

/** Texts with a name of their own. */
function texts() {
  let count = 0
  return (kind: string, length = 10) => {
    const token = `<${kind}${String(++count).padStart(7, '0')}>`
    return token.repeat(Math.ceil(length / token.length))
  }
}

/** Stores `count` sessions whose commands change and grow, with chunks in turns, and calls `remove` for most of them. */
function fill(stores: Stores, count: number, remove: (id: string) => void, seed = 1): void {
  const { sessions, outputs } = stores
  const [random, text] = [seeded(seed), texts()]
  const ids = Array.from({ length: count }, () => `${random()}`.slice(2, 6) + text('I'))
  const pick = () => ids[Math.floor(random() * ids.length)] ?? ''
  const gone = new Set<string>()
  const removeOnce = (id: string) => {
    if (!gone.has(id)) remove(id)
    gone.add(id)
  }
  for (const id of ids) {
    const session = { workingDir: text('W'), currentCommand: text('C'), endedAt: at(0) }
    sessions.create(sampleSession({ id, status: 'completed', ...session }))
  }
  for (let step = 0; step < count * 3; step++) {
    const id = pick()
    if (gone.has(id)) continue
    sessions.update(id, { currentCommand: text('C', random() * 200) })
    if (random() < 0.3) sessions.update(id, { title: text('T'), error: text('E', random() * 300) })
    const data = text('O', random() < 0.02 ? 9_000 : random() * 300)
    outputs.append(sampleOutput({ sessionId: id, data }))
    if (random() < 0.1) removeOnce(pick())
  }
  for (const id of ids) if (random() < 0.6) removeOnce(id)
}

/** What the file holds beyond what can be read, and what of that it lacks. */
function differences(live: Set<string>, path: string) {
  expect(live.size).toBeGreaterThan(0)
  const found = tokensIn(path)
  return {
    left: [...found].filter((token) => !live.has(token)),
    lost: [...live].filter((token) => !found.has(token)),
  }
}

const NONE = { left: [], lost: [] }

/** Closes the connection. The differences of the file, then of a fresh backup, then what is wrong with the file. */
async function afterClose(stores: Stores): Promise<unknown[]> {
  const live = liveTokens(stores)
  const { path } = stores.connection
  stores.connection.close()
  const inFile = differences(live, path)
  const copy = join(temporaryFolder(), 'copy.db')
  const again = openConnection(path)
  await again.backup(copy)
  return [inFile, differences(live, copy), again.verify().problems]
}

const GONE = [NONE, NONE, []]

/** Waits until the file and its log have no other tokens. */
async function onlyAreLeft(live: Set<string>, path: string): Promise<void> {
  const stale = () => [...tokensIn(path)].filter((token) => !live.has(token))
  await expect.poll(stale, { timeout: 20_000, interval: 100 }).toEqual([])
}

describe('What is deleted is gone from the file, its log and a new backup', () => {
  test('after sessions.delete and close, of 4,500 sessions', PATIENCE, async () => {
    const stores = openStores()
    fill(stores, 4_500, (id) => stores.sessions.delete(id))
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test.each([1, 2])('after deleteBySession and close, seed %i', PATIENCE, async (seed) => {
    const stores = openStores()
    const remove = (id: string) => {
      stores.outputs.deleteBySession(id)
      stores.sessions.delete(id, { keepOutputs: true })
    }
    fill(stores, 500, remove, seed)
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test('with write-behind', PATIENCE, async () => {
    const stores = openStores()
    const outputs = new OutputStore(stores.connection, { writeBehind: { maxDelay: 5 } })
    fill({ ...stores, outputs }, 500, (id) => stores.sessions.delete(id))
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test('once prune has resolved, while the connection stays open', PATIENCE, async () => {
    const stores = openStores()
    fill(stores, 500, (id) => stores.sessions.update(id, { status: 'failed' }))
    const report = await stores.connection.prune({ keepLast: 0, statuses: ['failed'] })
    expect(report.sessions.length).toBeGreaterThan(250)
    expect(report.cleanedPages).toBeGreaterThan(0)
    const live = liveTokens(stores)
    expect(differences(live, stores.connection.path)).toEqual(NONE)
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test.each(['TRUNCATE', 'PASSIVE', 'RESTART', 'FULL'])(
    'after an explicit checkpoint, %s',
    PATIENCE,
    (mode) => {
      const stores = openStores()
      fill(stores, 300, (id) => stores.sessions.delete(id))
      stores.connection.db.pragma(`wal_checkpoint(${mode})`)
      const live = liveTokens(stores)
      expect(differences(live, stores.connection.path)).toEqual(NONE)
    },
  )

  test('after a checkpoint by exec, in the middle of other statements', PATIENCE, () => {
    const stores = openStores()
    fill(stores, 100, (id) => stores.sessions.delete(id))
    stores.connection.db.exec('SELECT 1; PRAGMA main.WAL_CHECKPOINT = truncate; SELECT 2')
    expect(differences(liveTokens(stores), stores.connection.path)).toEqual(NONE)
  })

  test('soon after, without any further call', PATIENCE, async () => {
    const stores = openStores()
    fill(stores, 300, (id) => stores.sessions.delete(id))
    const live = liveTokens(stores)
    await onlyAreLeft(live, stores.connection.path)
    expect(differences(live, stores.connection.path)).toEqual(NONE)
  })

  test('in a backup of a connection that stays open', PATIENCE, async () => {
    const stores = openStores()
    fill(stores, 300, (id) => stores.sessions.delete(id))
    const copy = join(temporaryFolder(), 'copy.db')
    await stores.connection.backup(copy)
    expect(differences(liveTokens(stores), copy)).toEqual(NONE)
  })

  test('in a backup of a database in memory', PATIENCE, async () => {
    const stores = openStores(':memory:')
    fill(stores, 300, (id) => stores.sessions.delete(id))
    const copy = join(temporaryFolder(), 'copy.db')
    await stores.connection.backup(copy)
    expect(differences(liveTokens(stores), copy)).toEqual(NONE)
    expect(openConnection(copy).verify().problems).toEqual([])
  })

  test('after a transaction of the caller, and not before it has ended', PATIENCE, async () => {
    const stores = openStores()
    const { db } = stores.connection
    fill(stores, 300, (id) => {
      db.transaction(() => stores.sessions.delete(id))()
    })
    const rollBack = db.transaction(() => {
      for (const { id } of stores.sessions.list()) stores.sessions.delete(id)
      throw new Error('no')
    })
    const before = stores.sessions.list().length
    expect(rollBack).toThrow('no')
    expect(stores.sessions.list()).toHaveLength(before)
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test('although the same transaction stores long texts on the freed pages', PATIENCE, async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    fill(stores, 300, () => {})
    const add = (index: number) =>
      outputs.append(sampleOutput({ sessionId: 'long', data: 'y'.repeat(4_100 + index * 37) }))
    connection.db.transaction(() => {
      for (const [index, { id }] of sessions.list().slice(0, 200).entries()) {
        sessions.delete(id)
        add(index)
      }
    })()
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test('although the connection is closed in the middle of a transaction', PATIENCE, () => {
    const stores = openStores()
    fill(stores, 100, (id) => stores.sessions.delete(id))
    const live = liveTokens(stores)
    stores.connection.db.exec('BEGIN; UPDATE sessions SET pid = 1; DELETE FROM session_outputs')
    stores.connection.close()
    expect(differences(live, stores.connection.path)).toEqual(NONE)
  })

  test('where an iteration was open meanwhile', PATIENCE, async () => {
    const stores = openStores()
    fill(stores, 300, () => {})
    const all = stores.sessions.list()
    const rows = stores.outputs.iterate(all[0]?.id ?? '')
    rows.next()
    for (const { id } of all.slice(0, 200)) stores.sessions.delete(id)
    rows.return?.()
    expect(await afterClose(stores)).toEqual(GONE)
  })

  test('with a second process that has the file open', PATIENCE, async () => {
    const stores = openStores()
    const path = stores.connection.path
    const child = startChild(
      async ({ pkg, meet }, file) => {
        const connection = new pkg.DatabaseConnection(file)
        new pkg.SessionStore(connection).list()
        await meet('open')
        connection.close()
      },
      [path],
    )
    await child.met('open')
    fill(stores, 500, (id) => stores.sessions.delete(id))
    expect(await afterClose(stores)).toEqual(GONE)
    child.resume()
    await child.result
  })

  test.each(['process.exit()', 'its end', 'an exception', 'a Worker that ends'])(
    'after %s without close',
    PATIENCE,
    async (how) => {
      const stores = openStores()
      const path = stores.connection.path
      fill(stores, 100, () => {})
      const removed = stores.sessions.list().slice(0, 60)
      const child = startChild(
        async ({ pkg, require }, file, ids, end) => {
          const remove = () => {
            const connection = new pkg.DatabaseConnection(file)
            const sessions = new pkg.SessionStore(connection)
            for (const id of ids) sessions.delete(id)
          }
          if (end === 'a Worker that ends') {
            const { Worker } =
              require('node:worker_threads') as typeof import('node:worker_threads')
            const source = `const pkg = require(process.env.PACKAGE)
              const [file, ids] = require('node:worker_threads').workerData
              ;(${remove.toString()})()`
            const workerData = [file, ids]
            const worker = new Worker(source, { eval: true, workerData, env: process.env })
            await new Promise((resolve) => worker.once('exit', resolve))
            return
          }
          remove()
          if (end === 'process.exit()') process.exit(0)
          if (end === 'an exception') throw new Error('nobody catches this')
        },
        [path, removed.map(({ id }) => id), how],
        { env: { PACKAGE: packagePath } },
      )
      await child.outcome
      const live = liveTokens(stores)
      expect(stores.sessions.list()).toHaveLength(40)
      expect(differences(live, path)).toEqual(NONE)
    },
  )

  test('once a reader that kept the log is done', PATIENCE, async () => {
    const stores = openStores()
    fill(stores, 100, () => {})
    const reader = openConnection(stores.connection.path, { readonly: true })
    reader.db.exec('BEGIN; SELECT count(*) FROM sessions')
    for (const { id } of stores.sessions.list().slice(0, 50)) stores.sessions.delete(id)
    await expect
      .poll(() => stores.connection.walStatus().blockedBy, { timeout: 20_000 })
      .toBe('reader')
    reader.db.exec('COMMIT')
    const live = liveTokens(stores)
    await onlyAreLeft(live, stores.connection.path)
    expect(stores.connection.walStatus()).toMatchObject({ size: 0, blockedBy: null })
  })

  test('however many others write meanwhile', PATIENCE, async () => {
    const stores = openStores()
    const path = stores.connection.path
    fill(stores, 400, () => {})
    const child = startChild(
      async ({ pkg, meet }, file) => {
        const outputs = new pkg.OutputStore(new pkg.DatabaseConnection(file))
        const state = { isOver: false }
        void meet('writing').then(() => (state.isOver = true))
        while (!state.isOver) {
          outputs.append({ sessionId: '5', timestamp: new Date(), type: 'stdout', data: 'live' })
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      },
      [path],
    )
    await child.met('writing')
    const failed = stores.sessions.list().slice(0, 300)
    for (const { id } of failed) stores.sessions.update(id, { status: 'failed' })
    const report = await stores.connection.prune({ keepLast: 0, statuses: ['failed'] })
    child.resume()
    await child.result
    expect(report.sessions).toHaveLength(300)
    expect(differences(liveTokens(stores), path)).toEqual(NONE)
    expect(await afterClose(stores)).toEqual(GONE)
  })
})

describe('prune({ scrub: true })', () => {
  /** Fills the file, and removes rows as a program does that does not overwrite them. Returns its path. */
  function leaveTraces(path?: string): string {
    const stores = openStores(path)
    fill(stores, 300, () => {})
    stores.connection.close()
    writeForeignFile(
      stores.connection.path,
      `PRAGMA other.secure_delete = OFF;
      DELETE FROM other.session_outputs WHERE id % 3 > 0 OR session_id LIKE '5%';
      UPDATE other.sessions SET current_command = NULL WHERE rowid % 2;
      DELETE FROM other.sessions WHERE rowid % 3 = 1`,
    )
    return stores.connection.path
  }

  test('overwrites what other programs have left in the file', PATIENCE, async () => {
    const path = leaveTraces()
    const stores = openStores(path)
    const live = liveTokens(stores)
    expect([...tokensIn(path)].some((token) => !live.has(token))).toBe(true)
    const scanned: number[] = []
    const report = await stores.connection.prune({
      scrub: true,
      onProgress: ({ scannedBytes }) => void scanned.push(scannedBytes),
    })
    expect(report).toMatchObject({ sessions: [], outputs: 0 })
    expect(report.cleanedPages).toBeGreaterThan(10)
    expect(Math.max(...scanned)).toBeGreaterThan(report.fileBytes / 2)
    expect(differences(live, path)).toEqual(NONE)
    expect(stores.connection.verify().problems).toEqual([])
    expect(await stores.connection.prune({ scrub: true })).toMatchObject({ cleanedPages: 0 })
  })

  test('works on a file of the better-sqlite3 version, and on tables of others', async () => {
    const path = copyOfPlanFile()
    const stores = openStores(path)
    stores.connection.db.exec(`CREATE TABLE notes (a PRIMARY KEY, b) WITHOUT ROWID;
      INSERT INTO notes SELECT value, '<N' || printf('%07d', value) || '>' FROM json_each('[1, 2, 3, 4]');
      CREATE VIRTUAL TABLE words USING fts5 (word); INSERT INTO words VALUES ('some word')`)
    stores.connection.db.pragma('secure_delete = OFF')
    stores.connection.db.exec('DELETE FROM notes WHERE a > 2')
    await stores.connection.prune({ scrub: true })
    const notes = [...tokensIn(path)].filter((token) => token.startsWith('<N'))
    expect(new Set(notes)).toEqual(new Set(['<N0000001>', '<N0000002>']))
    expect(
      stores.connection.db.prepare("SELECT * FROM words WHERE words MATCH 'word'").all(),
    ).toHaveLength(1)
    expect(stores.connection.verify().problems).toEqual([])
  })

  test('works in memory', async () => {
    const stores = openStores(':memory:')
    fill(stores, 50, (id) => stores.sessions.delete(id))
    const { cleanedPages } = await stores.connection.prune({ scrub: true })
    expect(cleanedPages).toBeGreaterThan(0)
  })

  test('stops where a signal is aborted', async () => {
    const stores = openStores(leaveTraces())
    const controller = new AbortController()
    const onProgress = () => controller.abort(new Error('enough'))
    const { signal } = controller
    await expect(stores.connection.prune({ scrub: true, onProgress, signal })).rejects.toThrow(
      'enough',
    )
    expect(stores.connection.verify().problems).toEqual([])
  })

  test('leaves a file alone that uses a page twice', async () => {
    const path = leaveTraces(copyOfPlanFile())
    const bytes = readFileSync(path)
    // The first free page is put on the list a second time, as a page that a table uses.
    const trunk = bytes.readUInt32BE(32)
    const root = openConnection(path, { readonly: true })
      .db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'session_outputs'")
      .pluck()
      .get() as number
    bytes.writeUInt32BE(root, (trunk - 1) * 4096 + 8)
    const damaged = join(temporaryFolder(), 'damaged.db')
    writeFileSync(damaged, bytes)
    const stores = openStores(damaged)
    const before = everyRow(stores.connection)
    await expect(stores.connection.prune({ scrub: true })).rejects.toThrow('is used twice')
    expect(everyRow(stores.connection)).toEqual(before)
  })
})

test(
  'A transaction that has read may write as long as no other program does',
  PATIENCE,
  async () => {
    const stores = openStores()
    const { db } = stores.connection
    db.exec('CREATE TABLE notes (text)')
    fill(stores, 300, (id) => stores.sessions.delete(id))
    const until = Date.now() + 2_000
    while (Date.now() < until) {
      db.exec('BEGIN; SELECT * FROM notes')
      await sleep(40)
      db.exec('INSERT INTO notes VALUES (1); COMMIT')
      await sleep(5)
    }
    expect(db.prepare('SELECT count(*) FROM notes').pluck().get()).toBeGreaterThan(9)
    await onlyAreLeft(liveTokens(stores), stores.connection.path)
  },
)

test('No SQL of callers writes pages, before and after scrubbing', async () => {
  const stores = openStores()
  const write = () =>
    stores.connection.db.exec('UPDATE sqlite_dbpage SET data = zeroblob(4096) WHERE pgno = 2')
  expect(write).toThrow('read-only')
  stores.sessions.create(sampleSession())
  stores.sessions.delete('s-1')
  await stores.connection.prune({ scrub: true })
  expect(write).toThrow('read-only')
  const memory = openStores(':memory:')
  await memory.connection.prune({ scrub: true })
  expect(() => memory.connection.db.exec('UPDATE sqlite_dbpage SET data = 1')).toThrow('read-only')
})
