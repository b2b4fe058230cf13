export type { SessionEvents } from './types/events.js'
export type { Session, SessionOutput, SessionStatus } from './types/session.js'
