'use strict'
// The shapes of the rows of a statement: objects, single values, arrays, objects by table.

const { native, read } = require('./rows.js')

function makePlucked(columns) {
  // The rows of some pragmas have no columns.
  return columns.length > 0 ? read : () => undefined
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

// Functions that make a literal, by its source, each compiled once for all statements that have it: their rows share one
// hidden class.
const literals = new Map()
function makerOf(literal) {
  let make = literals.get(literal)
  if (make === undefined) {
    if (literals.size >= 1000) literals.clear()
    make = compile(`(read) => () => (${literal})`)(read)
    literals.set(literal, make)
  }
  return make
}

function makeRaw(columns) {
  return makerOf(`[${columns.map(() => 'read()').join(', ')}]`)
}

function makeFlat(columns) {
  const keys = columns.map(([name]) => {
    const key = JSON.stringify(name)
    // Computed, it is an ordinary property.
    return name === '__proto__' ? `[${key}]` : key
  })
  return makerOf(`{ ${keys.map((key) => `${key}: read()`).join(', ')} }`)
}

const makers = { flat: makeFlat, pluck: makePlucked, raw: makeRaw, expand: makeExpanded }

// A function that makes a row in the shape that `mode` names.
const maker = (mode, columns) => makers[mode](columns)

module.exports = { maker }
