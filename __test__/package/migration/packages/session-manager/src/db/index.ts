export { default, DatabaseConnection } from './database.js'
export { SessionStore } from './session-store.js'
export { OutputStore } from './output-store.js'
