export {
  DatabaseConnection,
  DatabaseConnection as default,
  OutputStore,
  SessionStore,
} from '@gsd/session-store'
