// How much output write-behind lost with a kill, in time.
//
// `maxDelay` says how much that may be. It cannot know how long a commit takes: another process may hold the lock,
// the disk may be busy, the thread may get no core. So the bound that is checked has three more parts: the slowest
// commit that any process saw in the same cycle, how late the parent's own timer was, and a constant. A loss lasts
// from the moment in the journal when `append` had returned to the one right before the kill was sent, or, in a copy,
// right after all processes were stopped.

import { Failure } from './failure.mjs'

/**
 * Milliseconds that a thread may go without a core, beyond what the cycle itself has measured; with other writers,
 * also without the lock, which SQLite does not give by turns. On a machine with four times more to do than it has
 * cores 47 and 212 were seen.
 */
const TOLERANCE = { alone: 250, crowded: 500 }

const NANOSECONDS = 1e6

/**
 * Checks what the histories lost, of which `ends[i]` operations are in the file; gives the losses. `late` is how
 * many milliseconds late the parent was, `alone` whether nobody else wrote.
 */
export function checkLosses(histories, ends, late, alone) {
  const slowest = Math.max(0, ...histories.map(slowestCommit))
  return histories.flatMap(({ life, operations, endedAt, store }, index) => {
    const first = operations[ends[index]]
    if (first?.kind !== 'queue' || first.done === undefined) return []
    const milliseconds = (endedAt - first.done) / NANOSECONDS
    const { maxDelay } = store.writeBehind
    if (milliseconds > maxDelay + TOLERANCE[alone ? 'alone' : 'crowded'] + slowest + late) {
      throw new Failure(
        `write-behind (life ${life}): lost ${milliseconds.toFixed(1)} ms of output with a maxDelay of ${maxDelay} ms; ` +
          `the slowest commit took ${slowest.toFixed(1)} ms, the timer was ${late.toFixed(1)} ms late`,
      )
    }
    return [{ milliseconds, maxDelay, rows: operations.length - ends[index], endedAt }]
  })
}

/** How long the slowest commit took, in milliseconds; one that was under way at the end counts as well. */
export function slowestCommit({ operations, endedAt }) {
  const times = operations
    .filter(({ kind }) => kind !== 'queue' && kind !== 'close')
    .map(({ begun, done = endedAt }) => (done - begun) / NANOSECONDS)
  return times.reduce((slowest, time) => Math.max(slowest, time), 0)
}
