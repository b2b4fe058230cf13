// What is better said in JavaScript: an error class, and the literals that rows are made of. An
// object literal has one hidden class for all rows, and building it here costs a fraction of setting
// its properties through Node-API one by one.
'use strict'
;(function (numbers) {
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

  // A batch of rows arrives as `numbers` and two strings. The first numbers are how many rows it has, and
  // flags. A text is one number: -1 for NULL, else its length doubled, odd when it is the next part of
  // `wide` rather than of `ascii`. A long text, -2, and whatever is no text and no number is the next of
  // `extras`.
  const FIRST = 1
  const LAST = 2
  const ONE = 4

  let rows, ascii, wide, extras, at, asciiAt, wideAt, extrasAt

  // Gives the number of rows that are to be added to `rows`.
  function open(batchAscii, batchWide, batchExtras) {
    ascii = batchAscii
    wide = batchWide
    extras = batchExtras
    at = 2
    asciiAt = wideAt = extrasAt = 0
    if (numbers[1] & FIRST) rows = []
    return numbers[0]
  }

  // Lets go of what the rows do not keep alive themselves, and gives them.
  function close() {
    ascii = wide = extras = undefined
    const made = rows
    if (numbers[1] & LAST) rows = undefined
    return numbers[1] & ONE ? made[0] : made
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

  function sessions(batchAscii, batchWide, batchExtras) {
    const count = open(batchAscii, batchWide, batchExtras)
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
    return close()
  }

  function outputs(batchAscii, batchWide, batchExtras, sessionId) {
    const count = open(batchAscii, batchWide, batchExtras)
    for (let i = 0; i < count; i++) {
      rows.push({ sessionId, timestamp: date(), type: TYPES[numbers[at++]], data: text() })
    }
    return close()
  }

  // A function that makes a batch of rows by another, which makes one.
  function batchOf(make) {
    return (batchAscii, batchWide, batchExtras) => {
      const count = open(batchAscii, batchWide, batchExtras)
      for (let i = 0; i < count; i++) rows.push(make())
      return close()
    }
  }

  return { SqliteError, sessions, outputs, cursor: { read, batchOf } }
})
