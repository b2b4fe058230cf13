import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { NewSession, Session } from '../../index.js'
import { startChild } from '../support/child.js'
import {
  at,
  everyRow,
  failureOf,
  invalidState,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  wrongType,
} from '../support/support.js'

const MINUTE = 60_000

/** A moment so long before now. */
function ago(milliseconds: number): Date {
  return new Date(Date.now() - milliseconds)
}

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid ?? 0
}

/** Stores with one session, that was stored when it started. */
function openWith(fields: Partial<NewSession>) {
  const stores = openStores()
  stores.sessions.create(sampleSession(fields))
  const { startedAt } = stores.sessions.get('s-1') as Session
  touch(stores, startedAt)
  return stores
}

/** Has all sessions be last changed at a moment. */
function touch({ connection }: ReturnType<typeof openStores>, moment: Date): void {
  const text = moment.toISOString().slice(0, 19).replace('T', ' ')
  connection.db.prepare('UPDATE sessions SET updated_at = ?').run(text)
}

describe('failOrphans() marks a session', () => {
  test.each([['running'], ['waiting_checkpoint']] as const)(
    'failOrphans() marks a session that is %s and whose process has ended',
    async (status) => {
      const pid = await deadPid()
      const { sessions } = openWith({ status, pid, startedAt: ago(MINUTE) })
      const before = sessions.get('s-1') as Session
      expect(sessions.failOrphans({ dryRun: true })).toEqual([before])
      expect(sessions.get('s-1')).toEqual(before)
      const failed = { ...before, status: 'failed', endedAt: before.startedAt }
      expect(sessions.failOrphans()).toEqual([failed])
      expect(sessions.get('s-1')).toEqual(failed)
      expect(sessions.failOrphans()).toEqual([])
    },
  )

  test.each([[0], [-1], [2 ** 31], [2 ** 53]])(
    'failOrphans() marks a session with the pid %d, which no process can have',
    (pid) => {
      const { sessions } = openWith({ pid })
      expect(sessions.failOrphans()).toMatchObject([{ id: 's-1', status: 'failed', pid }])
    },
  )

  test('failOrphans() marks a session that has no pid for more than a minute', () => {
    const stores = openWith({ startedAt: ago(MINUTE + 2_000) })
    expect(stores.sessions.failOrphans()).toMatchObject([{ id: 's-1', pid: undefined }])
  })

  test.runIf(process.platform === 'linux')(
    'failOrphans() marks a session whose pid is that of a later process',
    async () => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
      onTestFinished(() => void child.kill('SIGKILL'))
      await once(child, 'spawn')
      const pid = child.pid ?? 0
      const stores = openWith({ pid, startedAt: ago(MINUTE) })
      touch(stores, ago(0))
      expect(stores.sessions.failOrphans()).toEqual([])
      touch(stores, ago(MINUTE))
      expect(stores.sessions.failOrphans()).toMatchObject([{ id: 's-1', pid }])
    },
  )

  test('failOrphans() sets the end of a session to its last output, queued or not', async () => {
    const pid = await deadPid()
    const { sessions, outputs } = openWith({ pid, startedAt: at(10) })
    outputs.appendMany([
      sampleOutput({ timestamp: at(30) }),
      sampleOutput({ timestamp: at(20) }),
      sampleOutput({ sessionId: 'other', timestamp: at(40) }),
    ])
    expect(sessions.failOrphans()).toMatchObject([{ endedAt: at(30) }])
  })

  test('failOrphans() sets no end before the start, and keeps an end that is set', async () => {
    const pid = await deadPid()
    const { sessions, outputs } = openWith({ pid, startedAt: at(10) })
    outputs.append(sampleOutput({ timestamp: at(5) }))
    sessions.create(sampleSession({ id: 's-2', pid, startedAt: at(50), endedAt: at(60) }))
    expect(sessions.failOrphans()).toMatchObject([
      { id: 's-2', endedAt: at(60) },
      { id: 's-1', endedAt: at(10) },
    ])
  })

  test('failOrphans() marks the sessions of a harness that was killed', async () => {
    const { connection, sessions } = openStores()
    const harness = startChild(
      async ({ pkg, meet }, path) => {
        const own = new pkg.SessionStore(new pkg.DatabaseConnection(path))
        for (const id of ['a', 'b']) {
          own.create({
            id,
            slot: 1,
            status: 'running',
            workingDir: '/',
            startedAt: new Date(),
            pid: process.pid,
          })
        }
        await meet('stored')
        process.kill(process.pid, 'SIGKILL')
      },
      [connection.path],
    )
    await harness.met('stored')
    expect(sessions.failOrphans()).toEqual([])
    harness.resume()
    await harness.outcome
    expect(sessions.failOrphans().map(({ id }) => id)).toEqual(['b', 'a'])
    expect(sessions.findRunning()).toEqual([])
  })
})

