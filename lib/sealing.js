'use strict'
// Sealing: what is over goes into blocks, when it is asked for or by itself.

const { isAbsent, optionsOf, requireBoolean, show } = require('./arguments.js')
const { listener, settled } = require('./background.js')
const { outOfRange, wrongType } = require('./errors.js')
const { RealDate, native: tables, pairsOf } = require('./rows.js')

const native = tables.sealing

// Kept from the load of this file: a test may replace the globals with fake ones later.
const { setTimeout } = globalThis

/** The longest time between two looks, and the shortest, in milliseconds. */
const LONGEST = 3_600_000
const SHORTEST = 1000

/** The longest time for which a session may stay in rows, in milliseconds: what a `Date` can be moved by. */
const LONGEST_AGE = 8_640_000_000_000

const progressOf = ([sessions, outputs, bytes, fileBytes]) => ({
  sessions,
  outputs,
  bytes,
  fileBytes,
})

async function reportOf(promise) {
  const [sessions, kept, outputs, bytes, fileBytesBefore, fileBytes] = await settled(promise)
  return {
    sessions: [...sessions],
    kept: pairsOf(kept).map(([id, reason]) => ({ id, reason })),
    outputs,
    bytes,
    fileBytesBefore,
    fileBytes,
  }
}

// A wrong receiver throws at once; every other mistake rejects the promise.

async function seal(connection, options) {
  const call = 'DatabaseConnection.seal'
  const o = optionsOf(call, options, [
    'olderThan',
    'sessionIds',
    'keepLast',
    'force',
    'dryRun',
    'onProgress',
    'signal',
  ])
  const { olderThan, sessionIds, keepLast, force, dryRun } = o
  const tell = listener(call, o, progressOf)
  return reportOf(native.seal(connection, olderThan, sessionIds, keepLast, force, dryRun, tell))
}

async function unseal(connection, options) {
  const call = 'DatabaseConnection.unseal'
  const o = optionsOf(call, options, ['sessionIds', 'all', 'onProgress', 'signal'])
  const { sessionIds, all } = o
  if (!isAbsent(all)) requireBoolean(call, 'options.all', all)
  if (isAbsent(sessionIds) === (all !== true)) {
    outOfRange(
      `${call}: options must have either sessionIds or all: true; received ${show(options)}`,
    )
  }
  return reportOf(native.unseal(connection, sessionIds, listener(call, o, progressOf)))
}

/** The option `sealAfter`: milliseconds. */
function sealAfterOf(call, sealAfter) {
  if (isAbsent(sealAfter)) return undefined
  if (typeof sealAfter !== 'number') {
    wrongType(`${call}: options.sealAfter must be a number; received ${show(sealAfter)}`)
  }
  if (!(Number.isInteger(sealAfter) && sealAfter >= 0 && sealAfter <= LONGEST_AGE)) {
    const range = `an integer between 0 and ${LONGEST_AGE}`
    outOfRange(`${call}: options.sealAfter must be ${range}; received ${show(sealAfter)}`)
  }
  return sealAfter
}

/** Seals what is over for so many milliseconds, from now on and until the connection is closed. */
function sealBehind(connection, sealAfter) {
  const pause = Math.min(Math.max(sealAfter / 10, SHORTEST), LONGEST)
  const look = async () => {
    if (!tables.connection.isOpen(connection)) return
    try {
      await seal(connection, { olderThan: new RealDate(RealDate.now() - sealAfter) })
    } catch {
      // The file may be locked, full or gone: the next look tries again, and every other call tells of it.
    }
    if (tables.connection.isOpen(connection)) wait()
  }
  const wait = () => setTimeout(look, pause).unref?.()
  wait()
}

module.exports = { seal, sealAfterOf, sealBehind, unseal }
