// The life of sessions: created, given some output, updated, deleted. It also inherits sessions of processes
// that have ended, and deletes those.

import { breathe } from './pause.mjs'

export async function run({ job, random, writer, control }) {
  const inherited = job.inherited.map(({ stream }) => stream)
  const streams = []
  const takeOne = () => streams.splice(random.integer(0, streams.length - 1), 1)[0]
  while (!control.stopping) {
    if (inherited.length > 0 && random.chance(0.5)) retire(random, writer, inherited.pop())
    const what = streams.length === 0 ? 0 : random.integer(0, 9)
    if (what <= 1) streams.push(writer.create())
    else if (what <= 3) writer.appendMany([random.pick(streams)], random.integer(1, 12))
    else if (what <= 7) writer.update(random.pick(streams))
    else if (streams.length > 2) retire(random, writer, takeOne())
    await breathe(random, { restless: 0.8 })
  }
}

function retire(random, writer, stream) {
  const how = random.integer(0, 9)
  if (how === 0) writer.deleteButKeepOutputs(stream)
  if (how === 1) writer.deleteOutputs(stream)
  if (how !== 0) writer.delete(stream)
}
