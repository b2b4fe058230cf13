'use strict'
// The parameters of a statement: one by one, in arrays, or by name in one plain object.

const { outOfRange, wrongType } = require('./errors.js')
const { show } = require('./arguments.js')

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

  function requireBindable(label, value) {
    if (!canBind(value)) {
      wrongType(
        `${call}: parameter ${label} must be a number, a string, a bigint, a Buffer or null; ` +
          `received ${show(value)}`,
      )
    }
  }
  function add(value) {
    while (names[next] !== undefined) next++
    requireBindable(next + 1, value)
    if (next >= names.length) {
      outOfRange(`${call}: too many parameter values were given; the statement has ${names.length}`)
    }
    values[next++] = value
    count++
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
      values[i] = object[name]
      requireBindable(JSON.stringify(name), values[i])
      count++
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

function isArranged(names, args) {
  if (args.length !== names.length) return false
  for (let i = 0; i < args.length; i++) {
    if (names[i] !== undefined || !canBind(args[i])) return false
  }
  return true
}

// The values of a call in the order of the statement's parameters. A call with one value a parameter,
// the common one, needs no arranging.
function parameterValues(call, names, args) {
  return isArranged(names, args) ? args : arrange(call, names, args)
}

module.exports = { parameterValues }
