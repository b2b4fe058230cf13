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

  function show(value) {
    if (typeof value === 'string') return JSON.stringify(shorten(value))
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return shorten(String(value))
    }
    if (Array.isArray(value)) return 'an array'
    return typeof value === 'object' ? 'an object' : 'a function'
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

  return { fail, wrongType, outOfRange, show, requireString, requireBoolean, constant }
})()
