'use strict'
// The shapes of the rows of a statement: objects, single values, arrays, objects by table.

const { native, read } = require('./rows.js')

function makePlucked(columns) {
  // The rows of some pragmas have no columns.
  return columns.length > 0 ? read : () => undefined
}

function makeRaw(columns) {
  return () => {
    const row = Array.from({ length: columns.length })
    for (let i = 0; i < row.length; i++) row[i] = read()
    return row
  }
}

// As an assignment does, but for "__proto__" as well.
function put(object, name, value) {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  })
}

function makeExpanded(columns) {
  return () => {
    const row = {}
    for (const [name, table] of columns) {
      const key = table ?? '$'
      if (!Object.hasOwn(row, key)) put(row, key, {})
      put(row[key], name, read())
    }
    return row
  }
}

// A script that Node-API runs is never freed, and what `eval` made is. But a process may forbid `eval`.
// oxlint-disable-next-line no-eval -- the source is made here, of names that JSON.stringify() has quoted
const evaluate = globalThis.eval
function compile(source) {
  try {
    return evaluate(source)
  } catch {
    return native.database.compile(source)
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
    make = compile(source)(read)
    literals.set(source, make)
  }
  return make
}

const makers = { flat: makeFlat, pluck: makePlucked, raw: makeRaw, expand: makeExpanded }

// A function that makes a row in the shape that `mode` names.
const maker = (mode, columns) => makers[mode](columns)

module.exports = { maker }
