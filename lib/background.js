'use strict'
// Work that a thread of the addon does.

const { optionalFunction, optionalSignal } = require('./arguments.js')
const { makeError } = require('./errors.js')

/** What the addon promises: the parts of an error or nothing, and what came of the work. */
async function settled(promise) {
  const [error, value] = await promise
  if (error !== undefined) throw makeError(...error)
  return value
}

/**
 * What the addon tells how far the work is: it looks for an abort, and then calls back with what `report` makes of
 * it. `undefined` where nobody listens.
 */
function listener(call, { onProgress, signal }, report) {
  const tell = optionalFunction(call, 'options.onProgress', onProgress)
  const abort = optionalSignal(call, signal)
  abort?.throwIfAborted()
  if (tell === undefined && abort === undefined) return undefined
  return (numbers) => {
    abort?.throwIfAborted()
    tell?.(report(numbers))
  }
}

module.exports = { settled, listener }