describe('failOrphans() leaves a session alone', () => {
  test.each<[string, Partial<NewSession>]>([
    ['of this process', { pid: process.pid, startedAt: ago(0) }],
    ['of a process that started long before', { pid: process.ppid, startedAt: ago(0) }],
    ['of a process that may not be asked about', { pid: 1, startedAt: ago(0) }],
    ['that was stored a moment ago and has no pid yet', { startedAt: ago(1_000) }],
    ['that starts in the future', { startedAt: ago(-MINUTE) }],
    ['that does not work yet', { status: 'idle', pid: -1 }],
    ['that is completed', { status: 'completed', pid: -1 }],
    ['that is failed', { status: 'failed', pid: -1 }],
  ])('failOrphans() leaves alone a session %s', (_, fields) => {
    const { connection, sessions } = openWith(fields)
    const before = everyRow(connection)
    expect(sessions.failOrphans()).toEqual([])
    expect(everyRow(connection)).toEqual(before)
  })

  test('failOrphans() leaves alone a session without a pid that was changed a moment ago', () => {
    const stores = openWith({ startedAt: ago(9 * MINUTE) })
    touch(stores, ago(1_000))
    expect(stores.sessions.failOrphans()).toEqual([])
  })
})

describe('failOrphans()', () => {
  test('failOrphans() does all or nothing, and is part of a transaction', () => {
    const { connection, sessions } = openStores()
    for (const id of ['a', 'b', 'c']) sessions.create(sampleSession({ id, pid: -1 }))
    const before = everyRow(connection)
    connection.db.exec('BEGIN')
    expect(sessions.failOrphans()).toHaveLength(3)
    connection.db.exec('ROLLBACK')
    expect(everyRow(connection)).toEqual(before)
    connection.db.exec(`CREATE TRIGGER stop BEFORE UPDATE ON sessions WHEN NEW.id = 'a'
      BEGIN SELECT raise(ABORT, 'not this one'); END`)
    expect(failureOf(() => sessions.failOrphans())).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_TRIGGER'),
    )
    expect(everyRow(connection)).toEqual(before)
    expect(connection.db.inTransaction).toBe(false)
  })

  test('failOrphans() checks its options, and throws on a closed connection', () => {
    const { connection, sessions } = openStores()
    expect(sessions.failOrphans(null)).toEqual([])
    const call = 'SessionStore.failOrphans'
    expect(failureOf(() => sessions.failOrphans(5 as never))).toEqual(
      wrongType(call, 'options', '5'),
    )
    expect(failureOf(() => sessions.failOrphans({ dryRun: 1 as never }))).toEqual(
      wrongType(call, 'options.dryRun', '1'),
    )
    const reader = openStores(connection.path, { readonly: true })
    sessions.create(sampleSession({ pid: -1 }))
    expect(reader.sessions.failOrphans({ dryRun: true })).toHaveLength(1)
    expect(failureOf(() => reader.sessions.failOrphans())).toEqual(sqliteFailure('SQLITE_READONLY'))
    connection.close()
    expect(failureOf(() => sessions.failOrphans())).toEqual(invalidState(call, 'closed'))
    expect(openConnection(connection.path).verify().ok).toBe(true)
  })
})
