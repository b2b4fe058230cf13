// The thread of a `Shipper`.

import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { Cluster } from './cluster.mjs'
import { Shipping, TIMEOUT } from './shipping.mjs'
import { watch } from './watch.mjs'

const { file, to, removals, redact, interval, patience } = workerData
// Whoever prints goes first. On Linux that is the priority of a thread, and of those that it starts; elsewhere of the process.
if (process.platform === 'linux') setPriority(10)

const ended = new AbortController()
const { signal } = ended

const tell = (event, value) => parentPort.postMessage({ event, value })

/** @param {NodeJS.ErrnoException} error */
const partsOf = ({ code, message }) => ({ code, message })

// What is wrong with the address is told to the first who asks.
let shipping
function theShipping() {
  shipping ??= new Shipping(new Cluster(to, { patience, signal, timeout: TIMEOUT }), file, {
    removals,
    redact,
    onProgress: (progress) => tell('progress', progress),
  })
  return shipping
}

/** @type {Promise<unknown>} */
let last = Promise.resolve()

/**
 * One after the other: two pushes of one thread would only be in each other's way.
 *
 * @template T
 * @param {() => Promise<T>} work
 */
function inTurn(work) {
  const done = last.then(work)
  last = done.catch(() => {})
  return done
}

let watching

function startWatching() {
  watching ??= watch(
    { push: () => inTurn(() => theShipping().push()) },
    {
      interval,
      signal,
      onPush: (report) => tell('push', report),
      onError: (error) => parentPort.postMessage({ event: 'error', error: partsOf(error) }),
    },
  )
}

async function end() {
  ended.abort()
  await watching
  await last
  await shipping?.close()
  parentPort.close()
}

parentPort.on('message', async ({ call, what }) => {
  if (what === 'close') return end()
  try {
    const value = what === 'push' ? await inTurn(() => theShipping().push()) : startWatching()
    parentPort.postMessage({ call, value })
  } catch (error) {
    parentPort.postMessage({ call, error: partsOf(error) })
  }
})
