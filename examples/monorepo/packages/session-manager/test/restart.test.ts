import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { ended } from './support/events.js'
import { openManager, temporaryFile } from './support/open.js'
import { FOREVER, program } from './support/programs.js'

/** A manager that dies with a session running and one waiting, whose process is gone too; no exit handler gets a turn. */
const KILLED_MANAGER = `
  const { DatabaseConnection, SessionStore, OutputStore } = require('@gsd/session-store');
  const { spawnSync } = require('node:child_process');
  const { pid } = spawnSync(process.execPath, ['--version']);
  const connection = new DatabaseConnection(process.argv[1]);
  const sessions = new SessionStore(connection);
  const record = { workingDir: '/srv/app', startedAt: new Date() };
  sessions.create({ ...record, id: 'done', slot: 1, status: 'completed', endedAt: new Date() });
  sessions.create({ ...record, id: 'runs', slot: 2, status: 'running', pid });
  sessions.create({ ...record, id: 'waits', slot: 3, status: 'waiting_checkpoint', pid });
  new OutputStore(connection).append({
    sessionId: 'runs', timestamp: new Date(), type: 'stdout', data: 'last words',
  });
  process.kill(process.pid, 'SIGKILL');
`

/** The file of a manager that was killed. It runs here, where the store's name resolves. */
function fileOfKilledManager(): string {
  const dbPath = temporaryFile()
  const { signal, stderr } = spawnSync(process.execPath, ['-e', KILLED_MANAGER, dbPath], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' })
  return dbPath
}

test('the next manager on the same file finds the history', async () => {
  const dbPath = temporaryFile()
  const first = openManager({ dbPath })
  const { id } = first.start(program('console.log("before the restart")'))
  await ended(first, id)
  const history = first.sessions.list()
  await first.close()

  const second = openManager({ dbPath })

  expect(second.sessions.list()).toEqual(history)
  expect(second.outputs.getFullOutput(id)).toBe('before the restart\n')
  expect(second.recover()).toEqual([])
})

test('recover() marks what a killed manager left as failed, and keeps its output', () => {
  const manager = openManager({ dbPath: fileOfKilledManager() })

  expect(manager.recover()).toMatchObject([
    { id: 'waits', status: 'failed', pid: expect.any(Number) },
    { id: 'runs', status: 'failed', pid: expect.any(Number) },
  ])

  expect(manager.sessions.listByStatus('failed').map(({ id }) => id)).toEqual(['waits', 'runs'])
  expect(manager.sessions.get('runs')).toMatchObject({
    status: 'failed',
    endedAt: manager.outputs.getBySession('runs', 1)[0]?.timestamp,
  })
  expect(manager.sessions.get('done')).toMatchObject({ status: 'completed' })
  expect(manager.outputs.getFullOutput('runs')).toBe('last words')
})

test("recover() leaves the manager's own sessions alone", () => {
  const manager = openManager({ dbPath: fileOfKilledManager() })
  const { id } = manager.start(FOREVER)

  expect(manager.recover()).toHaveLength(2)
  expect(manager.sessions.findRunning().map((session) => session.id)).toEqual([id])
})
