import { median } from './stats.mjs'

/** The least number of batches. The mean call of each is recorded. */
const MIN_BATCHES = 15

/** How long a batch takes about, in ms: long against the clock, short against a disturbance. */
const BATCH_MS = 1

/** Milliseconds now. */
export const now = () => performance.now()

/** Collects what the set-up left, so that it is not collected while the clock runs. */
export function settle() {
  globalThis.gc?.()
}

function time(call, calls) {
  const start = now()
  for (let i = 0; i < calls; i++) call()
  return now() - start
}

/**
 * The time of a call that changes nothing, in µs: the median of the means of many short batches,
 * after a warm-up of a third of the time.
 *
 * @param {() => unknown} call
 * @param {number} budget How long to measure, in ms.
 */
export function timeOfCall(call, budget) {
  let calls = 1
  let warm = 0
  for (let once = 0; warm < budget / 3; warm += once) {
    once = time(call, calls)
    if (once < BATCH_MS) calls = Math.ceil(calls * Math.min(8, BATCH_MS / once))
  }
  settle()
  const means = []
  for (const start = now(); means.length < MIN_BATCHES || now() - start < budget;) {
    means.push((time(call, calls) * 1000) / calls)
  }
  return median(means)
}

/**
 * The time of a call that writes, in µs: the median of the means of batches of `calls`. The same
 * number of calls on every side, because what is written stays.
 *
 * @param {(index: number) => unknown} call
 */
export function timeOfWrite(call, { warmup, batches, calls }) {
  let index = 0
  for (; index < warmup; index++) call(index)
  settle()
  const means = []
  for (let batch = 0; batch < batches; batch++) {
    const start = now()
    for (const end = index + calls; index < end; index++) call(index)
    means.push(((now() - start) * 1000) / calls)
  }
  return median(means)
}
