// The handle `connection.db` and its statements, after the conventions of better-sqlite3. The classes
// are written in JavaScript over the functions of `native`: here the engine spreads arguments, reads
// options and makes rows faster than Node-API could.
;(function (native, cursor, result) {
  'use strict'

  // Only this script makes instances.
  const KEY = Symbol('native')

  // What a maker of rows depends on, and how it is told.
  const FLAT = 'flat'
  const PLUCK = 'pluck'
  const RAW = 'raw'
  const EXPAND = 'expand'

  const SAVEPOINT = 'SAVEPOINT "gsd transaction"'
  const RELEASE = 'RELEASE "gsd transaction"'
  const ROLLBACK_TO = 'ROLLBACK TO "gsd transaction"'

  // The handle of a connection, the same one every time.
  const handles = new WeakMap()

  function fail(ErrorClass, code, message) {
    const error = new ErrorClass(message)
    error.code = code
    Error.captureStackTrace?.(error, fail)
    throw error
  }

  function wrongType(message) {
    fail(TypeError, 'ERR_INVALID_ARG_TYPE', message)
  }

  function outOfRange(message) {
    fail(RangeError, 'ERR_OUT_OF_RANGE', message)
  }

  function show(value) {
    if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return String(value)
    }
    return Array.isArray(value) ? 'an array' : `${typeof value === 'object' ? 'an object' : 'a function'}`
  }

  function requireString(call, name, value) {
    if (typeof value !== 'string') wrongType(`${call}: ${name} must be a string; received ${show(value)}`)
  }

  function requireBoolean(call, name, value) {
    if (typeof value !== 'boolean') wrongType(`${call}: ${name} must be a boolean; received ${show(value)}`)
  }

  function isPlain(object) {
    const prototype = Object.getPrototypeOf(object)
    // Plain objects of other realms have an Object.prototype of their own.
    return prototype === null || Object.getPrototypeOf(prototype) === null
  }

  function canBind(value) {
    switch (typeof value) {
      case 'number':
      case 'string':
      case 'bigint':
      case 'undefined':
        return true
      default:
        return value === null || ArrayBuffer.isView(value)
    }
  }

  // The values of a call in the order of the statement's parameters.
  function arrange(call, names, args) {
    const values = Array.from({ length: names.length })
    const hasNames = names.some((name) => name !== undefined)
    let next = 0
    let count = 0
    let named = false

    function set(index, label, value) {
      if (!canBind(value)) {
        wrongType(
          `${call}: parameter ${label} must be a number, a string, a bigint, a Buffer or null; ` +
            `received ${show(value)}`,
        )
      }
      values[index] = value
      count++
    }
    function add(value) {
      while (names[next] !== undefined) next++
      if (next >= names.length) {
        outOfRange(`${call}: too many parameter values were given; the statement has ${names.length}`)
      }
      set(next, next + 1, value)
      next++
    }
    function addNamed(object) {
      if (named) wrongType(`${call}: named parameters must be in one object; received two`)
      named = true
      for (let i = 0; i < names.length; i++) {
        const name = names[i]
        if (name === undefined) continue
        if (!Object.hasOwn(object, name)) {
          outOfRange(`${call}: the named parameter ${JSON.stringify(name)} is missing`)
        }
        set(i, JSON.stringify(name), object[name])
      }
    }

    for (const arg of args) {
      if (Array.isArray(arg)) {
        for (let i = 0; i < arg.length; i++) add(arg[i])
      } else if (typeof arg !== 'object' || arg === null || ArrayBuffer.isView(arg)) {
        add(arg)
      } else if (isPlain(arg)) {
        addNamed(arg)
      } else if (hasNames) {
        wrongType(`${call}: named parameters must be in a plain object; received ${show(arg)}`)
      } else {
        add(arg)
      }
    }
    if (count < names.length) {
      if (hasNames && !named) wrongType(`${call}: the named parameters are missing`)
      outOfRange(`${call}: too few parameter values were given: ${count} of ${names.length}`)
    }
    return values
  }

  // A call of one value a parameter, the common one, needs no arranging.
  function isArranged(names, args) {
    if (args.length !== names.length) return false
    for (let i = 0; i < args.length; i++) {
      if (names[i] !== undefined || !canBind(args[i])) return false
    }
    return true
  }

  function makeRaw(columns) {
    const { read } = cursor
    return () => {
      const row = Array.from({ length: columns.length })
      for (let i = 0; i < row.length; i++) row[i] = read()
      return row
    }
  }

  function makeExpanded(columns) {
    const { read } = cursor
    return () => {
      const row = {}
      for (const [name, table] of columns) {
        const key = table ?? '$'
        if (!Object.hasOwn(row, key)) row[key] = {}
        row[key][name] = read()
      }
      return row
    }
  }

  // Object literals by their keys, each compiled once for all statements that have them: their rows
  // share one hidden class.
  const literals = new Map()
  function makeFlat(columns) {
    const keys = columns.map(([name]) => {
      const key = JSON.stringify(name)
      // Computed, it is an ordinary property.
      return name === '__proto__' ? `[${key}]` : key
    })
    const source = `(read) => () => ({ ${keys.map((key) => `${key}: read()`).join(', ')} })`
    let make = literals.get(source)
    if (make === undefined) {
      if (literals.size >= 1000) literals.clear()
      make = native.compile(source)(cursor.read)
      literals.set(source, make)
    }
    return make
  }

  // A function that appends the rows of a batch to an array.
  function maker(mode, columns) {
    const { open, read, close } = cursor
    const make =
      mode === PLUCK
        ? read
        : mode === RAW
          ? makeRaw(columns)
          : mode === EXPAND
            ? makeExpanded(columns)
            : makeFlat(columns)
    return (rows, count, numbers, ascii, wide, extras) => {
      open(numbers, ascii, wide, extras)
      for (let i = 0; i < count; i++) rows.push(make())
      close()
    }
  }

  function constant(object, properties) {
    for (const [name, value] of Object.entries(properties)) {
      Object.defineProperty(object, name, { value, enumerable: true })
    }
  }

  let finish
  class Statement {
    #native
    #names
    #mode = FLAT
    #make
    #version = -1
    #safeIntegers
    #bound = false
    // Called before the first row, and when the columns have changed.
    #refresh = (version, columns) => {
      this.#version = version
      this.#make = maker(this.#mode, columns)
      return this.#make
    }

    constructor(key, database, handle, source, safeIntegers, isPragma) {
      if (key !== KEY) wrongType('Statement: use prepare() to make a statement')
      const { parameters, reader, readonly } = native.describe(handle)
      this.#native = handle
      this.#names = parameters
      this.#safeIntegers = safeIntegers
      constant(this, { reader: reader || isPragma, readonly, source, database })
    }

    get busy() {
      return native.isIterating(this.#native)
    }

    run(...args) {
      const values = this.#values('Statement.run', args)
      const safe = this.#safeIntegers
      const lastInsertRowid =
        values === undefined
          ? native.run(this.#native, safe, false)
          : native.run(this.#native, safe, true, ...values)
      return { changes: result[0], lastInsertRowid }
    }

    get(...args) {
      this.#requireReader('get')
      return this.#query(native.get, 'Statement.get', args)
    }

    all(...args) {
      this.#requireReader('all')
      return this.#query(native.all, 'Statement.all', args)
    }

    iterate(...args) {
      this.#requireReader('iterate')
      const values = this.#values('Statement.iterate', args)
      if (values === undefined) native.iterate(this.#native, false)
      else native.iterate(this.#native, true, ...values)
      return new StatementIterator(KEY, this, () =>
        native.next(
          this.#native,
          this.#make,
          this.#version,
          this.#refresh,
          this.#safeIntegers,
          this.#mode === PLUCK,
        ),
      )
    }

    bind(...args) {
      if (this.#bound) {
        fail(TypeError, 'ERR_INVALID_STATE', 'Statement.bind: the statement has bound parameters already')
      }
      native.check(this.#native, 'Statement.bind')
      const names = this.#names
      const values = isArranged(names, args) ? args : arrange('Statement.bind', names, args)
      native.bind(this.#native, ...values)
      this.#bound = true
      return this
    }

    pluck(toggle = true) {
      return this.#setMode('pluck', PLUCK, toggle)
    }

    raw(toggle = true) {
      return this.#setMode('raw', RAW, toggle)
    }

    expand(toggle = true) {
      return this.#setMode('expand', EXPAND, toggle)
    }

    safeIntegers(toggle = true) {
      requireBoolean('Statement.safeIntegers', 'toggle', toggle)
      native.check(this.#native, 'Statement.safeIntegers')
      this.#safeIntegers = toggle
      return this
    }

    columns() {
      this.#requireReader('columns')
      native.check(this.#native, 'Statement.columns')
      return native
        .columns(this.#native)
        .map(([name, column, table, database, type]) => ({ name, column, table, database, type }))
    }

    toString() {
      return (this.#bound && native.expandedSql(this.#native)) || this.source
    }

    #requireReader(method) {
      if (!this.reader) {
        wrongType(`Statement.${method}: the statement returns no data; use run() instead`)
      }
    }

    // The values to bind, or `undefined` where they are bound for good.
    #values(call, args) {
      if (this.#bound) {
        if (args.length > 0) wrongType(`${call}: the statement has bound parameters already`)
        return undefined
      }
      const names = this.#names
      return isArranged(names, args) ? args : arrange(call, names, args)
    }

    #query(query, call, args) {
      const values = this.#values(call, args)
      const pluck = this.#mode === PLUCK
      const make = this.#make
      const version = this.#version
      const refresh = this.#refresh
      return values === undefined
        ? query(this.#native, make, version, refresh, this.#safeIntegers, pluck, false)
        : query(this.#native, make, version, refresh, this.#safeIntegers, pluck, true, ...values)
    }

    #setMode(method, mode, toggle) {
      requireBoolean(`Statement.${method}`, 'toggle', toggle)
      this.#requireReader(method)
      native.check(this.#native, `Statement.${method}`)
      if (toggle) this.#mode = mode
      else if (this.#mode === mode) this.#mode = FLAT
      this.#version = -1
      return this
    }

    static {
      finish = (statement) => native.finish(statement.#native)
    }
  }

  class StatementIterator {
    #next
    #open = true

    constructor(key, statement, next) {
      if (key !== KEY) wrongType('StatementIterator: use iterate() to make an iterator')
      this.#next = next
      constant(this, { statement })
    }

    next() {
      if (this.#open) {
        const rows = this.#advance()
        if (rows.length > 0) return { value: rows[0], done: false }
        this.#open = false
      }
      return { value: undefined, done: true }
    }

    return() {
      if (this.#open) {
        this.#open = false
        finish(this.statement)
      }
      return { value: undefined, done: true }
    }

    [Symbol.iterator]() {
      return this
    }

    #advance() {
      try {
        return this.#next()
      } catch (error) {
        this.#open = false
        throw error
      }
    }
  }

  let nativeOf
  class Database {
    #native
    #safeIntegers = false

    constructor(key, handle) {
      if (key !== KEY) wrongType('Database: use connection.db')
      this.#native = handle
      constant(this, native.info(handle))
    }

    get open() {
      return native.isOpen(this.#native)
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
      if (typeof fn !== 'function') {
        wrongType(`Database.transaction: fn must be a function; received ${show(fn)}`)
      }
      native.checkOpen(this.#native, 'Database.transaction')
      const variants = {
        default: this.#transaction('BEGIN', fn),
        deferred: this.#transaction('BEGIN DEFERRED', fn),
        immediate: this.#transaction('BEGIN IMMEDIATE', fn),
        exclusive: this.#transaction('BEGIN EXCLUSIVE', fn),
      }
      for (const variant of Object.values(variants)) {
        for (const [name, value] of Object.entries(variants)) Object.defineProperty(variant, name, { value })
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
      return this
    }

    #prepare(source, isPragma) {
      const handle = native.prepare(this.#native, source)
      return new Statement(KEY, this, handle, source, this.#safeIntegers, isPragma)
    }

    // Inside a transaction another one is a savepoint, and the outermost decides.
    #transaction(begin, fn) {
      const database = this
      const run = (sql) => native.execCached(database.#native, sql)
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
          // Some errors, as that of a full disk, have ended the transaction already.
          if (database.inTransaction) {
            run(nested ? ROLLBACK_TO : 'ROLLBACK')
            if (nested) run(RELEASE)
          }
          throw error
        }
      }
    }

    static {
      nativeOf = (value) =>
        typeof value === 'object' && value !== null && #native in value ? value.#native : undefined
    }
  }

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
