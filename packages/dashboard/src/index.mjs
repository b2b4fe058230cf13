// The dashboard for programs that have a server of their own around it.

export { openHistory } from 'gsd-sessions'
export { serveDashboard } from './server.mjs'
