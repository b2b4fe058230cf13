// The text of a session as a person saw it, some lines at a time, wherever one begins to read.
//
// A page is read by a terminal that was given what stands before it, up to a bound: what a program draws is right for everything that is
// drawn over within that, and lines are right everywhere.

import { setImmediate } from 'node:timers/promises'
import { Terminal } from '@gsd/session-store'

/** Characters before a page that its terminal is given, and behind a page to see its last lines change. */
const BEFORE = 64 << 10
const BEHIND = 256 << 10

/** Characters that a tail is looked for in at first, and at most. */
const TAIL = 64 << 10
const LONGEST_TAIL = 4 << 20

/** Chunks that are read at once. */
const CHUNKS = 500

/** Milliseconds after which other calls come in between. */
const TURN = 10

/** A terminal of the size that a session had. */
export function terminalOf({ sessions, outputs }, id) {
  const { terminal, columns, rows } = sessions.get(id) ?? {}
  const last = outputs.sizes(id).at(-1)
  return new Terminal({ terminal, columns: last?.columns ?? columns, rows: last?.rows ?? rows })
}

/** The chunks behind a cursor, in turns with other calls. */
async function* chunksBehind(outputs, id, after) {
  let turn = performance.now()
  for (let page = { cursor: after, more: true }; page.more;) {
    page = outputs.read(id, { after: page.cursor, limit: CHUNKS })
    for (const chunk of page.outputs) {
      yield chunk
      if (performance.now() - turn > TURN) {
        await setImmediate()
        turn = performance.now()
      }
    }
  }
}

/** The cursor behind which so many characters stand before another one, or all that there is. */
function leadIn(outputs, id, after) {
  if (after <= 0) return 0
  for (let back = CHUNKS; ; back *= 4) {
    const from = Math.max(0, after - back)
    let [size, cursor, isRead] = [0, from, false]
    while (!isRead) {
      const page = outputs.read(id, { after: cursor, limit: CHUNKS })
      for (const chunk of page.outputs) if (chunk.cursor <= after) size += chunk.data.length
      isRead = !page.more || page.cursor >= after
      cursor = page.cursor
    }
    if (from === 0 || size >= BEFORE) return from
  }
}

/** What stands between a cursor and how much behind it is known: lines, or characters of what is stored. */
const BETWEEN = { text: '+', raw: '@' }

/** A place to go on from, as text. */
export const placeText = ({ after, skip }, format) =>
  skip === 0 ? String(after) : `${after}${BETWEEN[format]}${skip}`

/** The place that a text names; undefined for another text. */
export function placeOf(text) {
  const [, after, between, skip = '0'] = /^(\d{1,15})(?:([+@])(\d{1,9}))?$/.exec(text) ?? []
  return after === undefined ? undefined : { after: Number(after), skip: Number(skip), between }
}

/** A place for a format. Of one that was given for the other format, the chunk is known. */
export const placeFor = ({ after, skip, between }, format) => ({
  after,
  skip: between === BETWEEN[format] ? skip : 0,
})

/**
 * Gives the lines from a place on to `take`, in their order, as they were seen when they were over, until it takes no more.
 *
 * @returns The place to go on from, and whether there is more by now.
 */
export async function readLines(stores, id, { after, skip }, take) {
  const terminal = terminalOf(stores, id)
  const { outputs } = stores
  // How many lines have begun in the chunk of the line.
  let [chunk, count, left] = [after, 0, skip]
  /** Passes a line. Returns where to go on if it is not taken. */
  const refused = (line) => {
    if (line.cursor <= after) return undefined
    count = line.cursor === chunk ? count + 1 : 0
    chunk = line.cursor
    if (left-- > 0 || take(line)) return undefined
    return { place: { after: chunk - 1, skip: count }, more: true }
  }
  let [last, waiting] = [{ cursor: after, data: '\n' }, 0]
  for await (const read of chunksBehind(outputs, id, leadIn(outputs, id, after))) {
    const { cursor, timestamp, data } = read
    const lines = terminal.write(data, { cursor, timestamp })
    for (const line of lines) {
      const stopped = refused(line)
      if (stopped) return stopped
    }
    if (lines.length > 0) waiting = 0
    if (cursor > after) {
      waiting += data.length
      last = read
    }
    // A program that draws on one screen ends no line.
    if (waiting > BEHIND) break
  }
  const screen = terminal.end()
  while (screen.length > 0 && screen.at(-1).text === '') screen.pop()
  for (const line of screen) {
    const stopped = refused(line)
    if (stopped) return stopped
  }
  if (outputs.read(id, { after: last.cursor, limit: 1 }).outputs.length > 0) {
    return { place: { after: last.cursor, skip: 0 }, more: true }
  }
  const isOpen = !last.data.endsWith('\n') && chunk > after && goesOn(stores, id)
  // A line that has no end yet is read again with what comes.
  const place = isOpen ? { after: chunk - 1, skip: count } : { after: last.cursor, skip: 0 }
  return { place, more: false }
}

/** Whether a session may print more. */
export const goesOn = ({ sessions }, id) =>
  !['completed', 'failed'].includes(sessions.get(id)?.status ?? 'failed')

/** The last lines of a session, with the cursor behind its last chunk. */
export function lastLines(stores, id, count) {
  const { outputs } = stores
  const end = outputs.tail(id, { chunks: 1 }).cursor
  for (let chunks = CHUNKS; ; chunks *= 4) {
    const tail = outputs.tail(id, { chunks }).outputs
    let from = tail.length
    for (let size = 0; from > 0 && size < LONGEST_TAIL; from--) size += tail[from - 1].data.length
    const size = tail.reduce((sum, { data }) => sum + data.length, 0)
    const isAll = tail.length < chunks
    const terminal = terminalOf(stores, id)
    const lines = []
    for (const { data, cursor, timestamp } of tail.slice(from)) {
      lines.push(...terminal.write(data, { cursor, timestamp }))
    }
    lines.push(...terminal.end())
    while (lines.length > 0 && lines.at(-1).text === '') lines.pop()
    // The first line may be the end of another one.
    if (isAll || from > 0 || (lines.length > count && size >= TAIL)) {
      const isWhole = isAll && from === 0
      const found = lines.slice(isWhole ? 0 : 1).slice(-count)
      return { lines: found, cursor: end, more: !isWhole || lines.length > count }
    }
  }
}
