// Compiled and run in each kind of module. Every line that is marked as an error has to be one.
import { DatabaseConnection, OutputStore, SessionStore, SqliteError } from '@gsd/session-store'
import type { Database, NewSession, SearchResult, Session } from '@gsd/session-store'
import Compat from '@gsd/session-store/compat'

const connection: DatabaseConnection = new DatabaseConnection(':memory:', { slots: 3 })
const sessions: SessionStore = new SessionStore(connection.db)
const outputs = new OutputStore(connection, { writeBehind: true })

const session: NewSession = {
  id: 's-1',
  slot: 3,
  status: 'running',
  workingDir: '/',
  startedAt: new Date(0),
}
sessions.create(session)
try {
  // @ts-expect-error: no such status
  sessions.update('s-1', { status: 'asleep' })
} catch (error) {
  if (!(error instanceof RangeError) || error instanceof SqliteError) throw error
}
outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stderr', data: 'typed\n' })

// The types of `compat` are those of the handle, by the names of `@types/better-sqlite3`.
const opened: Compat.Database = new Compat(':memory:', { timeout: 10 } satisfies Compat.Options)
const one: Compat.Statement<[], { one: number }> = opened.prepare('SELECT 1 AS one')
const same: Database.Database = opened
// @ts-expect-error: there is no logger
if (one.get()?.one !== 1 || !(same instanceof Compat)) Compat(':memory:', { verbose: () => {} })
opened.close()

const found: SearchResult = outputs.search('^typ', { regex: true })
const stored: Session | undefined = sessions.get('s-1')
const count: Database.Statement<[string], { count: number }> = connection.db.prepare(
  'SELECT count(*) AS count FROM session_outputs WHERE session_id = ?',
)
if (found.matches[0]?.line !== 'typed' || stored?.slot !== 3 || count.get('s-1')?.count !== 1)
  throw new Error('what was stored is not what is read')
connection.close()
console.log('done')
