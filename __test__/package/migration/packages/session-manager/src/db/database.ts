import Database from 'better-sqlite3'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const DEFAULT_PATH = join(homedir(), '.gsd-harness', 'sessions.db')

const schema = (slots: number) => `
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY,
  slot INTEGER NOT NULL CHECK (slot IN (${Array.from({ length: slots }, (_, n) => n + 1).join(', ')})),
  status TEXT NOT NULL CHECK (status IN ('idle', 'running', 'waiting_checkpoint', 'completed', 'failed')),
  working_dir TEXT NOT NULL,
  current_command TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  pid INTEGER,
  created_at TEXT DEFAULT (datetime('now')),
  updated_at TEXT DEFAULT (datetime('now'))
);

CREATE TABLE IF NOT EXISTS session_outputs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  timestamp TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('stdout', 'stderr')),
  data TEXT NOT NULL,
  created_at TEXT DEFAULT (datetime('now'))
);

CREATE INDEX IF NOT EXISTS idx_outputs_session_id ON session_outputs(session_id);
CREATE INDEX IF NOT EXISTS idx_outputs_timestamp ON session_outputs(session_id, timestamp);
`

export class DatabaseConnection {
  readonly db: Database.Database

  constructor(dbPath: string = DEFAULT_PATH, slots = 3) {
    const folder = dirname(dbPath)
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true })
    this.db = new Database(dbPath)
    this.db.pragma('journal_mode = WAL')
    this.db.exec(schema(slots))
    this.createTables()
  }

  /** For the tables of subclasses. */
  protected createTables(): void {}

  close(): void {
    this.db.close()
  }
}

let instance: DatabaseConnection | undefined

/** The connection of the process. */
export default function connection(): DatabaseConnection {
  return (instance ??= new DatabaseConnection())
}
