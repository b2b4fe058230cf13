// The text of a session as a person saw it, some lines at a time, wherever one begins to read.
//
// A page is read by a terminal that was given what stands before it, up to a bound: what a program draws is right for everything that is
// drawn over within that, and lines are right everywhere.

import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { Terminal } from '@gsd/session-store'
import { chunksBetween, startBefore } from 'gsd-sessions'

/** Characters before a page that its terminal is given. */
const BEFORE = 64 << 10

/** Characters in which no line ends, that are drawn to see how a line ends, and those that are looked at for a change of the screen. */
const LONGEST_LINE = 16 << 20
const AHEAD = 256 << 10

/** Characters that a tail is looked for in at first, and at most. */
const TAIL = 64 << 10
const LONGEST_TAIL = 4 << 20

/** Chunks of a tail at most: those of a progress bar are very small. */
const MOST_CHUNKS = 32_000

/** Milliseconds after which other calls come in between. */
const TURN = 10

/** A terminal of the size that a session had. */
export function terminalOf({ sessions, outputs }, id) {
  const { terminal, columns, rows } = sessions.get(id) ?? {}
  const last = outputs.sizes(id).at(-1)
  return new Terminal({ terminal, columns: last?.columns ?? columns, rows: last?.rows ?? rows })
}

/** The chunks behind a cursor, in turns with other calls. */
async function* chunksInTurns(outputs, id, after) {
  let turn = performance.now()
  for (const chunk of chunksBetween(outputs, id, after)) {
    yield chunk
    if (performance.now() - turn > TURN) {
      await setImmediate()
      turn = performance.now()
    }
  }
}

/** The cursor from which a terminal is given what stands before another one. */
const leadIn = (outputs, id, after) => startBefore(outputs, id, after, BEFORE)

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
function* chunksAhead(outputs, id, from) {
  let size = 0
  for (const chunk of chunksBetween(outputs, id, from)) {
    yield chunk
    size += chunk.data.length
    if (size >= AHEAD) return
  }
}

/** What stands between a cursor and how much behind it is known: lines, or characters of what is stored. */
const BETWEEN = { text: '+', raw: '@' }

/** A place to go on from, as text. */
export const placeText = ({ after, skip }, format) =>
  skip === 0 ? String(after) : `${after}${BETWEEN[format]}${skip}`

const digestOf = (line) => createHash('sha256').update(line).digest('hex').slice(0, 8)

/** The place of a line of a chunk, as text: the nth one with its text. It is looked for once somebody reads there. */
export const lineText = (cursor, line, nth) => `${cursor - 1}=${digestOf(line)}.${nth}`

/** The place that a text names; undefined for another text. */
export function placeOf(text) {
  const [, after, between, skip = '0', digest, nth] =
    /^(\d{1,15})(?:([+@])(\d{1,9})|=([\da-f]{8})\.(\d{1,9}))?$/.exec(text) ?? []
  if (after === undefined) return undefined
  const line = digest === undefined ? undefined : { digest, nth: Number(nth) }
  return { after: Number(after), skip: Number(skip), between, line }
}

/** A place for a format. Of one that was given for the other format, the chunk is known. */
export const placeFor = ({ after, skip, between, line }, format) => ({
  after,
  skip: between === BETWEEN[format] ? skip : 0,
  ...(line !== undefined && format === 'text' ? { line } : {}),
})

/** Whether a line is open behind the last chunk up to a cursor. */
function isOpenAt(outputs, id, cursor) {
  const last = [...chunksBetween(outputs, id, leadIn(outputs, id, cursor), cursor)].at(-1)
  return last !== undefined && !last.data.endsWith('\n')
}

/** Where a line of a chunk stands, as lines are counted: perhaps the one that is open where the chunk begins. */
async function placeOfLine(stores, id, { after, line: { digest, nth } }) {
  const isOne = ({ text }) => digestOf(text) === digest
  const open = new Counted(0)
  let [found, left, skip, before] = [undefined, nth, 0, undefined]
  const look = (line) => {
    if (skip === 0 && before && isOne(before) && isOpenAt(stores.outputs, id, after)) {
      if (--left === 0) found = open.place
    }
    if (found === undefined && line.cursor <= after + 1 && isOne(line) && --left === 0) {
      found = { after, skip }
    }
    skip++
    return found === undefined && line.cursor <= after + 1
  }
  const pass = (line) => {
    before = line
    open.isBehind(line)
  }
  await readLines(stores, id, { after, skip: 0 }, look, pass)
  return found ?? { after, skip: 0 }
}

/**
 * Gives the lines from a place on to `take`, in their order, as they were seen when they were over, until it takes no more.
 *
 * @param {(line: any) => boolean} take
 * @param {(line: any) => void} [pass] Is given the lines that begin before.
 * @returns The place to go on from, and whether there is more by now.
 */
export async function readLines(stores, id, place, take, pass = () => {}) {
  const { after, skip } = place.line === undefined ? place : await placeOfLine(stores, id, place)
  const { outputs } = stores
  // Nothing has come since.
  if (after >= outputs.tail(id, { chunks: 1 }).cursor) {
    return { place: { after, skip: 0 }, more: false }
  }
  const terminal = terminalOf(stores, id)
  const counted = new Counted(after)
  let left = skip
  /** Passes a line. Returns where to go on if it is not taken. */
  const refused = (line) => {
    if (!counted.isBehind(line)) return pass(line)
    if (left-- > 0 || take(line)) return undefined
    return { place: counted.place, more: true }
  }
  let [last, waiting] = [{ cursor: after, data: '\n' }, 0]
  const start = leadIn(outputs, id, after)
  if (start > 0 && beginsOnAlternate(chunksAhead(outputs, id, start))) {
    terminal.write(TO_ALTERNATE)
  }
  for await (const read of chunksInTurns(outputs, id, start)) {
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
    if (waiting > LONGEST_LINE) break
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

/** The lines of a session as they were behind a chunk: some before it, and the first one of the chunk among them. */
export function linesUpTo(stores, id, cursor) {
  const { outputs } = stores
  const start = leadIn(outputs, id, cursor - 1)
  return drawn(stores, id, [...chunksBetween(outputs, id, start, cursor)])
}

/** The last lines of a session, the place to go on from, and whether there are more lines above. */
export async function lastLines(stores, id, count) {
  const { outputs } = stores
  for (let chunks = 1; ; chunks *= 4) {
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
