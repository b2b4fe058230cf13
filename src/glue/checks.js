// Checks of arguments, and the errors that they end in.
'use strict'
;(function () {
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

  function shorten(text) {
    return text.length > 80 ? `${text.slice(0, 80)}…` : text
  }

  const { getTime } = Date.prototype

  // The time of a date of any realm; `undefined` for what is none.
  function timeOf(value) {
    try {
      return getTime.call(value)
    } catch {
      return undefined
    }
  }

  // A value as a message shows it. Runs no code of the caller's, as `toString()` might.
  function show(value) {
    if (typeof value === 'string') return JSON.stringify(shorten(value))
    if (typeof value === 'symbol') return 'a symbol'
    if (typeof value === 'function') return 'a function'
    // A long one takes minutes to be written.
    if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value)
      return 'a bigint of more than 64 bits'
    if (value === null || typeof value !== 'object') return String(value)
    const time = timeOf(value)
    if (time !== undefined) {
      return Number.isNaN(time) ? 'an invalid Date' : `a Date of ${time} ms since 1970`
    }
    return Array.isArray(value) ? 'an array' : 'an object'
  }

  // `index` is that of an element of the array that is called `name`.
  function requireObject(call, name, value, index) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const path = index === undefined ? name : `${name}[${index}]`
      wrongType(`${call}: ${path} must be an object; received ${show(value)}`)
    }
  }

  function requireArray(call, name, value) {
    if (!Array.isArray(value))
      wrongType(`${call}: ${name} must be an array; received ${show(value)}`)
  }

  const NO_OPTIONS = Object.freeze(Object.create(null))

  function optionsOf(call, options) {
    if (options === undefined || options === null) return NO_OPTIONS
    requireObject(call, 'options', options)
    return options
  }

  function requireString(call, name, value) {
    if (typeof value !== 'string')
      wrongType(`${call}: ${name} must be a string; received ${show(value)}`)
  }

  function requireBoolean(call, name, value) {
    if (typeof value !== 'boolean')
      wrongType(`${call}: ${name} must be a boolean; received ${show(value)}`)
  }

  // Properties that stay as they are, as those of better-sqlite3 do.
  function constant(object, properties) {
    for (const [name, value] of Object.entries(properties)) {
      Object.defineProperty(object, name, { value, enumerable: true })
    }
  }

  return {
    fail,
    wrongType,
    outOfRange,
    show,
    requireString,
    requireBoolean,
    requireObject,
    requireArray,
    optionsOf,
    constant,
  }
})()
//# sourceURL=@gsd/session-store/checks.js
