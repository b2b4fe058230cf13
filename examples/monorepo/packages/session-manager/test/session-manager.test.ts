import { tmpdir } from 'node:os'
import { describe, expect, test, vi } from 'vitest'
import { NoFreeSlotError, type SessionEvents } from '../src/index.js'
import { ended, firstOutput } from './support/events.js'
import { openManager } from './support/open.js'
import { FOREVER, program } from './support/programs.js'

describe('start', () => {
  test('records the session while it runs', () => {
    const manager = openManager()
    const session = manager.start(FOREVER)

    expect(session.pid).toBeGreaterThan(0)
    expect(manager.sessions.get(session.id)).toEqual({
      ...session,
      slot: 1,
      status: 'running',
      currentCommand: `${process.execPath} -e 'setInterval(() => {}, 1000)'`,
      endedAt: undefined,
    })
  })

  test('runs three at once, each in a slot and with an output of its own', async () => {
    const manager = openManager()
    const sessions = [1, 2, 3].map((n) => manager.start(program(`console.log('I am number ${n}')`)))
    expect(sessions.map(({ slot }) => slot)).toEqual([1, 2, 3])
    expect(manager.sessions.findRunning()).toHaveLength(3)

    await Promise.all(sessions.map(({ id }) => ended(manager, id)))

    expect(sessions.map(({ id }) => manager.outputs.getFullOutput(id))).toEqual([
      'I am number 1\n',
      'I am number 2\n',
      'I am number 3\n',
    ])
    expect(manager.sessions.listByStatus('completed')).toHaveLength(3)
  })

  test('refuses a fourth, until a slot is free', async () => {
    const manager = openManager()
    const sessions = [
      manager.start(FOREVER),
      manager.start(FOREVER),
      manager.start(FOREVER),
    ] as const

    expect(() => manager.start(FOREVER)).toThrow(NoFreeSlotError)
    expect(manager.sessions.list()).toHaveLength(3)

    await manager.stop(sessions[1].id)
    expect(manager.start(FOREVER).slot).toBe(2)
  })
})

describe('the end of a session', () => {
  test('is completed after exit code 0', async () => {
    const manager = openManager()
    const { id } = manager.start(program(''))
    const { endedAt } = await ended(manager, id)

    expect(manager.sessions.get(id)).toMatchObject({
      status: 'completed',
      endedAt,
      exitCode: 0,
    })
  })

  test('is failed after any other', async () => {
    const manager = openManager()
    const { id } = manager.start(program('console.error("no luck"); process.exitCode = 3'))
    const { endedAt, exitCode } = await ended(manager, id)

    expect(exitCode).toBe(3)
    expect(manager.sessions.get(id)).toMatchObject({
      status: 'failed',
      endedAt,
      exitCode: 3,
    })
    expect(manager.outputs.getBySession(id)).toMatchObject([{ type: 'stderr', data: 'no luck\n' }])
  })

  test('is failed for a program that does not exist, with the reason on stderr', async () => {
    const manager = openManager()
    const { id, pid } = manager.start({ command: 'no-such-program', workingDir: tmpdir() })
    expect(pid).toBeUndefined()

    await ended(manager, id)

    expect(manager.sessions.get(id)).toMatchObject({
      status: 'failed',
      exitCode: undefined,
      error: expect.stringContaining('cannot run "no-such-program": No such file'),
    })
    expect(manager.outputs.getBySession(id)).toMatchObject([
      { type: 'stderr', data: expect.stringContaining('cannot run "no-such-program"') },
    ])
  })
})

test('the end of a process does not change a session that is over already', async () => {
  const manager = openManager()
  const { id } = manager.start(program(''))
  manager.sessions.update(id, { status: 'failed', error: 'given up' })
  await ended(manager, id)

  expect(manager.sessions.get(id)).toMatchObject({
    status: 'failed',
    error: 'given up',
    endedAt: undefined,
  })
})

describe('stop', () => {
  test('ends the process before it resolves', async () => {
    const manager = openManager()
    const { id } = manager.start(FOREVER)
    await manager.stop(id)

    expect(manager.sessions.get(id)).toMatchObject({
      status: 'failed',
      exitCode: undefined,
      signal: 'SIGTERM',
    })
    expect(manager.sessions.findRunning()).toEqual([])
  })

  test('kills a process that does not listen', async () => {
    const manager = openManager({ stopGraceMs: 50 })
    const { id } = manager.start(
      program('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("deaf")'),
    )
    const end = ended(manager, id)
    await firstOutput(manager, id)

    await manager.stop(id)

    expect(await end).toMatchObject({ status: 'failed', exitCode: null, signal: 'SIGKILL' })
  })

  test('leaves alone what does not run', async () => {
    const manager = openManager()
    const { id } = manager.start(program(''))
    await ended(manager, id)

    await manager.stop(id)
    await manager.stop('never started')

    expect(manager.sessions.list()).toMatchObject([{ id, status: 'completed' }])
  })
})

describe('close', () => {
  test('stops what runs, and works twice', async () => {
    const manager = openManager()
    manager.start(FOREVER)
    const end = new Promise<SessionEvents>((resolve) => manager.on('session:ended', resolve))

    await Promise.all([manager.close(), manager.close()])

    expect(await end).toMatchObject({ status: 'failed', signal: 'SIGTERM' })
    expect(manager.connection.isOpen).toBe(false)
    expect(() => manager.start(FOREVER)).toThrow('closed')
  })
})

test('events tell the life of a session in order, each once it is on disk', async () => {
  const manager = openManager()
  const statuses: [SessionEvents['type'], string | undefined][] = []
  const note = (type: SessionEvents['type'], id: string) =>
    statuses.push([type, manager.sessions.get(id)?.status])
  manager.on('session:started', ({ type, session }) => note(type, session.id))
  manager.on('session:output', ({ type, output }) => note(type, output.sessionId))
  manager.on('session:ended', ({ type, sessionId }) => note(type, sessionId))

  const { id } = manager.start(program('console.log("done"); setTimeout(() => {}, 500)'))
  await ended(manager, id)

  expect(statuses).toEqual([
    ['session:started', 'running'],
    ['session:output', 'running'],
    ['session:ended', 'completed'],
  ])
})

test('a listener that comes late is told of all output', async () => {
  const manager = openManager()
  const { id } = manager.start(
    program('console.log("early"); setTimeout(() => console.log("late"), 100)'),
  )
  await vi.waitUntil(() => manager.outputs.getFullOutput(id) !== '')
  const told: string[] = []
  manager.on('session:output', ({ output }) => told.push(output.data))
  await ended(manager, id)

  expect(told.join('')).toBe('early\nlate\n')
})

test.skipIf(process.platform === 'win32')('a program may run in a terminal', async () => {
  const manager = openManager()
  const script = 'console.log(process.stdout.isTTY, process.stdout.columns)'
  const { id } = manager.start({ ...program(script), terminal: true })
  await ended(manager, id)

  expect(manager.outputs.text(id)).toBe('true 80')
  expect(manager.sessions.get(id)).toMatchObject({ terminal: true, columns: 80, rows: 24 })
})
