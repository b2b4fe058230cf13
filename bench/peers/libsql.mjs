import { readFileSync } from 'node:fs'
import Database from 'libsql'
import { DatabaseConnection } from '../plan/database-connection.mjs'
import { OutputStore } from '../plan/output-store.mjs'
import { SessionStore } from '../plan/session-store.mjs'

// It does not export its package.json, which lies beside its entry.
const about = new URL('package.json', import.meta.resolve('libsql'))
export const { version } = JSON.parse(readFileSync(about, 'utf8'))

/** The sessions for which its results are known to differ. */
export const excuse = { session: 'nul', reason: 'cuts a text at its first NUL' }

const PRAGMAS = [
  'journal_mode = WAL',
  'synchronous = NORMAL',
  'cache_size = -16000',
  'foreign_keys = OFF',
  'busy_timeout = 5000',
]

export function open(file) {
  const connection = new DatabaseConnection(Database, file, PRAGMAS)
  return {
    db: connection.db,
    sessions: new SessionStore(connection.db),
    outputs: new OutputStore(connection.db),
    close: () => connection.close(),
  }
}
