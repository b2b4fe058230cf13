// Output for a page: some chunks at a time, from the end or behind a cursor, and how much came when.

/** Characters of chunks that are sent at once. */
const PAGE = 256 << 10

/** Chunks that are read at once. */
const CHUNKS = 500

/** How a chunk is sent: its cursor, its moment, whether it is of the standard error, and its text. */
export const sent = ({ cursor, timestamp, type, data }) => [
  cursor,
  timestamp.getTime(),
  type === 'stderr' ? 1 : 0,
  data,
]

/** The chunks behind a cursor. */
export function chunksBehind({ outputs, id }, after, most = PAGE) {
  const found = []
  let [size, cursor, more] = [0, after, true]
  while (more && size < most) {
    const page = outputs.read(id, { after: cursor, limit: CHUNKS })
    more = page.more
    for (const chunk of page.outputs) {
      found.push(sent(chunk))
      cursor = chunk.cursor
      size += chunk.data.length
      if (size >= most) {
        more = true
        break
      }
    }
    if (page.outputs.length === 0) break
  }
  return { chunks: found, cursor, more }
}

/** The last chunks before a cursor, or before the end. */
export function chunksBefore({ outputs, id }, before, most = PAGE) {
  const end = before ?? outputs.tail(id, { chunks: 1 }).cursor + 1
  for (let back = CHUNKS; ; back *= 4) {
    const from = Math.max(0, end - 1 - back)
    const found = []
    let size = 0
    for (let page = { cursor: from, more: true }; page.more && page.cursor < end - 1;) {
      page = outputs.read(id, { after: page.cursor, limit: CHUNKS })
      for (const chunk of page.outputs) {
        if (chunk.cursor >= end) break
        found.push(chunk)
        size += chunk.data.length
      }
    }
    if (from > 0 && size < most) continue
    // Only so many of the last ones.
    let first = found.length
    for (let kept = 0; first > 0 && kept < most; first--) kept += found[first - 1].data.length
    const chunks = found.slice(first).map(sent)
    return { chunks, cursor: chunks.at(-1)?.[0] ?? end - 1, more: first > 0 || from > 0 }
  }
}
