import type { Database, Statement } from '@gsd/session-store'

/** A question that a session puts to a person. */
export interface CheckpointRequest {
  sessionId: string
  type: 'decision' | 'human-verify' | 'human-action'
  prompt: string
}

/** A question that waits for its answer. */
export interface Checkpoint extends CheckpointRequest {
  askedAt: Date
}

type CheckpointRow = CheckpointRequest & { askedAt: string }

/** The partial index is the rule that a session waits at one checkpoint at a time. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS checkpoints (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('decision', 'human-verify', 'human-action')),
    prompt TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    answer TEXT,
    answered_at TEXT
  );
  CREATE UNIQUE INDEX IF NOT EXISTS idx_checkpoints_open
    ON checkpoints(session_id) WHERE answered_at IS NULL;
`

const SELECT_OPEN = `
  SELECT session_id AS sessionId, type, prompt, asked_at AS askedAt
  FROM checkpoints WHERE answered_at IS NULL
`

/** The checkpoints of all sessions, in the session store's database. */
export class CheckpointStore {
  readonly #ask: Statement<[CheckpointRow]>
  readonly #answer: Statement<[{ sessionId: string; answer: string; answeredAt: string }]>
  readonly #open: Statement<[{ sessionId: string }], CheckpointRow>
  readonly #listOpen: Statement<[], CheckpointRow>

  constructor(db: Database) {
    db.exec(SCHEMA)
    this.#ask = db.prepare(`
      INSERT INTO checkpoints (session_id, type, prompt, asked_at)
      VALUES (@sessionId, @type, @prompt, @askedAt)
      ON CONFLICT (session_id) WHERE answered_at IS NULL
      DO UPDATE SET type = excluded.type, prompt = excluded.prompt, asked_at = excluded.asked_at
    `)
    this.#answer = db.prepare(`
      UPDATE checkpoints SET answer = @answer, answered_at = @answeredAt
      WHERE session_id = @sessionId AND answered_at IS NULL
    `)
    this.#open = db.prepare(`${SELECT_OPEN} AND session_id = @sessionId`)
    this.#listOpen = db.prepare(`${SELECT_OPEN} ORDER BY asked_at, id`)
  }

  /** Asks. A question that the session still has open is replaced. */
  ask(request: CheckpointRequest): void {
    this.#ask.run({ ...request, askedAt: new Date().toISOString() })
  }

  /** Answers the session's open question. `false` when there is none: somebody else was faster. */
  answer(sessionId: string, answer: string): boolean {
    return (
      this.#answer.run({ sessionId, answer, answeredAt: new Date().toISOString() }).changes === 1
    )
  }

  /** The question at which the session waits. */
  open(sessionId: string): Checkpoint | undefined {
    const row = this.#open.get({ sessionId })
    return row && toCheckpoint(row)
  }

  /** All questions that wait for an answer, oldest first. */
  listOpen(): Checkpoint[] {
    return this.#listOpen.all().map(toCheckpoint)
  }
}

function toCheckpoint(row: CheckpointRow): Checkpoint {
  return { ...row, askedAt: new Date(row.askedAt) }
}
