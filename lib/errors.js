'use strict'
// The errors that callers see: the built-in classes with Node's codes, and `SqliteError`.

class SqliteError extends Error {
  constructor(message, code) {
    super(String(message))
    if (typeof code !== 'string') throw new TypeError('SqliteError: code must be a string')
    this.code = code
  }
}
Object.defineProperty(SqliteError.prototype, 'name', {
  value: 'SqliteError',
  writable: true,
  configurable: true,
})

/** Throws an error with a code; its stack begins with the caller of `from`. */
function fail(ErrorClass, code, message, from = fail) {
  const error = new ErrorClass(message)
  error.code = code
  Error.captureStackTrace?.(error, from)
  throw error
}

function wrongType(message) {
  fail(TypeError, 'ERR_INVALID_ARG_TYPE', message, wrongType)
}

function outOfRange(message) {
  fail(RangeError, 'ERR_OUT_OF_RANGE', message, outOfRange)
}

function invalidState(message) {
  fail(TypeError, 'ERR_INVALID_STATE', message, invalidState)
}

// By the numbers that `src/error.rs` has for them; all others are of SQLite.
const CLASSES = { 0: TypeError, 1: RangeError, 3: Error }

/** The error that the addon throws, or has thrown: of this realm's classes. Its stack begins with the caller of `from`. */
function makeError(kind, code, message, from = makeError) {
  const ErrorClass = CLASSES[kind] ?? SqliteError
  const error = /** @type {Error & { code: string }} */ (new ErrorClass(message, code))
  error.code = code
  Error.captureStackTrace?.(error, from)
  return error
}

module.exports = { SqliteError, fail, wrongType, outOfRange, invalidState, makeError }
