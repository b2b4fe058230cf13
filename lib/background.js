'use strict'
// Work that a thread of the addon does.

const { optionalFunction, optionalSignal } = require('./arguments.js')
const { makeError } = require('./errors.js')

/** What the promise of the addon gives: the parts of an error or nothing, and the result of the work. */
async function settled(promise) {
  const [error, value] = await promise
  if (error !== undefined) throw makeError(...error)
  return value
}

/**
 * A function that the addon calls with the progress of the work. It checks for an abort, and then calls back with the
 * result of `report`. `undefined` where nobody listens.
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
