// The types of what stores.mjs gives to examples.
import type { Database, DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'

declare global {
  var connection: DatabaseConnection
  var db: Database
  var sessions: SessionStore
  var outputs: OutputStore
  var cursor: number
  var show: (...values: unknown[]) => void
  var checkpoints: { answer: (id: string, answer: string) => void }
}
