import { statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { startChild, type Child, type ChildTools } from '../support/child.js'
import {
  copyOfPlanFile,
  openConnection,
  openStores,
  slotCheck,
  temporaryPath,
} from '../support/support.js'

/** How long writers write. */
const MILLISECONDS = 3_000

/** Sessions by their ids, with the number of chunks that each was sent. */
type Sent = Record<string, number>

/** Runs one session after the other, each with some output, then `completed`. */
async function write({ pkg, meet }: ChildTools, file: string, name: string, ms: number) {
  const connection = new pkg.DatabaseConnection(file)
  const sessions = new pkg.SessionStore(connection)
  const writeBehind = name === 'behind'
  const outputs = new pkg.OutputStore(connection, { writeBehind })
  const pause = (milliseconds: number) =>
    new Promise((resolve) => setTimeout(resolve, milliseconds))
  const sent: Record<string, number> = {}
  await meet('ready')
  const end = Date.now() + ms
  for (let number = 0; Date.now() < end; number++) {
    const id = `${name}-${number}`
    const startedAt = new Date()
    sessions.create({ id, slot: 1, status: 'running', workingDir: '/', startedAt })
    const chunks = 20 + ((number * 37) % 90)
    for (let i = 0; i < chunks; i += 10) {
      const some = Array.from({ length: 10 }, (_, k) => ({
        sessionId: id,
        timestamp: new Date(),
        type: 'stdout' as const,
        data: `${i + k};`,
      }))
      if (name === 'batches') outputs.appendMany(some)
      else for (const output of some) outputs.append(output)
      await pause(1)
    }
    sent[id] = Math.ceil(chunks / 10) * 10
    sessions.update(id, { status: 'completed', endedAt: new Date() })
  }
  connection.close()
  return sent
}

/** Reads whatever there is, which must be the beginning of each session, in order; gives how much it read. */
async function read({ pkg, meet }: ChildTools, file: string) {
  const connection = new pkg.DatabaseConnection(file)
  const sessions = new pkg.SessionStore(connection)
  const outputs = new pkg.OutputStore(connection)
  const control = { stop: false }
  let chunks = 0
  await meet('ready')
  void meet('reading').then(() => (control.stop = true))
  while (!control.stop || chunks === 0) {
    const ids = [...sessions.findRunning(), ...sessions.list().slice(0, 5)].map(({ id }) => id)
    for (const id of ids) {
      const all = outputs.getFullOutput(id, { separator: '' }).split(';').slice(0, -1)
      const inOrder = all.every((number, index) => number === String(index))
      if (!inOrder) throw new Error(`${id} is out of order: ${all.join()}`)
      const newest = outputs.getBySession(id, 20).map(({ data }) => Number.parseInt(data, 10))
      if (newest.some((number, index) => index > 0 && number !== newest[index - 1]! - 1))
        throw new Error(`the newest of ${id} are out of order: ${newest.join()}`)
      chunks += all.length
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  connection.close()
  return chunks
}

/** Follows all output by its ids, and keeps in the file how far it has come; gives the chunks in their order. */
async function follow({ pkg, meet }: ChildTools, file: string) {
  const connection = new pkg.DatabaseConnection(file)
  connection.db.exec('CREATE TABLE progress (id INTEGER)')
  connection.db.exec('INSERT INTO progress VALUES (0)')
  const next = connection.db
    .prepare<[number], [number, string, string]>(
      'SELECT id, session_id, data FROM session_outputs WHERE id > ? ORDER BY id LIMIT 200',
    )
    .raw()
  const keep = connection.db.prepare('UPDATE progress SET id = ?')
  const arrived: [session: string, data: string][] = []
  const control = { stop: false }
  let last = 0
  await meet('ready')
  void meet('following').then(() => (control.stop = true))
  for (;;) {
    // Whatever is written before the last look is seen by it.
    const isLast = control.stop
    const rows = next.all(last)
    for (const [id, session, data] of rows) {
      if (id <= last) throw new Error(`${id} after ${last}`)
      arrived.push([session, data])
      last = id
    }
    if (rows.length > 0) keep.run(last)
    else if (isLast) break
    if (rows.length < 200) await new Promise((resolve) => setTimeout(resolve, 3))
  }
  connection.close()
  return arrived
}

/** Deletes sessions that are completed, and followed to their end, with their output; gives their ids. */
async function retire({ pkg, meet }: ChildTools, file: string) {
  const connection = new pkg.DatabaseConnection(file)
  const sessions = new pkg.SessionStore(connection)
  const isFollowed = connection.db
    .prepare<[string]>(
      'SELECT (SELECT max(id) FROM session_outputs WHERE session_id = ?) <= (SELECT id FROM progress)',
    )
    .pluck()
  const deleted: string[] = []
  const control = { stop: false }
  await meet('ready')
  void meet('retiring').then(() => (control.stop = true))
  while (!control.stop || deleted.length === 0) {
    for (const { id } of sessions.listByStatus('completed').slice(10)) {
      if (isFollowed.get(id) !== 1) continue
      sessions.delete(id)
      deleted.push(id)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  connection.close()
  return deleted
}

/** Tells a child that is at work to come to its end. */
async function ended<T>(child: Child<T>, word: string): Promise<T> {
  await child.met(word)
  child.resume()
  return child.result
}

test('four writers, four readers, a follower and a deleter never get SQLITE_BUSY, and miss no row', async () => {
  const path = temporaryPath()
  // It makes the table that the deleter reads.
  const follower = startChild(follow, [path])
  await follower.met('ready')
  const writers = ['one', 'two', 'batches', 'behind'].map((name) =>
    startChild(write, [path, name, MILLISECONDS]),
  )
  const readers = Array.from({ length: 4 }, () => startChild(read, [path]))
  const deleter = startChild(retire, [path])
  await Promise.all([...writers, ...readers, deleter].map((child) => child.met('ready')))
  for (const child of [follower, ...readers, deleter, ...writers]) child.resume()

  // An exception in any of them, SQLITE_BUSY or another, rejects.
  const sent: Sent = Object.assign({}, ...(await Promise.all(writers.map(({ result }) => result))))
  const chunksRead = await Promise.all(readers.map((reader) => ended(reader, 'reading')))
  const deleted = await ended(deleter, 'retiring')
  const arrived = await ended(follower, 'following')

  expect(chunksRead.every((chunks) => chunks > 0)).toBe(true)
  const bySession: Record<string, string[]> = {}
  for (const [session, data] of arrived) (bySession[session] ??= []).push(data)
  const expected = Object.entries(sent).map(([id, count]) => [
    id,
    Array.from({ length: count }, (_, i) => `${i};`),
  ])
  expect(bySession).toEqual(Object.fromEntries(expected))

  const { connection, sessions, outputs } = openStores(path)
  const left = sessions.list().map(({ id }) => id)
  expect([...left, ...deleted].sort()).toEqual(Object.keys(sent).sort())
  for (const id of deleted) expect(outputs.getBySession(id)).toEqual([])
  for (const id of left) expect(outputs.getBySession(id)).toHaveLength(sent[id]!)
  expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
})

/** Appends without a pause; gives how often. */
async function flood({ pkg, meet }: ChildTools, file: string, walLimit: number, ms: number) {
  const connection = new pkg.DatabaseConnection(file, { walLimit })
  const outputs = new pkg.OutputStore(connection)
  const data = 'x'.repeat(150)
  await meet('ready')
  let count = 0
  for (const end = Date.now() + ms; Date.now() < end; count++) {
    outputs.append({ sessionId: `${process.pid}`, timestamp: new Date(), type: 'stdout', data })
  }
  await meet('done')
  connection.close()
  return count
}

test('six writers without a pause each get a share, and the log stays below twice its limit', async () => {
  const { path, db } = openConnection()
  const walLimit = 4 * 2 ** 20
  const writers = Array.from({ length: 6 }, () => startChild(flood, [path, walLimit, MILLISECONDS]))
  await Promise.all(writers.map((writer) => writer.met('ready')))
  for (const writer of writers) writer.resume()
  await Promise.all(writers.map((writer) => writer.met('done')))
  // The file of the log is as long as it ever was since it was last cut to its limit.
  expect(statSync(`${path}-wal`).size).toBeLessThanOrEqual(2 * walLimit)
  for (const writer of writers) writer.resume()
  const counts = await Promise.all(writers.map(({ result }) => result))
  const sum = counts.reduce((all, count) => all + count, 0)
  expect(db.prepare('SELECT count(*) FROM session_outputs').pluck().get()).toBe(sum)
  expect(Math.min(...counts) * 3).toBeGreaterThan(sum / counts.length)
})

describe('eight processes that open one file of the older version at once', () => {
  const SLOTS = [7, 3, 10, 4, 8, 5, 9, 6]

  /** The rows that the older version left. */
  function olderRows(path: string): unknown {
    const { db } = openConnection(path)
    return {
      sessions: db
        .prepare("SELECT rowid, * FROM sessions WHERE id NOT LIKE 'new-%' ORDER BY rowid")
        .all(),
      outputs: db
        .prepare("SELECT * FROM session_outputs WHERE session_id NOT LIKE 'new-%' ORDER BY id")
        .all(),
    }
  }

  test('eight processes with other slots each open the file, which then has the most slots and every row', async () => {
    const files = Array.from({ length: 4 }, () => copyOfPlanFile())
    const children = SLOTS.map((slots) =>
      startChild(
        async ({ pkg, meet }, paths, slot) => {
          for (const path of paths) {
            await meet('ready')
            const connection = new pkg.DatabaseConnection(path, { slots: slot })
            const id = `new-${slot}`
            const timestamp = new Date(0)
            new pkg.SessionStore(connection).create({
              id,
              slot,
              status: 'idle',
              workingDir: '/',
              startedAt: timestamp,
            })
            new pkg.OutputStore(connection).append({
              sessionId: id,
              timestamp,
              type: 'stdout',
              data: id,
            })
            connection.close()
          }
        },
        [files, slots],
      ),
    )
    for (const _ of files) {
      await Promise.all(children.map((child) => child.met('ready')))
      for (const child of children) child.resume()
    }
    await Promise.all(children.map((child) => child.result))

    const version = openConnection().db.pragma('user_version', { simple: true })
    const older = olderRows(copyOfPlanFile())
    for (const file of files) {
      const { connection, sessions, outputs } = openStores(file)
      expect(slotCheck(connection)).toBe('1, 2, 3, 4, 5, 6, 7, 8, 9, 10')
      expect(connection.db.pragma('user_version', { simple: true })).toBe(version)
      for (const slot of SLOTS) {
        expect(sessions.get(`new-${slot}`)?.slot).toBe(slot)
        expect(outputs.getFullOutput(`new-${slot}`)).toBe(`new-${slot}`)
      }
      expect(olderRows(file)).toEqual(older)
      expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
    }
  })
})
