// One `append` after the other, each a commit, to a few sessions.

import { breathe } from './pause.mjs'

export async function run({ random, writer, control }) {
  const streams = [writer.create()]
  while (!control.stopping) {
    if (random.chance(0.02)) streams.push(writer.create())
    writer.append(random.pick(streams))
    await breathe(random)
  }
}
