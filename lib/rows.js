'use strict'
// The addon, bound to this evaluation of the package, and the rows that it gives.
//
// An object literal has one hidden class for all rows, and building it here costs a fraction of setting its properties
// through Node-API one by one. So a batch of rows arrives as `numbers` and two strings, and is cut into objects here.

const { bind } = /** @type {any} */ (require('./loader/load.js'))
const { makeError } = require('./errors.js')

// Kept from the load of this file: a test may replace the global with a fake clock later.
const RealDate = Date

// The numbers of a batch: room for a row of 2,000 columns, which is all that SQLite allows, twice over. No method of either
// array is called, which a caller may have replaced by one that keeps the array.
const numbers = new Float64Array(8 * 1024)
// The same memory. What stands there for a bigint is its bits.
const bigints = new BigInt64Array(numbers.buffer)

/** What the addon reports in addition to the result of a call. */
const notes = new Float64Array(4)

// The query that runs. No code but that of this folder runs between its `begin` and its `finish`.
let make, refresh, rows, order, sessionId

/**
 * Before a query: the function that makes a row, and the one that gives a new such function when the columns have
 * changed.
 */
function begin(makeRow, refreshRow) {
  make = makeRow
  refresh = refreshRow
  rows = []
}

// The first number of a batch is how many rows it has. A text is one number: -1 for NULL, else its length doubled, odd
// when it is the next part of `wide` rather than of `ascii`. A long text, -2, and a value that is
// neither text nor number are the next of `extras`.
let ascii, wide, extras, at, asciiAt, wideAt, extrasAt

function take(batchAscii, batchWide, ...batchExtras) {
  takeText(batchAscii)
  wide = batchWide
  extras = batchExtras
  wideAt = extrasAt = 0
}

// Takes a batch that has ASCII only.
function takeText(batchAscii) {
  ascii = batchAscii
  asciiAt = 0
  at = 1
}

// Adds the rows of the batch that has arrived.
function add() {
  const count = numbers[0]
  for (let i = 0; i < count; i++) rows.push(make())
}

// The addon calls it with every batch but the last.
function batch(...parts) {
  take(...parts)
  add()
}

// The addon calls it before the first row if the columns have changed.
function reshape(columns) {
  make = refresh(columns)
}

// The addon calls it, with numbers of 32 bits, when the rows come in another order than the one that is wanted.
function reorder(bytes) {
  order = new Uint32Array(new Uint8Array(bytes).buffer)
}

// Drops the references that the finished rows do not need.
function end() {
  ascii = wide = extras = make = refresh = rows = order = sessionId = undefined
}

// The addon calls it for the error of a query that failed, whose rows nobody gets.
function failed(kind, code, message) {
  end()
  return makeError(kind, code, message, failed)
}

// By an iterator it would take as long as the sort.
function inOrder() {
  const made = []
  for (let i = 0; i < order.length; i++) made.push(rows[order[i]])
  return made
}

/** All rows. `last` is the text of the last batch, which most often is ASCII; otherwise the addon has had it taken. */
function finish(last) {
  if (last !== undefined) takeText(last)
  add()
  const made = order === undefined ? rows : inOrder()
  end()
  return made
}

/** The only row, or `undefined`. */
function finishOne(last) {
  if (last !== undefined) takeText(last)
  const made = numbers[0] === 0 ? undefined : make()
  end()
  return made
}

function text() {
  const code = numbers[at++]
  if (code === 0) return ''
  if (code < 0) return code === -1 ? undefined : extras[extrasAt++]
  const length = code >> 1
  if (code & 1) return wide.slice(wideAt, (wideAt += length))
  return ascii.slice(asciiAt, (asciiAt += length))
}

// NULL is Infinity, a number that no date has.
function date() {
  const millis = numbers[at++]
  return millis === Infinity ? undefined : new RealDate(millis)
}

function integer() {
  const value = numbers[at++]
  return value === Infinity ? undefined : value
}

function boolean() {
  const value = numbers[at++]
  return value === Infinity ? undefined : value === 1
}

/** The next value of any type: its kind and then, but for NULL and extras, a number. */
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
    case 4:
      return bigints[at++]
    default:
      return extras[extrasAt++]
  }
}

// A session without details has the fields of the plan only, as it always had.
const makeSession = () => {
  const session = {
    id: text(),
    slot: numbers[at++],
    status: native.statuses[numbers[at++]],
    workingDir: text(),
    currentCommand: text(),
    startedAt: date(),
    endedAt: date(),
    pid: integer(),
  }
  if (numbers[at++] === 0) return session
  return {
    ...session,
    title: text(),
    exitCode: integer(),
    signal: text(),
    error: text(),
    terminal: boolean(),
    columns: integer(),
    rows: integer(),
  }
}

const makeOutput = () => ({
  sessionId,
  timestamp: date(),
  type: native.types[numbers[at++]],
  data: text(),
})

const makeChunk = () => {
  const cursor = numbers[at++]
  return { sessionId, timestamp: date(), type: native.types[numbers[at++]], data: text(), cursor }
}

function texts() {
  const lines = []
  for (let count = numbers[at++]; count > 0; count--) lines.push(text())
  return lines
}

const makeLine = () => ({
  sessionId: text(),
  line: text(),
  lineNumber: numbers[at++],
  timestamp: date(),
  cursor: numbers[at++],
  start: numbers[at++],
  end: numbers[at++],
  before: texts(),
  after: texts(),
})

// What was drawn over is no line of the session.
const makeMatch = () => {
  const match = makeLine()
  return match.lineNumber === 0 ? { ...match, drawnOver: true } : match
}

const beginMatches = () => begin(makeMatch)
const beginSessions = () => begin(makeSession)

// The rows have the id as it is stored: without lone surrogates.
function beginOf(id, makeRow) {
  begin(makeRow)
  if (typeof id === 'string') sessionId = id.isWellFormed() ? id : id.toWellFormed()
}

const beginOutputs = (id) => beginOf(id, makeOutput)
const beginChunks = (id) => beginOf(id, makeChunk)

/** The elements of an array of the addon two by two, in arrays of this realm. */
function pairsOf(flat) {
  const pairs = []
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i], flat[i + 1]])
  return pairs
}

/**
 * What the addon gives: its functions by tables, as in `native.sessions.create`, and the words that stand in rows as
 * numbers.
 *
 * @typedef {Record<
 *   | 'connection' | 'maintenance' | 'retention' | 'follow' | 'database' | 'statement'
 *   | 'sessions' | 'outputs' | 'sealing' | 'blocks' | 'search' | 'exports' | 'terminal' | 'recording' | 'redact' | 'values',
 *   Record<string, (...args: any[]) => any>
 * > & { statuses: readonly string[], types: readonly string[] }} Native
 */

/** @type {Native} */
const native = bind({
  makeError: failed,
  take,
  batch,
  reshape,
  reorder,
  numbers: numbers.buffer,
  notes: notes.buffer,
})

module.exports = {
  RealDate,
  native,
  notes,
  read,
  begin,
  beginSessions,
  beginOutputs,
  beginChunks,
  beginMatches,
  finish,
  finishOne,
  pairsOf,
}
