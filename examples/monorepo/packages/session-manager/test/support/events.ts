import type { SessionEvents, SessionManager } from '../../src/index.js'

type Ended = Extract<SessionEvents, { type: 'session:ended' }>

/** Resolves when the session has ended. To be called in the tick that started it. */
export function ended(manager: SessionManager, sessionId: string): Promise<Ended> {
  return new Promise((resolve) => {
    manager.on('session:ended', (event) => {
      if (event.sessionId === sessionId) resolve(event)
    })
  })
}

/** Resolves with the session's first output. To be called in the tick that started it. */
export function firstOutput(manager: SessionManager, sessionId: string): Promise<string> {
  return new Promise((resolve) => {
    manager.on('session:output', ({ output }) => {
      if (output.sessionId === sessionId) resolve(output.data)
    })
  })
}
