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

/**
 * Has `return()` and `throw()` of an asynchronous generator end it at once. Calls of a generator queue up: they would wait for a
 * `next()` that waits. `end` ends that wait.
 */
function endedAtOnce(generator, end) {
  for (const name of ['return', 'throw']) {
    const usual = generator[name]
    const value = (reason) => {
      end()
      return usual.call(generator, reason)
    }
    Object.defineProperty(generator, name, { value, writable: true, configurable: true })
  }
  return generator
}

module.exports = { settled, listener, endedAtOnce }
