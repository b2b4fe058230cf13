export { SessionStore } from '@gsd/session-store'
