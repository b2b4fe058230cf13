import { createRequire } from 'node:module'
import Database from 'better-sqlite3'
import { DatabaseConnection } from '../plan/database-connection.mjs'
import { OutputStore } from '../plan/output-store.mjs'
import { SessionStore } from '../plan/session-store.mjs'

export const { version } = createRequire(import.meta.url)('better-sqlite3/package.json')

// Its own defaults are synchronous=NORMAL in WAL mode, 16 MB of cache and 5 s of patience.
const PRAGMAS = ['journal_mode = WAL', 'foreign_keys = OFF']

export function open(file) {
  const connection = new DatabaseConnection(Database, file, PRAGMAS)
  return {
    db: connection.db,
    sessions: new SessionStore(connection.db),
    outputs: new OutputStore(connection.db),
    close: () => connection.close(),
  }
}
