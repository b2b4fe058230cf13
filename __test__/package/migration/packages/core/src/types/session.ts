export type SessionStatus = 'idle' | 'running' | 'waiting_checkpoint' | 'completed' | 'failed'

/** The slots of this harness. */
export type Slot = 1 | 2 | 3 | 4

export interface Session {
  id: string
  slot: Slot
  status: SessionStatus
  workingDir: string
  currentCommand?: string
  startedAt: Date
  endedAt?: Date
  pid?: number
}

export interface SessionOutput {
  sessionId: string
  timestamp: Date
  type: 'stdout' | 'stderr'
  data: string
}
