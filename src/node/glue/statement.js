// `Statement` and its iterator, over the functions of `native`: the engine spreads arguments and reads
// options faster than Node-API could. `result` is where a number comes back beside a value.
'use strict'
;(function (native, result, checks, { parameterValues }, { maker }) {
  const { fail, wrongType, requireBoolean, constant } = checks
  const invalidState = (message) => fail(TypeError, 'ERR_INVALID_STATE', message)

  // Only these scripts make instances.
  const KEY = Symbol('native')

  let finish
  class Statement {
    #native
    #names
    #mode = 'flat'
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
      const values = this.#values('run', args)
      const lastInsertRowid = native.run(this.#native, this.#safeIntegers, !this.#bound, ...values)
      return { changes: result[0], lastInsertRowid }
    }

    get(...args) {
      return this.#query('get', args)
    }

    all(...args) {
      return this.#query('all', args)
    }

    iterate(...args) {
      this.#requireReader('iterate')
      native.iterate(this.#native, !this.#bound, ...this.#values('iterate', args))
      return new StatementIterator(KEY, this, () => native.next(this.#native, ...this.#shape()))
    }

    bind(...args) {
      native.check(this.#native, 'Statement.bind')
      if (this.#bound) {
        invalidState('Statement.bind: the statement has bound parameters already')
      }
      native.bind(this.#native, ...parameterValues('Statement.bind', this.#names, args))
      this.#bound = true
      return this
    }

    pluck(toggle = true) {
      return this.#setMode('pluck', toggle)
    }

    raw(toggle = true) {
      return this.#setMode('raw', toggle)
    }

    expand(toggle = true) {
      return this.#setMode('expand', toggle)
    }

    safeIntegers(toggle = true) {
      native.check(this.#native, 'Statement.safeIntegers')
      requireBoolean('Statement.safeIntegers', 'toggle', toggle)
      this.#safeIntegers = toggle
      return this
    }

    columns() {
      this.#requireReader('columns')
      return native
        .columns(this.#native)
        .map(([name, column, table, database, type]) => ({ name, column, table, database, type }))
    }

    toString() {
      return (this.#bound && native.expandedSql(this.#native)) || this.source
    }

    #requireReader(method) {
      if (!this.reader) {
        native.check(this.#native, `Statement.${method}`)
        invalidState(`Statement.${method}: the statement returns no data; use run() instead`)
      }
    }

    // The values to bind; none where they are bound for good.
    #values(method, args) {
      try {
        if (!this.#bound) return parameterValues(`Statement.${method}`, this.#names, args)
        if (args.length === 0) return args
      } catch (error) {
        // That the statement cannot be used at all comes first, and is asked only here.
        native.check(this.#native, `Statement.${method}`)
        throw error
      }
      native.check(this.#native, `Statement.${method}`)
      return invalidState(`Statement.${method}: the statement has bound parameters already`)
    }

    // How the native side makes rows.
    #shape() {
      const pluck = this.#mode === 'pluck'
      return [this.#make, this.#version, this.#refresh, this.#safeIntegers, pluck]
    }

    #query(method, args) {
      this.#requireReader(method)
      const values = this.#values(method, args)
      return native[method](this.#native, ...this.#shape(), !this.#bound, ...values)
    }

    #setMode(mode, toggle) {
      native.check(this.#native, `Statement.${mode}`)
      this.#requireReader(mode)
      requireBoolean(`Statement.${mode}`, 'toggle', toggle)
      if (toggle) this.#mode = mode
      else if (this.#mode === mode) this.#mode = 'flat'
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
        // An error, too, is the end.
        this.#open = false
        const rows = this.#next()
        this.#open = rows.length > 0
        if (this.#open) return { value: rows[0], done: false }
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
  }

  return { makeStatement: (...parts) => new Statement(KEY, ...parts) }
})
