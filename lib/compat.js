'use strict'
// A constructor like that of better-sqlite3, for clients that open the file themselves. What it gives is the handle of a
// connection.

const { optionsOf } = require('./arguments.js')
const { OPTIONS, DatabaseConnection } = require('./connection.js')
const { prototype } = require('./database.js')
const { SqliteError, wrongType } = require('./errors.js')

// `nativeBinding` names a binary of better-sqlite3, which is of no use here.
const KNOWN = [...OPTIONS, 'verbose', 'nativeBinding']

function connectionOptions(options) {
  const o = optionsOf('Database', options, KNOWN)
  if ((o.verbose ?? undefined) !== undefined) {
    wrongType('Database: options.verbose is not supported; have the client log its SQL')
  }
  const own = Object.fromEntries(OPTIONS.map((name) => [name, o[name]]))
  // SQLite's default in better-sqlite3, on which clients rely.
  return { ...own, foreignKeys: own.foreignKeys ?? true }
}

/** @this {unknown} */
function CompatDatabase(path, options) {
  const { db } = new DatabaseConnection(path || ':memory:', connectionOptions(options))
  if (new.target && new.target !== CompatDatabase) Object.setPrototypeOf(db, new.target.prototype)
  return db
}

Object.defineProperty(CompatDatabase, 'name', { value: 'Database' })
// Every handle is an instance.
CompatDatabase.prototype = prototype
CompatDatabase.SqliteError = SqliteError

module.exports = { CompatDatabase }
