export { DatabaseConnection, DatabaseConnection as default } from '@gsd/session-store'
