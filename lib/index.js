'use strict'
// What the package exports.

const { DatabaseConnection, closeDatabase, getDatabase, salvage } = require('./connection.js')
const { SqliteError } = require('./errors.js')
const { OutputStore } = require('./output-store.js')
const { SessionStore } = require('./session-store.js')

module.exports = {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  SqliteError,
  closeDatabase,
  getDatabase,
  salvage,
}
