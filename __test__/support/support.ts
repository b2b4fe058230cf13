// What the specs share: folders and connections that clean up after themselves, sample values, failures as values.
import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  SqliteError,
  type DatabaseOptions,
  type NewSession,
  type SessionOutput,
} from '../../index.js'

/** An empty folder that is removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A path for a database that does not exist yet, in a folder of its own. */
export function temporaryPath(): string {
  return join(temporaryFolder(), 'sessions.db')
}

/** A connection that is closed when the test is over; a new file unless `path` says otherwise. */
export function openConnection(
  path: string = temporaryPath(),
  options?: DatabaseOptions,
): DatabaseConnection {
  const connection = new DatabaseConnection(path, options)
  onTestFinished(() => connection.close())
  return connection
}

/** A connection with both stores on it. */
export function openStores(path?: string, options?: DatabaseOptions) {
  const connection = openConnection(path, options)
  return {
    connection,
    sessions: new SessionStore(connection),
    outputs: new OutputStore(connection),
  }
}

/** The start of every sample session. */
export const START = '2026-03-01T10:00:00.000Z'

/** The moment `milliseconds` after {@link START}. */
export function at(milliseconds: number): Date {
  return new Date(Date.parse(START) + milliseconds)
}

/** A valid session; `fields` replaces what a test cares about. */
export function sampleSession(fields: Partial<NewSession> = {}): NewSession {
  return {
    id: 's-1',
    slot: 1,
    status: 'running',
    workingDir: '/srv/project',
    startedAt: at(0),
    ...fields,
  }
}

/** A valid output of session `s-1`; `fields` replaces what a test cares about. */
export function sampleOutput(fields: Partial<SessionOutput> = {}): SessionOutput {
  return { sessionId: 's-1', timestamp: at(0), type: 'stdout', data: 'hello', ...fields }
}

/** A copy of the file that the better-sqlite3 version made, in a folder of its own. */
export function copyOfPlanFile(): string {
  const path = temporaryPath()
  copyFileSync(fileURLToPath(new URL('../fixtures/plan-v0.db', import.meta.url)), path)
  return path
}

/** Runs SQL on a file that this package has not opened, so that the file holds that and nothing else. */
export function writeForeignFile(path: string, sql: string): void {
  const connection = new DatabaseConnection(':memory:')
  try {
    connection.db.prepare('ATTACH ? AS other').run(path)
    connection.db.exec(sql)
    connection.db.exec('DETACH other')
  } finally {
    connection.close()
  }
}

/** Makes the file one of the version before the additions: what stands beside the tables of the plan and pins. */
export function withoutAdditions(path: string): void {
  const tables = ['details', 'sizes', 'owners', 'redactions', 'changes'].map(
    (name) => `DROP TABLE other.gsd_session_${name}`,
  )
  const triggers = ['created', 'changed', 'renamed', 'removed'].map(
    (name) => `DROP TRIGGER other.gsd_session_${name}`,
  )
  const sql = ['DROP INDEX other.gsd_sessions_by_start', ...triggers, ...tables]
  writeForeignFile(path, sql.join('; '))
}

/** Every row of both tables, as SQL sees them. */
export function everyRow(connection: DatabaseConnection): unknown {
  return {
    sessions: connection.db.prepare('SELECT rowid, * FROM sessions ORDER BY rowid').all(),
    outputs: connection.db.prepare('SELECT * FROM session_outputs ORDER BY id').all(),
  }
}

/** The slots that the file accepts, as its CHECK lists them. */
export function slotCheck({ db }: DatabaseConnection): unknown {
  const sql = String(
    db.prepare("SELECT sql FROM sqlite_schema WHERE name = 'sessions'").pluck().get(),
  )
  return /CHECK \(slot IN \(([^)]*)\)\)/.exec(sql)?.[1]
}

/** The SHA-256 of a file's bytes. */
export function fileHash(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

/** The names in a home folder, without those that the runtime of a child process keeps there. */
export function namesInHome(home: string): string[] {
  return readdirSync(home).filter((name) => !['.bun', '.cache'].includes(name))
}

/** The permission bits of a file or folder, in octal as `chmod` takes them. */
export function fileMode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8).padStart(4, '0')
}

/** An exception as a value: its class by `instanceof`, its `code` and its message. */
export interface Failure {
  type: string
  code: unknown
  message: string
}

/** Runs `action` and describes what it throws; `undefined` if it throws nothing. */
export function failureOf(action: () => unknown): Failure | undefined {
  return describeFailure(SqliteError, action)
}

/** As {@link failureOf}. Stands alone, so that a child process can be given its source. */
export function describeFailure(
  sqliteError: typeof SqliteError,
  action: () => unknown,
): Failure | undefined {
  try {
    action()
  } catch (error) {
    if (!(error instanceof Error))
      return { type: typeof error, code: undefined, message: String(error) }
    const known = [sqliteError, TypeError, RangeError, Error].find((type) => error instanceof type)
    const type = known === sqliteError ? 'SqliteError' : (known?.name ?? 'Error')
    const code: unknown = 'code' in error ? error.code : undefined
    return {
      type: error.name === type ? type : `${type} with the name ${error.name}`,
      code,
      message: error.message,
    }
  }
  return undefined
}

/** What a promise rejects with, as {@link failureOf} describes it. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await promise
  } catch (error) {
    return describeFailure(SqliteError, () => {
      throw error
    })
  }
  return undefined
}

/** Matches a message that holds every one of `words`. */
export function naming(...words: string[]): string {
  const holdsEach = words
    .map((word) => `(?=[^]*${word.replaceAll(/[^\w\s]/g, String.raw`\$&`)})`)
    .join('')
  return expect.stringMatching(new RegExp(`^${holdsEach}`)) as string
}

/** What a wrong type throws, with the class, the field and the value in its message. */
export function wrongType(...words: string[]): Failure {
  return { type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message: naming(...words) }
}

/** What a value out of its range or union throws, with the class, the field and the value in its message. */
export function outOfRange(...words: string[]): Failure {
  return { type: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: naming(...words) }
}

/** What every call on a closed connection throws. */
export function invalidState(...words: string[]): Failure {
  return { type: 'TypeError', code: 'ERR_INVALID_STATE', message: naming(...words) }
}

/** What a call throws that SQLite itself refuses. */
export function sqliteFailure(code: string): Failure {
  return { type: 'SqliteError', code, message: expect.stringMatching(/\S/) as string }
}

/** The data of all output in the file, in the order of ids, as a connection of its own sees it. */
export function storedData(path: string): unknown[] {
  const connection = new DatabaseConnection(path)
  const data = connection.db.prepare('SELECT data FROM session_outputs ORDER BY id').pluck().all()
  connection.close()
  return data
}
