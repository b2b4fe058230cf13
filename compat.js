'use strict'
// The entry point `@gsd/session-store/compat`.

const { CompatDatabase, SqliteError } = require('./lib/index.js')

module.exports = CompatDatabase
module.exports.SqliteError = SqliteError
