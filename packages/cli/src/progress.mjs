// Work that takes a while: its progress on a terminal, and an end by a signal that leaves nothing half-made.

import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { Failure } from './command.mjs'

const require = createRequire(import.meta.url)

/** Draws how far something is on one line of a terminal, and nothing elsewhere. */
export function progressBar(stream = process.stderr) {
  if (!stream.isTTY) return { update: () => {}, clear: () => {} }
  // Most commands draw none.
  const { SingleBar } = require('cli-progress')
  const bar = new SingleBar({
    stream,
    format: '{bar} {percentage} %',
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    clearOnComplete: true,
    emptyOnZero: false,
    // A signal ends the work, and the work ends the bar.
    gracefulExit: false,
    linewrap: true,
  })
  let isDrawn = false
  return {
    /** @param done What is done, of `total`. */
    update: (done, total) => {
      if (!isDrawn) bar.start(total, 0)
      isDrawn = true
      bar.setTotal(total)
      bar.update(Math.min(done, total))
    },
    clear: () => {
      if (isDrawn) bar.stop()
      isDrawn = false
    },
  }
}

/** Runs `work` with a signal that SIGINT and SIGTERM abort, so that nothing half-made is left. */
export async function abortable(work) {
  const controller = new AbortController()
  const abort = (signal) =>
    controller.abort(new Failure(`stopped by ${signal}`, 128 + constants.signals[signal]))
  const signals = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.once(signal, abort)
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of signals) process.off(signal, abort)
  }
}
