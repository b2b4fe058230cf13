// Sends a file from a thread of its own: the event loop of who calls it does nothing but hear of it.

import { Worker } from 'node:worker_threads'
import { FleetError } from './errors.mjs'

/** @import { Shipper as Declared, ShipperOptions } from '../index.js' */

const OPTIONS = [
  'file',
  'to',
  'removals',
  'redact',
  'interval',
  'patience',
  'onProgress',
  'onPush',
  'onError',
]

/**
 * Options that are checked, with what they must be.
 *
 * @param {ShipperOptions} options
 */
function checked(options) {
  if (typeof options !== 'object' || options === null)
    throw wrongType('options', 'an object', options)
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name) && options[name] !== undefined) {
      throw new FleetError(
        'ERR_INVALID_ARG_TYPE',
        `Shipper: options has no ${JSON.stringify(name)}; there are ${OPTIONS.join(', ')}`,
      )
    }
  }
  const { file, to, removals = 'keep', redact = false, interval, patience } = options
  if (typeof file !== 'string') throw wrongType('options.file', 'a string', file)
  if (to !== undefined && typeof to !== 'string') throw wrongType('options.to', 'a string', to)
  if (!['keep', 'follow'].includes(removals))
    throw outOfRange('options.removals', "'keep' or 'follow'", removals)
  for (const [name, value] of Object.entries({ interval, patience })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 0)) {
      throw outOfRange(`options.${name}`, 'an integer from 0 up, of milliseconds', value)
    }
  }
  if (typeof redact !== 'boolean' && (typeof redact !== 'object' || redact === null)) {
    throw wrongType('options.redact', 'a boolean or an object', redact)
  }
  return { file, to, removals, redact, interval, patience }
}

const told = (value) => (typeof value === 'string' ? JSON.stringify(value) : String(value))
const wrongType = (name, what, value) =>
  new FleetError(
    'ERR_INVALID_ARG_TYPE',
    `Shipper: ${name} must be ${what}; received ${told(value)}`,
  )
const outOfRange = (name, what, value) =>
  new FleetError('ERR_OUT_OF_RANGE', `Shipper: ${name} must be ${what}; received ${told(value)}`)

/** @implements {Declared} */
export class Shipper {
  #worker
  #waiting = new Map()
  #calls = 0
  #options
  #ended

  /** @param {ShipperOptions} options */
  constructor(options) {
    const data = checked(options)
    this.#options = options
    this.#worker = new Worker(new URL('./shipper-thread.mjs', import.meta.url), {
      workerData: data,
    })
    // What is sent in the background keeps no process alive.
    this.#worker.unref()
    this.#worker.on('message', (message) => this.#hear(message))
    this.#worker.on('error', (error) => this.#end(error))
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#end(new FleetError('ERR_INVALID_STATE', 'Shipper: it is closed'))
        resolve()
      })
    })
  }

  #hear({ call, event, value, error }) {
    const failure = error && new FleetError(error.code, error.message)
    if (event === 'progress') this.#options.onProgress?.(value)
    else if (event === 'push') this.#options.onPush?.(value)
    else if (event === 'error') this.#options.onError?.(failure)
    else {
      const waiting = this.#waiting.get(call)
      this.#waiting.delete(call)
      if (this.#waiting.size === 0) this.#worker.unref()
      if (failure) waiting?.reject(failure)
      else waiting?.resolve(value)
    }
  }

  #end(error) {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#worker = undefined
  }

  #ask(what) {
    if (this.#worker === undefined) {
      return Promise.reject(new FleetError('ERR_INVALID_STATE', 'Shipper: it is closed'))
    }
    this.#worker.ref()
    const call = ++this.#calls
    this.#worker.postMessage({ call, what })
    return new Promise((resolve, reject) => this.#waiting.set(call, { resolve, reject }))
  }

  /** Sends all that the file has and the cluster has not. */
  push() {
    return this.#ask('push')
  }

  /** Sends what comes from now on, until it is closed. */
  watch() {
    return this.#ask('watch')
  }

  /** Ends the thread, behind what it is just sending. */
  async close() {
    if (this.#worker === undefined) return
    this.#worker.ref()
    this.#worker.postMessage({ what: 'close' })
    await this.#ended
  }
}
