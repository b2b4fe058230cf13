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

/** Chunks of a tail at most: those of a progress bar are very small. */
const MOST_CHUNKS = 32_000

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

// To the screen of a full-screen program, and back.
const TO_ALTERNATE = '\u001b[?1049h'
const CHANGES_SCREEN = new RegExp(`${'\u001b'}\\[\\?(?:1049|1047|47)([hl])`)

/** Whether output begins on the screen of a full-screen program: the first change of the screen in it is that back. */
function beginsOnAlternate(chunks) {
  let rest = ''
  for (const { data } of chunks) {
    const found = CHANGES_SCREEN.exec(rest + data)
    if (found) return found[1] === 'l'
    rest = data.slice(-8)
  }
  return false
}

/** The chunks from a cursor on that are looked at for a change of the screen. */
function* chunksAhead(outputs, id, from, most) {
  let size = 0
  for (let page = { cursor: from, more: true }; page.more && size < most;) {
    page = outputs.read(id, { after: page.cursor, limit: CHUNKS })
    for (const chunk of page.outputs) {
      yield chunk
      size += chunk.data.length
    }
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
  const counted = new Counted(after)
  let left = skip
  /** Passes a line. Returns where to go on if it is not taken. */
  const refused = (line) => {
    if (!counted.isBehind(line)) return undefined
    if (left-- > 0 || take(line)) return undefined
    return { place: counted.place, more: true }
  }
  let [last, waiting] = [{ cursor: after, data: '\n' }, 0]
  const start = leadIn(outputs, id, after)
  if (start > 0 && beginsOnAlternate(chunksAhead(outputs, id, start, BEFORE + BEHIND))) {
    terminal.write(TO_ALTERNATE)
  }
  for await (const read of chunksBehind(outputs, id, start)) {
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
  return { place: placeAtEnd(stores, id, last, counted), more: false }
}

/**
 * Where lines have begun, as a place says it. A line may have a lower cursor than the one before, where a program has drawn it above:
 * it counts to the highest so far.
 */
class Counted {
  #after
  #highest
  #count = 0

  constructor(after) {
    this.#after = after
    this.#highest = after
  }

  /** Counts a line. Returns whether it begins behind the cursor. */
  isBehind({ cursor }) {
    if (cursor > this.#highest) [this.#highest, this.#count] = [cursor, 0]
    else this.#count++
    return this.#highest > this.#after
  }

  /** Whether any line was. */
  get isAny() {
    return this.#highest > this.#after
  }

  /** The place before the last line. */
  get place() {
    return { after: this.#highest - 1, skip: this.#count }
  }
}

/** Where to go on at the end: a line that has no end yet is read again with what comes. */
function placeAtEnd(stores, id, last, counted) {
  const isOpen = !last.data.endsWith('\n') && counted.isAny && goesOn(stores, id)
  return isOpen ? counted.place : { after: last.cursor, skip: 0 }
}

/** Whether a session may print more. */
export const goesOn = ({ sessions }, id) =>
  !['completed', 'failed'].includes(sessions.get(id)?.status ?? 'failed')

/** The last lines of a session, the place to go on from, and whether there are more lines above. */
export async function lastLines(stores, id, count) {
  const { outputs } = stores
  for (let chunks = CHUNKS; ; chunks *= 4) {
    const tail = outputs.tail(id, { chunks }).outputs
    let [from, size] = [tail.length, 0]
    for (; from > 0 && size < LONGEST_TAIL; from--) size += tail[from - 1].data.length
    const isWhole = tail.length < chunks && from === 0
    const read = tail.slice(from)
    const lines = await drawn(stores, id, read)
    const isEnough = lines.length > count && size >= TAIL
    if (!isWhole && !isEnough && from === 0 && chunks < MOST_CHUNKS) continue
    const last = read.at(-1)
    if (last === undefined) return { lines: [], place: { after: 0, skip: 0 }, more: false }
    const counted = new Counted(0)
    for (const line of lines) counted.isBehind(line)
    // The first line may be the end of another one.
    const whole = isWhole || lines.length === 1 ? lines : lines.slice(1)
    return {
      lines: whole.slice(-count),
      place: placeAtEnd(stores, id, last, counted),
      more: !isWhole || lines.length > count,
    }
  }
}

/** The lines of some chunks, in turns with other calls. */
async function drawn(stores, id, chunks) {
  const terminal = terminalOf(stores, id)
  if (beginsOnAlternate(chunks)) terminal.write(TO_ALTERNATE)
  const lines = []
  let turn = performance.now()
  for (const { data, cursor, timestamp } of chunks) {
    for (const line of terminal.write(data, { cursor, timestamp })) lines.push(line)
    if (performance.now() - turn > TURN) {
      await setImmediate()
      turn = performance.now()
    }
  }
  for (const line of terminal.end()) lines.push(line)
  while (lines.length > 0 && lines.at(-1).text === '') lines.pop()
  return lines
}
