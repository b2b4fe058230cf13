// The trials that store one chunk a call.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { closeAndCount, spent } from './costs.mjs'
import { outputOf } from './fixtures.mjs'
import { now, settle } from './measure.mjs'
import { distribution } from './stats.mjs'

/** Chunks that arrive together before the event loop gets a turn. */
const BURST = 64

/**
 * Appends one commit each, timed call by call.
 *
 * @param {{ stores: object, file: string }} database
 * @param {string[]} chunks
 * @param {{ rows: number, warmup: number }} size
 */
export function appendEach(database, chunks, { rows, warmup }) {
  const { stores } = database
  const before = spent()
  for (let number = 0; number < warmup; number++) stores.outputs.append(outputOf(chunks, number))
  settle()
  const durations = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const output = outputOf(chunks, warmup + i)
    const start = now()
    stores.outputs.append(output)
    durations[i] = (now() - start) * 1000
  }
  return { ...distribution(durations), ...closeAndCount(database, before, warmup + rows) }
}

/**
 * Appends in bursts, with pauses in between, as chunks arrive: the time of the single calls, and how
 * long the event loop was busy per row, so that work which is put off to a later turn counts. Then
 * appends as fast as it goes: the time per row until all is committed.
 */
export async function appendInBursts(database, chunks, { rows, warmup }) {
  const { outputs } = database.stores
  const before = spent()
  const durations = new Float64Array(rows)
  async function append(first, count, pause) {
    for (let i = 0; i < count; i++) {
      const output = outputOf(chunks, first + i)
      const start = now()
      outputs.append(output)
      durations[i] = (now() - start) * 1000
      if (i % BURST === BURST - 1) await pause()
    }
    outputs.flush?.()
  }
  await append(0, warmup, () => sleep(1))
  settle()
  const idle = performance.eventLoopUtilization()
  await append(warmup, rows, () => sleep(1))
  const { active } = performance.eventLoopUtilization(idle)
  const calls = distribution(durations)

  const start = now()
  await append(warmup + rows, rows, nextTurn)
  const total = now() - start
  return {
    ...calls,
    loop: (active * 1000) / rows,
    total: (total * 1000) / rows,
    ...closeAndCount(database, before, warmup + 2 * rows),
  }
}
