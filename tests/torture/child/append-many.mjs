// Batches of `appendMany`, small and large, of one session or of two.

import { breathe } from './pause.mjs'

export async function run({ random, writer, control }) {
  const streams = [writer.create(), writer.create()]
  while (!control.stopping) {
    const few = random.chance(0.97)
    writer.appendMany(random.some(streams, 0.5), random.integer(1, few ? 20 : 400))
    await breathe(random, { restless: 0.4 })
  }
}
