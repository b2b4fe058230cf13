// Bursts of write-behind `append`, with a flush every now and then, or without any, and with transactions between.

import { idOf } from '../lib/content.mjs'
import { breathe, sleep } from './pause.mjs'

export async function run({ job, random, writer, control }) {
  const streams = [writer.create(), writer.create()]
  let flushAt = performance.now() + job.flushEvery
  while (!control.stopping) {
    const burst = random.integer(1, random.chance(0.9) ? 20 : 200)
    for (let i = 0; i < burst; i++) writer.queue(random.pick(streams))
    if (random.chance(0.1)) writer.transact(random.some(streams, 0.5), random.integer(1, 10))
    if (random.chance(0.05)) writer.rollBack(random.some(streams, 0.5), random.integer(1, 10))
    if (random.chance(0.5)) sleep(random.between(0, 4))
    if (job.flushEvery > 0 && performance.now() > flushAt) {
      writer.flush()
      flushAt = performance.now() + random.between(0, 2 * job.flushEvery)
      if (random.chance(0.2)) readBack(writer, random.pick(streams))
      if (random.chance(0.05)) streams.push(writer.create())
    }
    await breathe(random, { restless: 0.5, longest: 6 })
  }
}

/** What was appended is seen by every later read of the connection, committed or not. */
function readBack(writer, stream) {
  writer.queue(stream)
  const rows = writer.outputs.getBySession(idOf(stream)).length
  if (rows !== writer.sent(stream)) {
    throw new Error(`${idOf(stream)}: reads ${rows} outputs of its own ${writer.sent(stream)}`)
  }
}
