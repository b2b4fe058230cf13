// What is better said in JavaScript: an error class, and the literals that rows are made of. An
// object literal has one hidden class for all rows, and building it here costs a fraction of setting
// its properties through Node-API one by one.
'use strict'
;(function () {
  // As it is now: a test may replace the global with a fake clock later.
  const RealDate = Date

  class SqliteError extends Error {
    constructor(message, code) {
      super(String(message))
      if (typeof code !== 'string') {
        throw new TypeError('SqliteError: code must be a string')
      }
      this.code = code
    }
  }
  Object.defineProperty(SqliteError.prototype, 'name', {
    value: 'SqliteError',
    writable: true,
    configurable: true,
  })

  const STATUSES = [/*STATUSES*/]
  const TYPES = [/*TYPES*/]

  // A batch of rows arrives as `numbers` and two strings. A text is one number: -1 for NULL, else its
  // length doubled, odd when it is the next part of `wide` rather than of `ascii`. A long text, -2, and
  // whatever is no text and no number is the next of `extras`.
  let numbers, ascii, wide, extras, at, asciiAt, wideAt, extrasAt

  function open(batchNumbers, batchAscii, batchWide, batchExtras) {
    numbers = batchNumbers
    ascii = batchAscii
    wide = batchWide
    extras = batchExtras
    at = asciiAt = wideAt = extrasAt = 0
  }

  // Lets go of what the rows do not keep alive themselves.
  function close() {
    ascii = wide = extras = undefined
  }

  function text() {
    const code = numbers[at++]
    if (code === 0) return ''
    if (code < 0) return code === -1 ? undefined : extras[extrasAt++]
    const length = code >> 1
    if (code & 1) return wide.slice(wideAt, (wideAt += length))
    return ascii.slice(asciiAt, (asciiAt += length))
  }

  // NULL is told by a number that no date has: Infinity.
  function date() {
    const millis = numbers[at++]
    return millis === Infinity ? undefined : new RealDate(millis)
  }

  function integer() {
    const value = numbers[at++]
    return value === Infinity ? undefined : value
  }

  // A value of any type is its kind and then, but for NULL and extras, a number.
  function read() {
    switch (numbers[at++]) {
      case 0:
        return null
      case 1:
        return numbers[at++] | 0
      case 2:
        return numbers[at++]
      case 3:
        return text()
      default:
        return extras[extrasAt++]
    }
  }

  function sessions(rows, count, batchNumbers, batchAscii, batchWide, batchExtras) {
    open(batchNumbers, batchAscii, batchWide, batchExtras)
    for (let i = 0; i < count; i++) {
      rows.push({
        id: text(),
        slot: numbers[at++],
        status: STATUSES[numbers[at++]],
        workingDir: text(),
        currentCommand: text(),
        startedAt: date(),
        endedAt: date(),
        pid: integer(),
      })
    }
    close()
  }

  function outputs(rows, count, batchNumbers, batchAscii, batchWide, batchExtras, sessionId) {
    open(batchNumbers, batchAscii, batchWide, batchExtras)
    for (let i = 0; i < count; i++) {
      rows.push({ sessionId, timestamp: date(), type: TYPES[numbers[at++]], data: text() })
    }
    close()
  }

  return { SqliteError, sessions, outputs, cursor: { open, read, close } }
})()
