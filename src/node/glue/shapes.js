// The shapes of the rows of a statement: objects, single values, arrays, objects by table.
'use strict'
;(function (native, read) {
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
      make = native.compile(source)(read)
      literals.set(source, make)
    }
    return make
  }

  const makers = { flat: makeFlat, pluck: makePlucked, raw: makeRaw, expand: makeExpanded }

  // A function that makes a row in the shape that `mode` names.
  const maker = (mode, columns) => makers[mode](columns)

  return { maker }
})
