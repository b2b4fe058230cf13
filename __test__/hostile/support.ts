// What the specs about hostile callers share: a database with some rows, and the results that a call may have.
import { expect } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore, SqliteError } from '../../index.js'
import { Own } from './values.js'
import { at, everyRow, sampleOutput, sampleSession } from '../support/support.js'

/** Everything of a database with some rows, for one run of a property. */
export function open() {
  const connection = new DatabaseConnection(':memory:')
  const { db } = connection
  db.exec('CREATE TABLE notes (id TEXT PRIMARY KEY, note)')
  const all = {
    connection,
    db,
    sessions: new SessionStore(connection),
    outputs: new OutputStore(db),
    insert: db.prepare('INSERT INTO notes VALUES (:id, :note)'),
    select: db.prepare('SELECT * FROM notes, sessions WHERE notes.id > ? OR note IS NOT ?'),
    rows: () => JSON.stringify([everyRow(connection), db.prepare('SELECT * FROM notes').all()]),
  }
  all.sessions.create(sampleSession({ pid: 7, currentCommand: 'npm test', endedAt: at(1) }))
  all.outputs.append(sampleOutput())
  all.insert.run({ id: 'n-1', note: 'kept' })
  return all
}

export type Opened = ReturnType<typeof open>

const CODES: Record<string, string[]> = {
  TypeError: ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_STATE'],
  RangeError: ['ERR_OUT_OF_RANGE'],
}
const CALL =
  /^(?:DatabaseConnection|SessionStore|OutputStore|Database|Statement|StatementIterator)(?:\.\w+)?: /

/** Messages of engines for a proxy that is revoked, and for a class that is called. */
const REVOKED = /\bproxy (?:that has|has already) been revoked/i
const NOT_NEW = /cannot be invoked without 'new'$|class constructor .* without \|new\|$/

/** Whether a caller has to expect this exception. */
export function isDocumented(error: unknown): boolean {
  if (error instanceof Own) return true
  if (!(error instanceof Error)) return false
  // Errors of JavaScript itself about the value.
  if (REVOKED.test(error.message) || NOT_NEW.test(error.message)) {
    return error instanceof TypeError
  }
  const code: unknown = 'code' in error ? error.code : undefined
  if (typeof code !== 'string' || !CALL.test(error.message)) return false
  if (error instanceof SqliteError) return /^SQLITE_[A-Z_]+$/.test(code)
  return CODES[error.name]?.includes(code) ?? false
}

/** Calls, and gives what was thrown in an object of its own. */
export function thrownBy(call: () => unknown): { error: unknown } | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return { error }
  }
}

/** Checks the result of a call. `before` is what was stored before it. */
export function check(all: Opened, before: string, thrown: { error: unknown } | undefined): void {
  if (thrown) {
    if (!isDocumented(thrown.error)) throw thrown.error
    expect(all.rows()).toBe(before)
  }
  works(all)
}

/** The connection does what it always does. */
export function works({ db, sessions, outputs, insert }: Opened): void {
  expect(db.inTransaction).toBe(false)
  sessions.create(sampleSession({ id: 'afterwards' }))
  outputs.append(sampleOutput({ sessionId: 'afterwards', data: 'works' }))
  insert.run({ id: 'afterwards', note: 1 })
  expect(sessions.get('afterwards')).toMatchObject({ id: 'afterwards', status: 'running' })
  expect(outputs.getFullOutput('afterwards')).toBe('works')
}
