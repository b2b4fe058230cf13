// The server for programs that have their own transport.

export { openHistory } from 'gsd-sessions'
export { serveHttp } from './http.mjs'
export { serverFor } from './server.mjs'
