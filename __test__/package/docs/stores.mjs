// What examples of the docs expect as globals: an open database with sessions that have run. A name that an
// example declares itself hides the global.
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'

const connection = new DatabaseConnection('./given/sessions.db')
const sessions = new SessionStore(connection)
const outputs = new OutputStore(connection)
const start = Date.now() - 3_600_000

for (const [index, status] of ['completed', 'failed', 'waiting_checkpoint'].entries()) {
  const id = `s-${index + 1}`
  const startedAt = new Date(start + index)
  sessions.create({
    id,
    slot: index + 1,
    status,
    workingDir: '/src',
    currentCommand: 'npm test',
    startedAt,
    pid: status === 'waiting_checkpoint' ? process.pid : null,
    endedAt: status === 'waiting_checkpoint' ? null : new Date(start + 60_000),
  })
  outputs.appendMany(
    ['compiling\n', '\u001B[31merror\u001B[0m: no such file\n', 'done\n'].map((data, chunk) => ({
      sessionId: id,
      timestamp: new Date(start + chunk),
      type: chunk === 1 ? 'stderr' : 'stdout',
      data,
    })),
  )
}

Object.assign(globalThis, {
  connection,
  db: connection.db,
  sessions,
  outputs,
  cursor: 0,
  show: () => {},
  checkpoints: { answer: () => {} },
})
