export type { Session, SessionOutput, SessionStatus, Slot } from './types/session.js'
