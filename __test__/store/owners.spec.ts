// Who answers for a session, and `failOrphans()` where that process is gone while the one it started lives.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DatabaseConnection, SessionStore, type NewSession } from '../../index.js'
import { startChild } from '../support/child.js'
import {
  copyOfPlanFile,
  failureOf,
  openStores,
  outOfRange,
  sampleSession,
  wrongType,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

const IDLE = 'setInterval(() => undefined, 1000)'

/** Also sees a process that has ended as gone whose parent has not noticed. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

/** A process that does nothing, or what `program` says, until the test is over. */
async function startProcess(program = IDLE): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['-e', `${program}; console.log('ready')`])
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child as ChildProcess & { pid: number }
}

async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid ?? 0
}

/** Has a harness start a process for the session `s-1`, which ignores SIGTERM or not, and kills the harness. */
async function afterCrash(stores: Stores, { isStubborn = false } = {}): Promise<number> {
  const harness = startChild(
    async ({ pkg, require, meet }, path, program) => {
      const { spawn: start } = require('node:child_process') as typeof import('node:child_process')
      const own = new pkg.SessionStore(new pkg.DatabaseConnection(path))
      const fields = { slot: 1, workingDir: '/', startedAt: new Date() }
      own.create({ ...fields, id: 's-1', status: 'running' })
      const child = start(process.execPath, ['-e', program], {
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      })
      await new Promise((ready) => child.stdout.once('data', ready))
      own.update('s-1', { pid: child.pid ?? null })
      await meet(String(child.pid))
    },
    [
      stores.connection.path,
      `${isStubborn ? "process.on('SIGTERM', () => undefined);" : ''} ${IDLE}; console.log('ready')`,
    ],
  )
  await expect.poll(() => stores.sessions.get('s-1')?.pid, { timeout: 20_000 }).toBeTypeOf('number')
  const { pid } = stores.sessions.get('s-1') as { pid: number }
  onTestFinished(() => end(pid))
  await harness.met(String(pid))
  expect(stores.sessions.failOrphans()).toEqual([])
  harness.end()
  await harness.outcome
  return pid
}

/** What is stored of the processes of `s-1`. */
function stored({ connection }: Stores) {
  return connection.db
    .prepare(
      `SELECT host, owner_pid AS owner, owner_start AS ownerStart, child_pid AS child, child_start AS childStart
       FROM gsd_session_owners WHERE session_id = 's-1'`,
    )
    .get() as Record<string, number | string | null> | undefined
}

function set({ connection }: Stores, what: string): void {
  connection.db.exec(`UPDATE gsd_session_owners SET ${what}`)
}

const ANOTHER_NAMESPACE = "host = substr(host, 1, 36) || ' pid:[1]'"
const ANOTHER_BOOT = "host = '00000000-0000-4000-8000-000000000000 ' || substr(host, 38)"

describe.runIf(process.platform === 'linux')('the owner of a session', () => {
  test('the owner of a new session is the process that stores it, and the process with the pid is its child', async () => {
    const stores = openStores()
    const child = await startProcess()
    stores.sessions.create(sampleSession({ pid: child.pid }))
    expect(stored(stores)).toEqual({
      host: expect.stringMatching(/^[\da-f-]{36} pid:\[\d+\]$/) as string,
      owner: process.pid,
      ownerStart: expect.any(Number) as number,
      child: child.pid,
      childStart: expect.any(Number) as number,
    })
  })

  test('a process that stores the pid of a session becomes its owner, and one that sets the status does not', async () => {
    const stores = openStores()
    const owner = await startProcess()
    stores.sessions.create(sampleSession({ owner: { pid: owner.pid } }))
    expect(stored(stores)).toMatchObject({ owner: owner.pid, child: null })
    stores.sessions.update('s-1', { status: 'waiting_checkpoint', title: 'asks' })
    stores.sessions.update('s-1', { pid: null })
    expect(stored(stores)).toMatchObject({ owner: owner.pid })
    stores.sessions.update('s-1', { pid: owner.pid })
    expect(stored(stores)).toMatchObject({ owner: process.pid, child: owner.pid })
  })

  test('update() names another owner or none, and leaves the child as it is', async () => {
    const stores = openStores()
    const other = await startProcess()
    stores.sessions.create(sampleSession({ pid: process.pid }))
    const { childStart } = stored(stores) as { childStart: number }
    expect(stores.sessions.update('s-1', { owner: { pid: other.pid } })).toBe(true)
    expect(stored(stores)).toMatchObject({ owner: other.pid, child: process.pid, childStart })
    expect(stores.sessions.update('s-1', { owner: null })).toBe(true)
    expect(stored(stores)).toMatchObject({ owner: null, ownerStart: null, childStart })
    stores.sessions.update('s-1', { pid: other.pid, owner: null })
    expect(stored(stores)).toMatchObject({ owner: null, child: other.pid })
    expect(stores.sessions.update('nobody', { owner: null })).toBe(false)
    const ifStatus = 'completed'
    expect(stores.sessions.update('s-1', { owner: { pid: 1 } }, { ifStatus })).toBe(false)
    expect(stored(stores)).toMatchObject({ owner: null })
  })

  test('a session without an owner and a pid, and one that is removed, has no row of owners', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ owner: null }))
    expect(stored(stores)).toBeUndefined()
    stores.sessions.update('s-1', { owner: { pid: process.pid } })
    expect(stored(stores)).toMatchObject({ owner: process.pid })
    stores.sessions.delete('s-1')
    expect(stored(stores)).toBeUndefined()
  })

  test('create() stores neither the session nor its owner where one of them is refused', () => {
    const stores = openStores()
    stores.connection.db.exec(`CREATE TRIGGER stop BEFORE INSERT ON gsd_session_owners
      BEGIN SELECT raise(ABORT, 'no'); END`)
    expect(failureOf(() => stores.sessions.create(sampleSession()))?.type).toBe('SqliteError')
    expect(stores.sessions.list()).toEqual([])
    expect(stores.connection.db.inTransaction).toBe(false)
  })
})

