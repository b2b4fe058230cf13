// Sends what comes, as it comes.

import { setTimeout as sleep } from 'node:timers/promises'
import { isTransient } from './errors.mjs'

/** @import { PushReport } from '../index.js' */

/** The pause between two looks at a file, unless it is told, in milliseconds. */
export const INTERVAL = 500

/** The pause behind a failure, in milliseconds. */
const AFTER_FAILURE = 2_000

/**
 * Sends what a file has, and what comes, until `signal` ends it. A cluster that cannot be reached is waited for.
 *
 * @param {{ push(): Promise<PushReport> }} shipping
 * @param {object} options
 * @param {number} [options.interval] The pause between two looks, in milliseconds.
 * @param {AbortSignal} options.signal
 * @param {(report: PushReport) => unknown} [options.onPush] Called with a report whenever something was sent.
 * @param {(error: NodeJS.ErrnoException) => unknown} [options.onError] Called with what failed. It is tried again.
 */
export async function watch(
  shipping,
  { interval = INTERVAL, signal, onPush = () => {}, onError = () => {} },
) {
  let sent = 0
  const pause = (time) => sleep(time, undefined, { signal }).catch(() => {})
  while (!signal.aborted) {
    try {
      const report = await shipping.push()
      const now = report.outputs + report.sessions
      if (now !== sent) onPush(report)
      sent = now
      await pause(interval)
    } catch (error) {
      if (signal.aborted) return
      onError(error)
      // What is wrong with the tables or the file may be mended meanwhile.
      await pause(isTransient(error) ? AFTER_FAILURE : 5 * AFTER_FAILURE)
    }
  }
}
