'use strict'
// `Statement` and its iterator. The engine spreads arguments and reads options faster than Node-API could. Rows are begun
// before a call that gives some, and finished with what it returns.

const { constant, requireBoolean } = require('./arguments.js')
const { invalidState, wrongType } = require('./errors.js')
const { parameterValues } = require('./parameters.js')
const { begin, finish, finishOne, native: tables, notes } = require('./rows.js')
const { maker } = require('./shapes.js')

const native = tables.statement

// Only `makeStatement` makes instances.
const KEY = Symbol('native')

// A call with few values is faster without spreading them.
function invoke(method, statement, values) {
  switch (values.length) {
    case 0:
      return method(statement)
    case 1:
      return method(statement, values[0])
    case 2:
      return method(statement, values[0], values[1])
    default:
      return method(statement, ...values)
  }
}

let finishIterating, nextRow
class Statement {
  #native
  #names
  #source
  #reader
  #mode = 'flat'
  #columns
  // The functions that make a row, by mode: mappers of objects change the mode at every query.
  #makers
  #make
  #safeIntegers
  #bound = false
  // Called before the first row, and when the columns have changed.
  #refresh = (columns) => {
    this.#columns = columns
    this.#makers = {}
    return this.#makerNow()
  }

  constructor(key, database, handle, source, safeIntegers, isPragma) {
    if (key !== KEY) wrongType('Statement: use prepare() to make a statement')
    const [parameters, reader, readonly] = native.describe(handle)
    this.#native = handle
    this.#names = parameters
    this.#source = source
    this.#reader = reader || isPragma
    this.#safeIntegers = safeIntegers
    constant(this, { reader: this.#reader, readonly, source, database })
    if (safeIntegers) this.#configure()
  }

  get busy() {
    return native.isIterating(this.#native)
  }

  run(...args) {
    const lastInsertRowid = invoke(native.run, this.#native, this.#values('Statement.run', args))
    return { changes: notes[0], lastInsertRowid }
  }

  get(...args) {
    this.#requireReader('Statement.get')
    const values = this.#values('Statement.get', args)
    begin(this.#make, this.#refresh)
    return finishOne(invoke(native.get, this.#native, values))
  }

  all(...args) {
    this.#requireReader('Statement.all')
    const values = this.#values('Statement.all', args)
    begin(this.#make, this.#refresh)
    return finish(invoke(native.all, this.#native, values))
  }

  iterate(...args) {
    this.#requireReader('Statement.iterate')
    invoke(native.iterate, this.#native, this.#values('Statement.iterate', args))
    return new StatementIterator(KEY, this)
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
    return this.#setMode('pluck', 'Statement.pluck', toggle)
  }

  raw(toggle = true) {
    return this.#setMode('raw', 'Statement.raw', toggle)
  }

  expand(toggle = true) {
    return this.#setMode('expand', 'Statement.expand', toggle)
  }

  safeIntegers(toggle = true) {
    native.check(this.#native, 'Statement.safeIntegers')
    requireBoolean('Statement.safeIntegers', 'toggle', toggle)
    if (toggle !== this.#safeIntegers) {
      this.#safeIntegers = toggle
      this.#configure()
    }
    return this
  }

  columns() {
    this.#requireReader('Statement.columns')
    return Array.from(native.columns(this.#native), ([name, column, table, database, type]) => ({
      name,
      column,
      table,
      database,
      type,
    }))
  }

  toString() {
    return (this.#bound && native.expandedSql(this.#native)) || this.#source
  }

  #requireReader(call) {
    if (!this.#reader) {
      native.check(this.#native, call)
      invalidState(`${call}: the statement returns no data; use run() instead`)
    }
  }

  // The values to bind. There are none where `bind()` has bound them.
  #values(call, args) {
    try {
      if (!this.#bound) return parameterValues(call, this.#names, args)
      if (args.length === 0) return args
    } catch (error) {
      // Whether the statement can be used at all is checked first, and only here.
      native.check(this.#native, call)
      throw error
    }
    native.check(this.#native, call)
    return invalidState(`${call}: the statement has bound parameters already`)
  }

  // Sets what the native side gives of a row.
  #configure() {
    native.configure(this.#native, this.#safeIntegers, this.#mode === 'pluck')
  }

  #setMode(mode, call, toggle) {
    native.check(this.#native, call)
    this.#requireReader(call)
    requireBoolean(call, 'toggle', toggle)
    const before = this.#mode
    const after = toggle ? mode : before === mode ? 'flat' : before
    if (after !== before) {
      this.#mode = after
      if (this.#columns !== undefined) this.#makerNow()
      if (before === 'pluck' || after === 'pluck') this.#configure()
    }
    return this
  }

  #makerNow() {
    this.#make = this.#makers[this.#mode] ??= maker(this.#mode, this.#columns)
    return this.#make
  }

  static {
    finishIterating = (statement) => native.finish(statement.#native)
    nextRow = (statement) => {
      begin(statement.#make, statement.#refresh)
      return finish(native.next(statement.#native))
    }
  }
}

class StatementIterator {
  #open = true
  #statement

  constructor(key, statement) {
    if (key !== KEY) wrongType('StatementIterator: use iterate() to make an iterator')
    this.#statement = statement
    constant(this, { statement })
  }

  next() {
    if (this.#open) {
      // An error, too, is the end.
      this.#open = false
      const rows = nextRow(this.#statement)
      this.#open = rows.length > 0
      if (this.#open) return { value: rows[0], done: false }
    }
    return { value: undefined, done: true }
  }

  return() {
    if (this.#open) {
      this.#open = false
      finishIterating(this.#statement)
    }
    return { value: undefined, done: true }
  }

  [Symbol.iterator]() {
    return this
  }
}

const makeStatement = (...parts) => new Statement(KEY, ...parts)

module.exports = { makeStatement }
