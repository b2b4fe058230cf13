// Does everything that a program does with a database, on one that is damaged. Each call must give a result or throw
// a `SqliteError`.
import { IDS, workingDirOf } from './bases.mjs'

const SELECTS = [
  'SELECT count(*), sum(length(data)), max(timestamp) FROM session_outputs',
  'SELECT * FROM session_outputs ORDER BY id DESC',
  'SELECT * FROM session_outputs NOT INDEXED WHERE session_id > ? ORDER BY data LIMIT 50',
  'SELECT s.*, o.data FROM sessions s LEFT JOIN session_outputs o ON o.session_id = s.id ORDER BY o.id',
  'SELECT session_id, timestamp FROM session_outputs ORDER BY session_id DESC, timestamp DESC',
  'SELECT name, sql FROM sqlite_schema',
  'SELECT * FROM sqlite_sequence',
  'SELECT name, sum(pgsize) FROM dbstat GROUP BY name',
]

/**
 * Uses the file at `path`.
 *
 * @param {typeof import('../../../index.js')} pkg
 * @param {string} path
 * @param {{ options: object, owners: Map<string, string>, writeBehind: boolean }} settings
 * @returns {{ wrong: string[], opened: boolean, errors: string[], rows: number }}
 */
export function exercise(pkg, path, { options, owners, writeBehind }) {
  const wrong = []
  const errors = []
  let rows = 0

  function attempt(what, action) {
    try {
      return action()
    } catch (error) {
      const isSqlite = error instanceof pkg.SqliteError && error.name === 'SqliteError'
      if (isSqlite && /^SQLITE_[A-Z_]+$/.test(error.code) && error.message !== '') {
        errors.push(error.code)
      } else wrong.push(`${what} threw ${error?.stack ?? error}`)
      return undefined
    }
  }

  function checkText(what, id, text) {
    rows++
    const owner = owners.get(text)
    if (owner !== undefined && owner !== id) {
      wrong.push(`${what} gave an intact row of ${owner}: ${text.slice(0, 20)}`)
    }
  }

  function checkOutputs(what, id, found) {
    for (const output of found ?? []) {
      const isOne =
        output.sessionId === id &&
        output.timestamp instanceof Date &&
        ['stdout', 'stderr'].includes(output.type) &&
        typeof output.data === 'string'
      if (!isOne) wrong.push(`${what} gave ${JSON.stringify(output).slice(0, 200)}`)
      checkText(what, id, output.data)
    }
  }

  function checkSession(what, session) {
    if (session === undefined) return
    rows++
    const isOne =
      typeof session.id === 'string' &&
      typeof session.slot === 'number' &&
      typeof session.workingDir === 'string' &&
      session.startedAt instanceof Date &&
      Object.keys(session).length === 8
    if (!isOne) wrong.push(`${what} gave ${JSON.stringify(session)}`)
    const owner = IDS.find((id) => session.workingDir === workingDirOf(id))
    if (owner !== undefined && IDS.includes(session.id) && owner !== session.id) {
      wrong.push(`${what} gave the row of ${owner} as that of ${session.id}`)
    }
  }

  const connection = attempt('opening', () => new pkg.DatabaseConnection(path, options))
  if (connection === undefined) return { wrong, opened: false, errors, rows }
  const sessions = new pkg.SessionStore(connection)
  const outputs = new pkg.OutputStore(connection, writeBehind ? { writeBehind: true } : {})
  const { db } = connection

  function readAll() {
    for (const what of ['list', 'findRunning']) {
      for (const session of attempt(what, () => sessions[what]()) ?? []) checkSession(what, session)
    }
    attempt('listByStatus', () => sessions.listByStatus('idle'))
    for (const id of IDS) {
      const session = attempt('get', () => sessions.get(id))
      if (session !== undefined && session.id !== id) wrong.push(`get(${id}) gave ${session.id}`)
      checkSession('get', session)
      checkOutputs(
        'getBySession',
        id,
        attempt('getBySession', () => outputs.getBySession(id)),
      )
      const few = attempt('getBySession', () => outputs.getBySession(id, 5))
      checkOutputs('getBySession with a limit', id, few)
      const since = new Date('2026-03-01T10:00:00.040Z')
      const later = attempt('getBySessionSince', () => outputs.getBySessionSince(id, since))
      checkOutputs('getBySessionSince', id, later)
      const full = attempt('getFullOutput', () =>
        outputs.getFullOutput(id, { separator: '\u0001' }),
      )
      if (full !== undefined && typeof full !== 'string') wrong.push(`getFullOutput gave ${full}`)
      for (const text of full?.split('\u0001') ?? []) checkText('getFullOutput', id, text)
    }
  }

  function select() {
    for (const sql of SELECTS) {
      attempt(sql, () => {
        const statement = db.prepare(sql)
        const values = sql.includes('?') ? ['s-1'] : []
        statement.columns()
        statement.all(...values)
        statement.raw().get(...values)
        for (const row of statement.safeIntegers().iterate(...values)) if (row.length === 0) break
      })
    }
    attempt('quick_check', () => db.pragma('quick_check(20)'))
    attempt('foreign_key_check', () => db.pragma('foreign_key_check'))
    attempt('walStatus', () => connection.walStatus())
  }

  function write() {
    const chunk = { sessionId: 's-1', timestamp: new Date(), type: 'stdout', data: 'appended' }
    attempt('append', () => outputs.append(chunk))
    attempt('appendMany', () => outputs.appendMany(Array.from({ length: 9 }, () => chunk)))
    attempt('flush', () => outputs.flush())
    attempt('create', () => {
      const [slot, status, workingDir, startedAt] = [1, 'idle', '/new', new Date()]
      sessions.create({ id: 's-9', slot, status, workingDir, startedAt })
    })
    attempt('update', () => sessions.update('s-1', { status: 'completed', pid: 7 }))
    attempt('update of a text', () =>
      sessions.update('second', { currentCommand: 'x'.repeat(5000) }),
    )
    attempt('transaction', () =>
      db.transaction(() => {
        sessions.update('the third', { endedAt: new Date() })
        outputs.append({ ...chunk, data: 'y'.repeat(9000) })
      })(),
    )
    attempt('delete', () => sessions.delete('the third'))
    attempt('deleteBySession', () => outputs.deleteBySession('orphan'))
    attempt('incremental_vacuum', () => db.exec('PRAGMA incremental_vacuum(3)'))
    attempt('checkpoint', () => db.pragma('wal_checkpoint(RESTART)'))
    if (db.inTransaction) wrong.push('a transaction was left open')
  }

  readAll()
  select()
  write()
  readAll()
  attempt('close', () => connection.close())
  // It may say once that something could not be written.
  attempt('close', () => connection.close())
  return { wrong, opened: true, errors, rows }
}
