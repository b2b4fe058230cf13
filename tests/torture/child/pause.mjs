// Pauses of writers and readers.

import { setImmediate } from 'node:timers/promises'

const still = new Int32Array(new SharedArrayBuffer(4))

/** Blocks the thread, as a busy event loop does. */
export function sleep(milliseconds) {
  Atomics.wait(still, 0, 0, milliseconds)
}

/** Now and then lets signals in, or gives others a turn at the file. */
export async function breathe(random, { restless = 0.9, longest = 3 } = {}) {
  if (random.chance(restless)) return
  await setImmediate()
  if (random.chance(0.7)) sleep(random.between(0, longest))
}
