import { homedir } from 'node:os'
import { join } from 'node:path'
import { DatabaseConnection } from './database.js'

/** The harness's file: four slots, and a table of notes. */
export class HarnessDatabase extends DatabaseConnection {
  constructor(dbPath: string = join(homedir(), '.harness', 'harness.db')) {
    super(dbPath, 4)
  }

  protected override createTables(): void {
    this.db.exec(`
      CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        text TEXT NOT NULL
      );
      CREATE INDEX IF NOT EXISTS idx_notes_session_id ON notes(session_id);
    `)
  }
}
