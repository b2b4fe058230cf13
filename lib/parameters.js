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

function requireBindable(call, nameOrNumber, value) {
  if (canBind(value)) return
  const label = typeof nameOrNumber === 'string' ? JSON.stringify(nameOrNumber) : nameOrNumber
  wrongType(
    `${call}: parameter ${label} must be a number, a string, a bigint, a Buffer or null; ` +
      `received ${show(value)}`,
  )
}

// Puts a value to the next parameter without a name, and gives the index behind that.
function put(call, names, values, from, value) {
  let index = from
  while (index < names.length && names[index] !== undefined) index++
  requireBindable(call, index + 1, value)
  if (index >= names.length) {
    outOfRange(`${call}: too many parameter values were given; the statement has ${names.length}`)
  }
  values[index] = value
  return index + 1
}

// Puts the values of an object to the parameters with a name, and gives how many there are.
function putNamed(call, names, values, object) {
  let count = 0
  for (let i = 0; i < names.length; i++) {
    const name = names[i]
    if (name === undefined) continue
    if (!Object.hasOwn(object, name)) {
      outOfRange(`${call}: the named parameter ${JSON.stringify(name)} is missing`)
    }
    values[i] = object[name]
    requireBindable(call, name, values[i])
    count++
  }
  return count
}

const hasNames = (names) => names.some((name) => name !== undefined)

// The values of a call in the order of the statement's parameters.
function arrange(call, names, args) {
  // Every element is replaced.
  const values = names.slice()
  let next = 0
  let count = 0
  let named = false
  for (const arg of args) {
    if (Array.isArray(arg)) {
      for (let i = 0; i < arg.length; i++, count++) next = put(call, names, values, next, arg[i])
    } else if (typeof arg !== 'object' || arg === null || ArrayBuffer.isView(arg)) {
      next = put(call, names, values, next, arg)
      count++
    } else if (isPlain(arg)) {
      if (named) wrongType(`${call}: named parameters must be in one object; received two`)
      named = true
      count += putNamed(call, names, values, arg)
    } else if (hasNames(names)) {
      wrongType(`${call}: named parameters must be in a plain object; received ${show(arg)}`)
    } else {
      put(call, names, values, next, arg)
    }
  }
  if (count < names.length) {
    if (hasNames(names) && !named) wrongType(`${call}: the named parameters are missing`)
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

// The values of a call in the order of the statement's parameters. A call with one value a parameter, one by one or in
// one array, needs no arranging: those are the common ones.
function parameterValues(call, names, args) {
  if (isArranged(names, args)) return args
  if (args.length !== 1 || !Array.isArray(args[0]) || args[0].length !== names.length) {
    return arrange(call, names, args)
  }
  // Each element is read once: it may have a getter.
  const [array] = args
  const values = []
  for (let i = 0; i < names.length; i++) values.push(array[i])
  return isArranged(names, values) ? values : arrange(call, names, [values])
}

module.exports = { parameterValues }
