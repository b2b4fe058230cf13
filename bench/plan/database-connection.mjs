import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

// The schema is the package's own, trigger included, so that both sides store the same.
const SCHEMA = readFileSync(
  new URL('../../crates/core/src/sqlite/migrations/0001_sessions.sql', import.meta.url),
  'utf8',
)

/** The plan's connection, over any class with the interface of better-sqlite3. */
export class DatabaseConnection {
  /**
   * @param {Function} Database The class.
   * @param {string} dbPath The file.
   * @param {string[]} pragmas What the library has otherwise than the comparison asks for.
   */
  constructor(Database, dbPath, pragmas) {
    const folder = dirname(dbPath)
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true })
    this.db = new Database(dbPath)
    for (const pragma of pragmas) this.db.pragma(pragma)
    this.db.exec(SCHEMA)
  }

  close() {
    this.db.close()
  }
}