test('create() and update() refuse an owner that is no process', () => {
  const { sessions } = openStores()
  const create = (owner: unknown) =>
    failureOf(() => sessions.create(sampleSession({ owner } as NewSession)))
  const call = 'SessionStore.create'
  expect(create(7)).toEqual(wrongType(call, 'session.owner must be an object', '7'))
  expect(create({})).toEqual(wrongType(call, 'session.owner.pid', 'undefined'))
  expect(create({ pid: null })).toEqual(wrongType(call, 'session.owner.pid', 'null'))
  expect(create({ pid: '7' })).toEqual(wrongType(call, 'session.owner.pid', '7'))
  for (const pid of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
    expect(create({ pid })).toEqual(outOfRange(call, 'session.owner.pid', String(pid)))
  }
  expect(sessions.list()).toEqual([])
  sessions.create(sampleSession({ owner: process }))
  expect(failureOf(() => sessions.update('s-1', { owner: { pid: 0 } }))).toEqual(
    outOfRange('SessionStore.update', 'fields.owner.pid', '0'),
  )
  expect(failureOf(() => sessions.update('s-1', { owner: [] as never }))).toEqual(
    wrongType('SessionStore.update', 'fields.owner', 'an array'),
  )
  expect(failureOf(() => sessions.failOrphans({ kill: 1 as never }))).toEqual(
    wrongType('SessionStore.failOrphans', 'options.kill', '1'),
  )
})

