// The chunks of a session for whoever shows them: some at a time, forwards from a cursor, and from where enough of them begin.

/** Characters of chunks that are read at once, and chunks of them at most. Sizes of chunks differ by a factor of a million. */
const AT_ONCE = 256 << 10
const CHUNKS = 1_000

/** The chunks behind a cursor and up to another one. As many are read at once as the ones before let expect to be short enough. */
export function* chunksBetween(outputs, id, after, to = Infinity) {
  let limit = 1
  for (let page = { cursor: after, more: true }; page.more;) {
    page = outputs.read(id, { after: page.cursor, limit })
    let size = 0
    for (const chunk of page.outputs) {
      if (chunk.cursor > to) return
      size += chunk.data.length
      yield chunk
    }
    const fits = Math.floor((limit * AT_ONCE) / Math.max(1, size))
    limit = Math.max(1, Math.min(CHUNKS, 4 * limit, fits))
  }
}

/** A cursor behind which so many characters stand up to another one, or 0. */
export function startBefore(outputs, id, to, characters) {
  for (let back = 1; back < to; back *= 4) {
    let size = 0
    for (const { data } of chunksBetween(outputs, id, to - back, to)) {
      size += data.length
      if (size >= characters) return to - back
    }
  }
  return 0
}
