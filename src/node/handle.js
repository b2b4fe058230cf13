// The handle `connection.db`. Its classes are written in JavaScript, over the functions of `native`:
// arguments are spread and options are read where the engine does that fastest.
;(function (native) {
  'use strict'

  // Only this script makes instances.
  const KEY = Symbol('native')

  // The handle of a connection, the same one every time.
  const handles = new WeakMap()

  class Database {
    #native

    constructor(key, handle) {
      if (key !== KEY) throw new TypeError('Illegal constructor: use connection.db')
      this.#native = handle
    }

    get open() {
      return native.isOpen(this.#native)
    }

    close() {
      native.close(this.#native)
      return this
    }

    static native(value) {
      return typeof value === 'object' && value !== null && #native in value ? value.#native : undefined
    }
  }
  const nativeOf = Database.native
  delete Database.native

  return {
    handleOf: (connection) => handles.get(connection),
    makeHandle(connection, handle) {
      const database = new Database(KEY, handle)
      handles.set(connection, database)
      return database
    },
    nativeOf,
  }
})
