import type { SessionOutput } from '@gsd/core'
import type { OutputStore } from './db/index.js'

/** The newest chunks of a session, newest first. */
export function newest(outputs: OutputStore, sessionId: string, count: number): SessionOutput[] {
  return outputs.getBySession(sessionId, -1).slice(0, count)
}

/** The last lines of a session. */
export function lastLines(outputs: OutputStore, sessionId: string, count: number): string[] {
  return outputs.getFullOutput(sessionId).split('\n').slice(-count)
}
