import { DatabaseSync } from 'node:sqlite'
import { DatabaseConnection } from '../plan/database-connection.mjs'
import { OutputStore } from '../plan/output-store.mjs'
import { SessionStore } from '../plan/session-store.mjs'

export const version = process.versions.node

const PRAGMAS = [
  'journal_mode = WAL',
  'synchronous = NORMAL',
  'cache_size = -16000',
  'foreign_keys = OFF',
  'busy_timeout = 5000',
]

/** What the plan's classes use of better-sqlite3 and `DatabaseSync` does not have. */
class Database extends DatabaseSync {
  pragma(source) {
    return this.prepare(`PRAGMA ${source}`).all()
  }

  transaction(fn) {
    return (...args) => {
      this.exec('BEGIN')
      try {
        const value = fn(...args)
        this.exec('COMMIT')
        return value
      } catch (error) {
        this.exec('ROLLBACK')
        throw error
      }
    }
  }
}

export function open(file) {
  const connection = new DatabaseConnection(Database, file, PRAGMAS)
  return {
    db: connection.db,
    sessions: new SessionStore(connection.db),
    outputs: new OutputStore(connection.db),
    close: () => connection.close(),
  }
}