describe.runIf(process.platform === 'linux')('failOrphans() and owners', () => {
  test('failOrphans() marks a session whose harness was killed, and leaves its process alone', async () => {
    const stores = openStores()
    const pid = await afterCrash(stores)
    expect(stores.sessions.failOrphans({ dryRun: true, kill: true })).toMatchObject([{ pid }])
    expect(stores.sessions.get('s-1')?.status).toBe('running')
    expect(stores.sessions.failOrphans()).toMatchObject([{ id: 's-1', status: 'failed', pid }])
    expect(isRunning(pid)).toBe(true)
    expect(stores.sessions.failOrphans({ kill: true })).toEqual([])
    expect(isRunning(pid)).toBe(true)
  })

  test.each([
    ['ends the process of a session whose harness was killed', false],
    ['ends a process that does not end when it is asked to', true],
  ])('failOrphans({ kill: true }) %s', async (_, isStubborn) => {
    const stores = openStores()
    const pid = await afterCrash(stores, { isStubborn })
    expect(stores.sessions.failOrphans({ kill: true })).toMatchObject([{ status: 'failed', pid }])
    expect(isRunning(pid)).toBe(false)
  })

  test('failOrphans() leaves alone a session of another process that lives, whatever its child', async () => {
    const stores = openStores()
    const owner = await startProcess()
    const pid = await endedPid()
    stores.sessions.create(sampleSession({ pid, owner: { pid: owner.pid } }))
    expect(stores.sessions.failOrphans({ kill: true })).toEqual([])
    const ended = once(owner, 'exit')
    owner.kill('SIGKILL')
    await ended
    expect(stores.sessions.failOrphans()).toMatchObject([{ pid }])
  })

  test('failOrphans() marks a session whose owner has the pid of another process by now', async () => {
    const stores = openStores()
    const other = await startProcess()
    stores.sessions.create(sampleSession({ pid: process.pid, owner: { pid: other.pid } }))
    set(stores, 'owner_start = owner_start - 1')
    expect(stores.sessions.failOrphans()).toMatchObject([{ id: 's-1' }])
  })

  test('failOrphans({ kill: true }) never ends a process that has the pid of a child by now', async () => {
    const stores = openStores()
    const [owner, stranger] = [await endedPid(), await startProcess()]
    stores.sessions.create(sampleSession({ pid: stranger.pid, owner: { pid: owner } }))
    set(stores, 'child_start = child_start - 1')
    expect(stores.sessions.failOrphans({ kill: true })).toMatchObject([{ pid: stranger.pid }])
    expect(isRunning(stranger.pid)).toBe(true)
  })

  test.each([
    ['whose pid was stored without its start', 'UPDATE gsd_session_owners SET child_start = NULL'],
    ['whose pid was stored by another program', 'UPDATE gsd_session_owners SET child_pid = NULL'],
  ])(
    'failOrphans({ kill: true }) ends no process %s, and leaves its session as it is',
    async (_, sql) => {
      const stores = openStores()
      const [owner, child] = [await endedPid(), await startProcess()]
      const startedAt = new Date()
      stores.sessions.create(sampleSession({ pid: child.pid, owner: { pid: owner }, startedAt }))
      stores.connection.db.exec(sql)
      expect(stores.sessions.failOrphans({ dryRun: true, kill: true })).toHaveLength(1)
      expect(stores.sessions.failOrphans({ kill: true })).toEqual([])
      expect(stores.sessions.get('s-1')?.status).toBe('running')
      expect(isRunning(child.pid)).toBe(true)
      expect(stores.sessions.failOrphans()).toHaveLength(1)
    },
  )

  test('failOrphans({ kill: true }) ends neither this process nor the first one, and leaves their sessions as they are', async () => {
    const { sessions } = openStores()
    const owner = { pid: await endedPid() }
    const startedAt = new Date()
    for (const pid of [process.pid, 1]) {
      sessions.create(sampleSession({ id: String(pid), pid, owner, startedAt }))
    }
    expect(sessions.failOrphans({ dryRun: true })).toHaveLength(2)
    expect(sessions.failOrphans({ kill: true })).toEqual([])
    expect(sessions.findRunning()).toHaveLength(2)
  })

  test('failOrphans() leaves alone a session of another container, whatever its pids', async () => {
    const stores = openStores()
    const [owner, pid] = [await endedPid(), await endedPid()]
    stores.sessions.create(sampleSession({ pid, owner: { pid: owner } }))
    set(stores, ANOTHER_NAMESPACE)
    expect(stores.sessions.failOrphans({ kill: true })).toEqual([])
    stores.sessions.update('s-1', { owner: null })
    expect(stores.sessions.failOrphans()).toHaveLength(1)
  })

  test('failOrphans({ kill: true }) marks a session from before the system was started, and ends nothing', async () => {
    const stores = openStores()
    const stranger = await startProcess()
    stores.sessions.create(sampleSession({ pid: stranger.pid, startedAt: new Date() }))
    stores.sessions.create(sampleSession({ id: 's-2', startedAt: new Date() }))
    set(stores, ANOTHER_BOOT)
    expect(stores.sessions.failOrphans({ kill: true })).toHaveLength(2)
    expect(isRunning(stranger.pid)).toBe(true)
  })

  test('a pid that is stored anew is that of a process of this start of the system', async () => {
    const stores = openStores()
    const child = await startProcess()
    const startedAt = new Date()
    stores.sessions.create(sampleSession({ pid: child.pid, startedAt }))
    set(stores, ANOTHER_BOOT)
    stores.sessions.update('s-1', { pid: child.pid })
    expect(stores.sessions.failOrphans({ kill: true })).toEqual([])
    // As a program stores it that knows no owners.
    set(stores, `${ANOTHER_BOOT}, child_pid = 1`)
    expect(stores.sessions.failOrphans({ kill: true })).toEqual([])
    expect(isRunning(child.pid)).toBe(true)
  })

  test('failOrphans({ kill: true }) ends the processes of many sessions at once, and each only once', async () => {
    const { sessions } = openStores()
    const owner = { pid: await endedPid() }
    const startedAt = new Date()
    const stubborn = "process.on('SIGTERM', () => undefined)"
    const children = await Promise.all(
      [stubborn, '', stubborn].map((first) => startProcess(`${first}; ${IDLE}`)),
    )
    for (const [index, { pid }] of [...children, ...children].entries()) {
      sessions.create(sampleSession({ id: String(index), pid, owner, startedAt }))
    }
    expect(sessions.failOrphans({ kill: true })).toHaveLength(6)
    expect(children.filter(({ pid }) => isRunning(pid))).toEqual([])
  })

  test('failOrphans({ kill: true }) ends nothing where it can mark nothing', async () => {
    const stores = openStores()
    const pid = await afterCrash(stores)
    const reader = openStores(stores.connection.path, { readonly: true })
    expect(failureOf(() => reader.sessions.failOrphans({ kill: true }))?.code).toBe(
      'SQLITE_READONLY',
    )
    expect(isRunning(pid)).toBe(true)
  })

  test('failOrphans({ dryRun: true }) reads a file from before there were owners', () => {
    const path = copyOfPlanFile()
    const reader = new DatabaseConnection(path, { readonly: true })
    onTestFinished(() => reader.close())
    const found = new SessionStore(reader).failOrphans({ dryRun: true })
    expect(found.map(({ id }) => id)).toEqual(
      openStores(path)
        .sessions.failOrphans()
        .map(({ id }) => id),
    )
  })
})
