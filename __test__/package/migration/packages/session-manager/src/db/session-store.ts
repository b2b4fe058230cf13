import type { Session, SessionStatus } from '@gsd/core'
import type Database from 'better-sqlite3'

interface SessionRow {
  id: string
  slot: number
  status: string
  working_dir: string
  current_command: string | null
  started_at: string
  ended_at: string | null
  pid: number | null
}

function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    slot: row.slot as Session['slot'],
    status: row.status as SessionStatus,
    workingDir: row.working_dir,
    startedAt: new Date(row.started_at),
    ...(row.current_command !== null && { currentCommand: row.current_command }),
    ...(row.ended_at !== null && { endedAt: new Date(row.ended_at) }),
    ...(row.pid !== null && { pid: row.pid }),
  }
}

const COLUMNS = {
  status: 'status',
  currentCommand: 'current_command',
  endedAt: 'ended_at',
  pid: 'pid',
} as const

export class SessionStore {
  readonly #db: Database.Database

  constructor(db: Database.Database) {
    this.#db = db
  }

  create(session: Session): void {
    this.#db
      .prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, datetime(), datetime())')
      .run(
        session.id,
        session.slot,
        session.status,
        session.workingDir,
        session.currentCommand ?? null,
        session.startedAt.toISOString(),
        session.endedAt?.toISOString() ?? null,
        session.pid ?? null,
      )
  }

  get(id: string): Session | undefined {
    const row = this.#db
      .prepare<[string], SessionRow>('SELECT * FROM sessions WHERE id = ?')
      .get(id)
    return row && toSession(row)
  }

  update(
    id: string,
    updates: Partial<Pick<Session, 'status' | 'currentCommand' | 'endedAt' | 'pid'>>,
  ): void {
    for (const [field, value] of Object.entries(updates)) {
      const column = COLUMNS[field as keyof typeof COLUMNS]
      this.#db
        .prepare(`UPDATE sessions SET ${column} = ? WHERE id = ?`)
        .run(value instanceof Date ? value.toISOString() : value, id)
    }
  }

  delete(id: string): void {
    this.#db.prepare('DELETE FROM sessions WHERE id = ?').run(id)
  }

  list(): Session[] {
    return this.#select('')
  }

  listByStatus(status: SessionStatus): Session[] {
    return this.#select('WHERE status = ?', status)
  }

  findRunning(): Session[] {
    return this.#select("WHERE status IN ('running', 'waiting_checkpoint')")
  }

  #select(where: string, ...params: string[]): Session[] {
    return this.#db
      .prepare<string[], SessionRow>(`SELECT * FROM sessions ${where} ORDER BY started_at DESC`)
      .all(...params)
      .map(toSession)
  }
}
