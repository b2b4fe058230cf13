// How much a session printed when: what a player shows below its picture.

import { setImmediate } from 'node:timers/promises'

/** Parts of the time of a session. */
const PARTS = 400

/** Chunks that are read at once, and all of them at most: of more, some are looked at. */
const CHUNKS = 1000

/** The bytes that came in each part of the time from the first chunk to the last one. */
export async function waveOf({ outputs, id }) {
  const [first] = outputs.read(id, { limit: 1 }).outputs
  const [last] = outputs.tail(id, { chunks: 1 }).outputs
  if (first === undefined) return { from: null, to: null, bytes: [] }
  const from = first.timestamp.getTime()
  const to = Math.max(from, last.timestamp.getTime())
  const bytes = new Array(PARTS).fill(0)
  for (let page = { cursor: first.cursor - 1, more: true }; page.more;) {
    page = outputs.read(id, { after: page.cursor, limit: CHUNKS })
    for (const { timestamp, data } of page.outputs) {
      const part = Math.floor(((timestamp.getTime() - from) / (to - from + 1)) * PARTS)
      if (part >= 0 && part < PARTS) bytes[part] += data.length
    }
    // Other requests come in between.
    await setImmediate()
  }
  return { from, to, bytes }
}
