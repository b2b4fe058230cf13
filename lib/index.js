'use strict'
// What the package exports.

// Each name is declared by one file only, so that the bundle of the package need not rename it.
const compat = require('./compat.js')
const connection = require('./connection.js')
const errors = require('./errors.js')
const outputStore = require('./output-store.js')
const recording = require('./recording.js')
const sessionStore = require('./session-store.js')
const terminal = require('./terminal.js')

module.exports = {
  CompatDatabase: compat.CompatDatabase,
  DatabaseConnection: connection.DatabaseConnection,
  OutputStore: outputStore.OutputStore,
  SessionStore: sessionStore.SessionStore,
  SqliteError: errors.SqliteError,
  Terminal: terminal.Terminal,
  closeDatabase: connection.closeDatabase,
  getDatabase: connection.getDatabase,
  record: recording.record,
  restore: connection.restore,
  salvage: connection.salvage,
}
