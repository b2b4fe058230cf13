// What happens in a cycle: which processes work on the file, and which of them are killed or stopped, when and how.
// All of it follows from the seed and the number of the cycle.

import { REDACT } from './content.mjs'
import { Random } from './random.mjs'

/** How many cycles a file lives for. */
export const CYCLES_PER_FILE = 20

const WRITERS = ['append', 'append-many', 'sessions', 'write-behind']

/** A life is one process. Each cycle has this many numbers for its lives. */
const LIVES_PER_CYCLE = 64

/** Sessions have numbers too; each life has this many. */
const STREAMS_PER_LIFE = 10_000

/** The plan of a cycle. */
export function planOf(seed, cycle) {
  const random = new Random(seed, cycle)
  // A writer that is alone is delayed by no lock of another process.
  const alone = random.chance(0.15)
  const writers = alone ? ['write-behind'] : random.some(WRITERS, 0.65)
  const others = [
    ...(random.chance(0.6) ? ['reader'] : []),
    ...(random.chance(alone ? 0.3 : 0.5) ? ['checkpointer'] : []),
  ]
  const jobs = [...writers, ...others].map((role) => jobOf(random, seed, role))
  return { seed, cycle, alone, jobs, strikes: strikesOf(random, writers, others, alone) }
}

/** A job for the next life of a role. */
export function withLife(job, cycle, index) {
  const life = cycle * LIVES_PER_CYCLE + index
  return { ...job, life, firstStream: life * STREAMS_PER_LIFE }
}

/** The cycle in which a session was created. */
export function cycleOf(stream) {
  return Math.floor(stream / STREAMS_PER_LIFE / LIVES_PER_CYCLE)
}

function jobOf(random, seed, role) {
  // A log that starts over often.
  const options = { walLimit: random.pick([1, 1, 64]) << 20, redact: random.pick([false, REDACT]) }
  if (role === 'checkpointer') return { role, seed, options, patience: random.pick([0, 50]) }
  if (role !== 'write-behind') return { role, seed, options }
  const maxDelay = random.pick([1, 10, 10, 10, 50])
  const maxBytes = random.pick([64 << 10, 64 << 20])
  const flushEvery = random.pick([0, 15, 40])
  return { role, seed, options, store: { writeBehind: { maxDelay, maxBytes } }, flushEvery }
}

/** One to three strikes, each some milliseconds after all processes are at work. Those that were struck start again. */
function strikesOf(random, writers, others, alone) {
  const everybody = [...writers, ...others]
  const strikes = Array.from({ length: random.pick([1, 1, 1, 1, 2, 2, 3]) }, () => {
    const victims = random.chance(0.5) ? everybody : random.some(writers, 0.4)
    return {
      // Before they are ready: while they open, create, migrate and recover the file.
      early: random.chance(0.12),
      // Long enough that output which is still missing is lost, not only late.
      after: random.between(5, alone ? 500 : 100),
      freeze: random.chance(0.2),
      victims,
      // Some are told to close, and killed while they do.
      closing: random.chance(0.15) ? random.between(0, 20) : undefined,
    }
  })
  // The last strike ends all processes. Those that it does not kill close their connections.
  if (random.chance(0.75)) strikes.at(-1).victims = everybody
  return strikes
}
