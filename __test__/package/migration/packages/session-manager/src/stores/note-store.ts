import type Database from 'better-sqlite3'

/** What people noted of a session. */
export class NoteStore {
  readonly #add: Database.Statement<[string, string]>
  readonly #list: Database.Statement<[string], string>

  constructor(db: Database.Database) {
    this.#add = db.prepare('INSERT INTO notes (session_id, text) VALUES (?, ?)')
    this.#list = db
      .prepare<[string], string>('SELECT text FROM notes WHERE session_id = ? ORDER BY id')
      .pluck()
  }

  add(sessionId: string, text: string): void {
    this.#add.run(sessionId, text)
  }

  list(sessionId: string): string[] {
    return this.#list.all(sessionId)
  }
}
