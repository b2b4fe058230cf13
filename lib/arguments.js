'use strict'
// Checks of arguments.

const { wrongType } = require('./errors.js')
const { native } = require('./rows.js')

const { show } = native.values

// `index` is that of an element of the array that is called `name`.
function requireObject(call, name, value, index) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const path = index === undefined ? name : `${name}[${index}]`
    wrongType(`${call}: ${path} must be an object; received ${show(value)}`)
  }
}

function requireArray(call, name, value) {
  if (!Array.isArray(value)) wrongType(`${call}: ${name} must be an array; received ${show(value)}`)
}

/** A check that a value has a type, by the word of `typeof`. */
const requirer = (type) => (call, name, value) => {
  if (typeof value !== type)
    wrongType(`${call}: ${name} must be a ${type}; received ${show(value)}`)
}

const requireString = requirer('string')
const requireBoolean = requirer('boolean')
const requireFunction = requirer('function')

/** Whether a value is left out. */
const isAbsent = (value) => value === undefined || value === null

/** A function that may be left out. */
function optionalFunction(call, name, value) {
  if (isAbsent(value)) return undefined
  requireFunction(call, name, value)
  return value
}

/** An `AbortSignal` that may be left out. */
function optionalSignal(call, signal) {
  if (isAbsent(signal)) return undefined
  if (
    typeof signal !== 'object' ||
    typeof signal.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function' ||
    typeof signal.throwIfAborted !== 'function'
  ) {
    wrongType(`${call}: options.signal must be an AbortSignal; received ${show(signal)}`)
  }
  return signal
}

const NO_OPTIONS = Object.freeze(Object.create(null))

/** The known option that differs from `name` only in case, in the signs between its words, or in its end. */
function likeliest(name, known) {
  const plain = (text) => text.toLowerCase().replaceAll(/[^a-z]/g, '')
  const [start, ...rest] = [name, ...known].map(plain)
  const found = [
    (one) => one === start,
    (one) => start && (one.startsWith(start) || start.startsWith(one)),
  ]
    .map((isLike) => rest.findIndex(isLike))
    .find((index) => index >= 0)
  return found === undefined ? undefined : known[found]
}

/**
 * Options that may be left out. An unknown option is a mistake that would go unseen, so it is refused unless it is
 * `undefined`.
 */
function optionsOf(call, options, known, name = 'options') {
  if (options === undefined || options === null) return NO_OPTIONS
  requireObject(call, name, options)
  for (const key in options) {
    if (known.includes(key) || !Object.hasOwn(options, key)) continue
    if (options[key] === undefined) continue
    const meant = likeliest(key, known)
    const there = known.length === 1 ? 'there is' : 'there are'
    const hint = meant === undefined ? `${there} ${known.join(', ')}` : `did you mean ${meant}?`
    wrongType(`${call}: ${name} has no ${JSON.stringify(key)}; ${hint}`)
  }
  return options
}

/** `Symbol.dispose`, also in a realm that lacks it: Node.js 20 adds it to its first realm only. */
const DISPOSE = Symbol.dispose ?? Symbol.for('Symbol.dispose')

/** Gives an object properties that stay as they are, as those of better-sqlite3 do. */
function constant(object, properties) {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(object, name, { value, enumerable: true })
  }
}

module.exports = {
  DISPOSE,
  show,
  requireString,
  isAbsent,
  requireBoolean,
  requireObject,
  requireArray,
  requireFunction,
  optionalFunction,
  optionalSignal,
  optionsOf,
  constant,
}
