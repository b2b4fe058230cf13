import type { SessionOutput } from '@gsd/core'
import type Database from 'better-sqlite3'

interface OutputRow {
  session_id: string
  timestamp: string
  type: string
  data: string
}

function toOutput(row: OutputRow): SessionOutput {
  return {
    sessionId: row.session_id,
    timestamp: new Date(row.timestamp),
    type: row.type as SessionOutput['type'],
    data: row.data,
  }
}

export class OutputStore {
  readonly #db: Database.Database

  constructor(db: Database.Database) {
    this.#db = db
  }

  append({ sessionId, timestamp, type, data }: SessionOutput): void {
    this.#db
      .prepare(
        'INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES (?, ?, ?, ?)',
      )
      .run(sessionId, timestamp.toISOString(), type, data)
  }

  getBySession(sessionId: string, limit = -1): SessionOutput[] {
    return this.#db
      .prepare<[string, number], OutputRow>(
        'SELECT * FROM session_outputs WHERE session_id = ? ORDER BY timestamp DESC LIMIT ?',
      )
      .all(sessionId, limit)
      .map(toOutput)
  }

  getBySessionSince(sessionId: string, since: Date): SessionOutput[] {
    return this.#db
      .prepare<[string, string], OutputRow>(
        'SELECT * FROM session_outputs WHERE session_id = ? AND timestamp > ? ORDER BY timestamp',
      )
      .all(sessionId, since.toISOString())
      .map(toOutput)
  }

  deleteBySession(sessionId: string): void {
    this.#db.prepare('DELETE FROM session_outputs WHERE session_id = ?').run(sessionId)
  }

  getFullOutput(sessionId: string): string {
    return this.#db
      .prepare<[string], string>(
        'SELECT data FROM session_outputs WHERE session_id = ? ORDER BY timestamp',
      )
      .pluck()
      .all(sessionId)
      .join('\n')
  }
}
