// Output for a page: some chunks at a time, from the end or behind a cursor.

import { chunksBetween, startBefore } from 'gsd-sessions'

/** Characters of chunks that are sent at once. */
const PAGE = 256 << 10

/** How a chunk is sent: its cursor, its moment, whether it is of the standard error, and its text. */
export const sent = ({ cursor, timestamp, type, data }) => [
  cursor,
  timestamp.getTime(),
  type === 'stderr' ? 1 : 0,
  data,
]

/** The chunks behind a cursor. */
export function chunksBehind({ outputs, id }, after) {
  const chunks = []
  let size = 0
  for (const chunk of chunksBetween(outputs, id, after)) {
    if (size >= PAGE) return { chunks, cursor: chunks.at(-1)[0], more: true }
    chunks.push(sent(chunk))
    size += chunk.data.length
  }
  return { chunks, cursor: chunks.at(-1)?.[0] ?? after, more: false }
}

/** The last chunks before a cursor, or before the end. */
export function chunksBefore({ outputs, id }, before, most = PAGE) {
  const last = before === undefined ? outputs.tail(id, { chunks: 1 }).cursor : before - 1
  const from = startBefore(outputs, id, last, most)
  const found = [...chunksBetween(outputs, id, from, last)]
  // Only so many of the last ones.
  let first = found.length
  for (let kept = 0; first > 0 && kept < most; first--) kept += found[first - 1].data.length
  const chunks = found.slice(first).map(sent)
  return { chunks, cursor: chunks.at(-1)?.[0] ?? last, more: first > 0 || from > 0 }
}
