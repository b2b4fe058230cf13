// What every consumer does with the package, in whatever way it loaded it.
const assert = require('node:assert/strict')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/** Opens a file, stores a session and its output, searches, closes, opens again and reads. */
module.exports = function job({ DatabaseConnection, OutputStore, SessionStore, SqliteError }) {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-consumer-'))
  try {
    const path = join(folder, 'sessions.db')
    const startedAt = new Date('2026-03-01T10:00:00.000Z')
    const connection = new DatabaseConnection(path)
    const sessions = new SessionStore(connection.db)
    const outputs = new OutputStore(connection)
    const session = { id: 's-1', slot: 1, status: 'running', workingDir: folder, startedAt }
    sessions.create(session)
    assert.throws(
      () => sessions.create(session),
      (error) => error instanceof SqliteError && error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY',
    )
    for (const data of ['\u001b[31mwar', 'ning\u001b[0m: disk\n', 'done\n'])
      outputs.append({ sessionId: 's-1', timestamp: startedAt, type: 'stdout', data })
    assert.deepEqual(
      outputs.search('warning').matches.map(({ line }) => line),
      ['warning: disk'],
    )
    connection.close()

    const again = new DatabaseConnection(path, { readonly: true })
    assert.equal(new SessionStore(again).get('s-1').startedAt.getTime(), startedAt.getTime())
    assert.equal(
      new OutputStore(again).getFullOutput('s-1', { separator: '' }),
      '\u001b[31mwarning\u001b[0m: disk\ndone\n',
    )
    again.close()
    return 'done'
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
