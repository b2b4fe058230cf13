/** Where a session is in its life. */
export type SessionStatus = 'idle' | 'running' | 'waiting_checkpoint' | 'completed' | 'failed'

/** One coding session: a process in one of the harness's three slots. */
export interface Session {
  id: string
  slot: 1 | 2 | 3
  status: SessionStatus
  workingDir: string
  currentCommand?: string
  startedAt: Date
  endedAt?: Date
  pid?: number
  /** What people call it. */
  title?: string
  /** The code with which its process ended. */
  exitCode?: number
  /** The signal that ended it. */
  signal?: string
  /** Why it failed, in words. */
  error?: string
  /** Whether it has a terminal, and its size in cells. */
  terminal?: boolean
  columns?: number
  rows?: number
}

/** One piece of a session's terminal output, as it arrived. */
export interface SessionOutput {
  sessionId: string
  timestamp: Date
  type: 'stdout' | 'stderr'
  data: string
}
