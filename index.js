'use strict'
// The entry point. Every name is assigned on its own, so that ES modules can import it.

const lib = require('./lib/index.js')

module.exports.DatabaseConnection = lib.DatabaseConnection
module.exports.OutputStore = lib.OutputStore
module.exports.SessionStore = lib.SessionStore
module.exports.SqliteError = lib.SqliteError
module.exports.Terminal = lib.Terminal
module.exports.closeDatabase = lib.closeDatabase
module.exports.getDatabase = lib.getDatabase
module.exports.record = lib.record
module.exports.restore = lib.restore
module.exports.salvage = lib.salvage
