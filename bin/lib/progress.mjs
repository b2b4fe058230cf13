// Work that takes a while: how far it is on a terminal, and an end by a signal that leaves nothing half-made.

import { constants } from 'node:os'
import { Failure } from './command.mjs'

const WIDTH = 30

/** Draws how far something is on one line of a terminal, and nothing elsewhere. */
export function progressBar(stream = process.stderr) {
  if (!stream.isTTY) return { update: () => {}, clear: () => {} }
  let drawn = ''
  return {
    /** @param done What is done, of `total`. */
    update: (done, total) => {
      const share = total > 0 ? Math.min(1, done / total) : 1
      const filled = Math.round(share * WIDTH)
      const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${Math.floor(share * 100)} %`
      if (bar === drawn) return
      drawn = bar
      stream.write(`\r${bar}`)
    },
    clear: () => {
      if (drawn !== '') stream.write('\r\x1b[K')
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
