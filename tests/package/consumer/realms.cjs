'use strict'
// What test runners that give each file a realm of its own compare: classes and constructors.

module.exports = function realms(pkg, { expect, test }) {
  const startedAt = new Date(Date.UTC(2026, 2, 1))
  const session = { id: 'build', slot: 1, status: 'running', workingDir: '/srv', startedAt }

  function open() {
    const connection = new pkg.DatabaseConnection(':memory:')
    const sessions = new pkg.SessionStore(connection)
    sessions.create(session)
    return { connection, sessions, outputs: new pkg.OutputStore(connection) }
  }

  test('rows are those of this realm', () => {
    const { connection, sessions, outputs } = open()
    const stored = { ...session, currentCommand: undefined, endedAt: undefined, pid: undefined }
    expect(sessions.get('build')).toStrictEqual(stored)
    expect(sessions.list()).toStrictEqual([stored])
    expect(sessions.get('build').startedAt).toBeInstanceOf(Date)
    expect(outputs.tail('build')).toStrictEqual({ outputs: [], cursor: 0 })
    expect(connection.stats().largest).toStrictEqual([])
    expect(connection.db.prepare('SELECT 1 AS one').all()).toStrictEqual([{ one: 1 }])
    connection.close()
  })

  test('what is watched is of this realm', async () => {
    const { connection, sessions } = open()
    const change = new Promise((resolve) => connection.watch(resolve))
    sessions.update('build', { status: 'completed' })
    expect(await change).toStrictEqual({ sessions: ['build'] })
    connection.close()
  })

  test('errors are those of this realm', () => {
    const { connection, sessions, outputs } = open()
    expect(() => outputs.getBySession('build', -1)).toThrow(RangeError)
    expect(() => sessions.create(null)).toThrow(TypeError)
    expect(() => sessions.create(session)).toThrow(pkg.SqliteError)
    expect(() => sessions.create(session)).toThrow(Error)
    connection.close()
  })

  test('promises reject with errors of this realm', async () => {
    const { connection } = open()
    await expect(connection.prune({})).rejects.toThrow(RangeError)
    await expect(connection.backup('')).rejects.toThrow(RangeError)
    expect(await connection.prune({ olderThan: startedAt })).toMatchObject({ sessions: [] })
    connection.close()
  })
}
