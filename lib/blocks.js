'use strict'
// Output as blocks: for archives and other machines, and back.

const { isAbsent, optionsOf, requireArray, requireObject } = require('./arguments.js')
const { redactOf } = require('./redact.js')
const { RealDate, native: tables } = require('./rows.js')

const native = tables.blocks

/** The fields of a block that the addon gives. */
const FIELDS = 10

/** The block whose fields begin at a place. */
function blockAt(fields, at) {
  const [first, last, outputs, bytes, earliest, latest, block, lines, filter, state] = fields.slice(
    at,
    at + FIELDS,
  )
  return {
    first,
    last,
    outputs,
    bytes,
    earliest: new RealDate(earliest),
    latest: new RealDate(latest),
    block,
    lines,
    filter,
    state,
  }
}

/** What options say is looked for. They are read once: that takes as long as making some blocks. */
const known = new WeakMap()

function redactorOf(call, redact) {
  if (typeof redact !== 'object' || redact === null) return redactOf(call, redact)?.redactor
  if (!known.has(redact)) known.set(redact, redactOf(call, redact)?.redactor)
  return known.get(redact)
}

function blocks(store, sessionId, options) {
  const call = 'OutputStore.blocks'
  const { after, state, limit, redact } = optionsOf(call, options, [
    'after',
    'state',
    'limit',
    'redact',
  ])
  const redactor = redactorOf(call, redact)
  const [fields, next, nextState, more] = native.blocks(
    store,
    sessionId,
    after,
    state,
    limit,
    redactor,
  )
  const made = []
  for (let at = 0; at < fields.length; at += FIELDS) made.push(blockAt(fields, at))
  return { blocks: made, after: next, state: nextState, more }
}

function putBlocks(store, sessionId, given, options) {
  const call = 'OutputStore.putBlocks'
  requireArray(call, 'blocks', given)
  const { sizes } = optionsOf(call, options, ['sizes'])
  const fields = []
  for (let i = 0; i < given.length; i++) {
    const one = given[i]
    requireObject(call, 'blocks', one, i)
    fields.push(one.first, one.last, one.block, one.lines, one.filter, one.state)
  }
  const cells = []
  if (!isAbsent(sizes)) {
    requireArray(call, 'options.sizes', sizes)
    for (let i = 0; i < sizes.length; i++) {
      requireObject(call, 'options.sizes', sizes[i], i)
      cells.push(sizes[i].after, sizes[i].columns, sizes[i].rows)
    }
  }
  native.putBlocks(store, sessionId, fields, cells)
}

/** What a search needs, as objects. */
function termOf(given) {
  if (given === undefined) return undefined
  const [kind, ...rest] = given
  return typeof kind === 'number'
    ? { start: kind, step: rest[0] }
    : { [kind]: rest.map((term) => termOf(term)) }
}

const searchTerms = (args) => termOf(native.searchTerms(...args))

const searchedBlocks = (args) => [...native.searchedBlocks(...args)]

module.exports = { blocks, putBlocks, searchedBlocks, searchTerms }
