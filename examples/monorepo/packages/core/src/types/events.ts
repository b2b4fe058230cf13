import type { Session, SessionOutput } from './session.js'

/** Everything that a session can tell, told apart by `type`. */
export type SessionEvents =
  | { type: 'session:started'; session: Session }
  | { type: 'session:output'; output: SessionOutput }
  | {
      type: 'session:ended'
      sessionId: string
      status: 'completed' | 'failed'
      endedAt: Date
      /** `null` when a signal ended the process. */
      exitCode: number | null
      signal: string | null
      /** Why the program could not be started. */
      error: string | null
    }
