'use strict'
// The handle `connection.db`.

const {
  DISPOSE,
  constant,
  requireBoolean,
  requireFunction,
  requireString,
  show,
} = require('./arguments.js')
const { wrongType } = require('./errors.js')
const { hurry } = require('./follow.js')
const { native: tables } = require('./rows.js')
const { makeStatement } = require('./statement.js')

const native = tables.database

/** Where connections and handles have their native side for other evaluations of this package. */
const NATIVE = Symbol.for('@gsd/session-store.native')

// Only `makeDatabase` makes instances.
const KEY = Symbol('native')

const SAVEPOINT = 'SAVEPOINT "gsd transaction"'
const RELEASE = 'RELEASE "gsd transaction"'
const ROLLBACK_TO = 'ROLLBACK TO "gsd transaction"'

let nativeOf
/** The handle `connection.db`, after the conventions of better-sqlite3. */
class Database {
  #native
  #safeIntegers = false

  constructor(key, connection) {
    if (key !== KEY) wrongType('Database: use connection.db')
    this.#native = connection
    const [name, memory, readonly] = tables.connection.info(connection)
    constant(this, { name, memory, readonly })
  }

  get open() {
    return tables.connection.isOpen(this.#native)
  }

  get inTransaction() {
    return native.inTransaction(this.#native)
  }

  prepare(source) {
    requireString('Database.prepare', 'source', source)
    return this.#prepare(source, false)
  }

  exec(source) {
    requireString('Database.exec', 'source', source)
    native.exec(this.#native, source)
    return this
  }

  pragma(source, options) {
    requireString('Database.pragma', 'source', source)
    // As in better-sqlite3, other options do nothing.
    if (typeof (options ?? {}) !== 'object') {
      wrongType(`Database.pragma: options must be an object; received ${show(options)}`)
    }
    const simple = options?.simple ?? false
    requireBoolean('Database.pragma', 'options.simple', simple)
    native.checkNotIterating(this.#native, 'Database.pragma')
    const statement = this.#prepare(`PRAGMA ${source}`, true)
    return simple ? statement.pluck().get() : statement.all()
  }

  transaction(fn) {
    requireFunction('Database.transaction', 'fn', fn)
    native.checkOpen(this.#native, 'Database.transaction')
    const variants = {
      default: this.#transaction('BEGIN', fn),
      deferred: this.#transaction('BEGIN DEFERRED', fn),
      immediate: this.#transaction('BEGIN IMMEDIATE', fn),
      exclusive: this.#transaction('BEGIN EXCLUSIVE', fn),
    }
    for (const variant of Object.values(variants)) {
      for (const [name, value] of Object.entries(variants))
        Object.defineProperty(variant, name, { value })
      Object.defineProperty(variant, 'database', { value: this, enumerable: true })
    }
    return variants.default
  }

  defaultSafeIntegers(toggle = true) {
    requireBoolean('Database.defaultSafeIntegers', 'toggle', toggle)
    native.checkOpen(this.#native, 'Database.defaultSafeIntegers')
    this.#safeIntegers = toggle
    return this
  }

  close() {
    native.close(this.#native)
    hurry()
    return this
  }

  [DISPOSE]() {
    this.close()
  }

  get [NATIVE]() {
    return this.#native
  }

  #prepare(source, isPragma) {
    const handle = native.prepare(this.#native, source)
    return makeStatement(this, handle, source, this.#safeIntegers, isPragma)
  }

  // Inside a transaction another one is a savepoint, and the outermost decides.
  #transaction(begin, fn) {
    const database = this
    const run = (sql) => native.execCached(database.#native, sql)
    const undo = (sql) => native.undo(database.#native, sql)
    /** @this {unknown} */
    return function sqliteTransaction(...args) {
      const nested = database.inTransaction
      run(nested ? SAVEPOINT : begin)
      try {
        const value = Reflect.apply(fn, this, args)
        if (typeof value?.then === 'function') {
          wrongType('Database.transaction: fn must be synchronous; it returned a promise')
        }
        run(nested ? RELEASE : 'COMMIT')
        return value
      } catch (error) {
        // Some errors, such as that of a full disk, have ended the transaction already. The first error is
        // the one that is thrown.
        try {
          if (database.inTransaction) {
            undo(nested ? ROLLBACK_TO : 'ROLLBACK')
            if (nested) undo(RELEASE)
          }
        } catch {}
        throw error
      }
    }
  }

  static {
    nativeOf = (value) =>
      typeof value === 'object' && value !== null && #native in value ? value.#native : undefined
  }
}

/** The handle of a connection, by its native side. */
const makeDatabase = (connection) => new Database(KEY, connection)

const { prototype } = Database

module.exports = { NATIVE, makeDatabase, nativeOf, prototype }
