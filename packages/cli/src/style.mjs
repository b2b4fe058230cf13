// How text is shown to people: colours, columns, and values that cannot do anything to a terminal.

import { inspect } from 'node:util'

/**
 * Whether a stream gets colours: a terminal does. FORCE_COLOR and NO_COLOR, in this order, decide otherwise.
 */
export function hasColors(stream, env = process.env) {
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb'
}

/** Text in a style of `util.inspect.colors` for the standard output. */
export function styled(style, text) {
  if (!hasColors(process.stdout)) return text
  const [on, off] = inspect.colors[style]
  return `\x1b[${on}m${text}\x1b[${off}m`
}

/** Control and invisible characters: controls, line separators, what reverses or hides text, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{fff9}-\u{fffb}]/gu

/** The same, without the characters that join emoji or select how they look. */
const UNPRINTABLE_BUT_EMOJI = new RegExp(
  String.raw`(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]|` +
    String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})|` +
    String.raw`(${UNPRINTABLE.source})`,
  'gu',
)

function escaped(character) {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  const code = character.codePointAt(0)
  const digits = code.toString(16)
  if (code < 0x100) return `\\x${digits.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`
}

/** A value on one line that a terminal takes for nothing but text, all of which can be seen. */
export function printable(value) {
  return String(value).replaceAll(UNPRINTABLE, escaped)
}

/** As {@link printable}, for a line that a session printed: tabs stay, and emoji of several parts stay whole. */
export function printableLine(line) {
  return line.replaceAll(UNPRINTABLE_BUT_EMOJI, (kept, unprintable) =>
    unprintable === undefined || unprintable === '\t' ? kept : escaped(unprintable),
  )
}

/** A value as JSON that a terminal shows as text only. Parsed, it is the same value. */
export function jsonText(value) {
  const inUnits = (character) =>
    Array.from({ length: character.length }, (_, i) => {
      return `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
    }).join('')
  return JSON.stringify(value).replaceAll(UNPRINTABLE, inUnits)
}

const STATUS_STYLES = {
  running: 'cyan',
  waiting_checkpoint: 'yellow',
  completed: 'green',
  failed: 'red',
}

/** A status in its colour. */
export function statusText(status) {
  const style = STATUS_STYLES[status]
  return style ? styled(style, status) : printable(status)
}

/** A moment by the clock of this machine, to the second. */
export function localTime(date) {
  const two = (number) => String(number).padStart(2, '0')
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-')
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${time}`
}

/** The time zone of this machine, which people have to be told once. */
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone

/** How long something took, or has taken so far. */
export function duration(from, to) {
  const seconds = Math.max(0, (to - from) / 1000)
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** A number of things. */
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`

/** A number of bytes in the unit that suits it. */
export function bytesText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  const number = bytes / 1000 ** power
  return `${power === 0 ? number : number.toFixed(1)} ${units[power]}`
}

/** What takes text apart into characters. It is made when it is needed: that takes longer than all else at a start. */
let segmenter
const segmentsOf = (text) =>
  (segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })).segment(text)

const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u

const charactersOf = (text) => Array.from(segmentsOf(text), ({ segment }) => segment)

/** The most code units of one character that are read. The rest of a longer one is ignored. */
const LONGEST_CHARACTER = 32

/** The start of a text that is long enough to fill the columns: splitting a long text into characters is slow. */
const startOf = (text, columns) =>
  text.slice(0, columns * LONGEST_CHARACTER).replace(/[\ud800-\udbff]$/, '')

/** How many columns a text takes, up to `most`. */
function widthOf(text, most) {
  const start = startOf(text, most)
  if (/^[ -~]*$/.test(start)) return Math.min(start.length, most)
  let width = 0
  for (const { segment } of segmentsOf(start)) {
    width += WIDE.test(segment) ? 2 : 1
    if (width >= most) return most
  }
  return width
}

/** The start of a text, as much as fits into so many columns. */
function cut(text, columns) {
  if (columns === Infinity) return text
  const start = startOf(text, columns + 1)
  if (start === text && widthOf(text, columns + 1) <= columns) return text
  let width = 1
  let kept = ''
  for (const character of charactersOf(start)) {
    width += widthOf(character, 2)
    if (width > columns) break
    kept += character
  }
  return `${kept}…`
}

/** The least width of the last column: first before other columns are left out, then in any case. */
const ROOM = { wanted: 20, least: 10 }

/** The greatest width of the other columns. On a terminal a wider cell is cut; elsewhere it is printed whole. */
const WIDEST = 64

/** The least width to which a column is cut so that the last one has room. */
const NARROWEST = 8

/**
 * The columns that are shown, by their places, and their widths: on a narrow terminal some of the `optional` ones are not, and
 * others are cut.
 */
function columnsFor(headings, wanted, optional) {
  const widths = [...wanted]
  const { isTTY, columns } = process.stdout
  const roomOf = (places) =>
    places
      .slice(0, -1)
      .reduce((room, place) => room - widths[place] - 2, isTTY ? columns : Infinity)
  let shown = headings.map((_, place) => place)
  for (const heading of optional) {
    if (roomOf(shown) >= ROOM.wanted) break
    shown = shown.filter((place) => headings[place] !== heading)
  }
  const widestFirst = shown.slice(0, -1).sort((one, other) => widths[other] - widths[one])
  for (const place of widestFirst) {
    const missing = ROOM.least - roomOf(shown)
    if (missing > 0) widths[place] = Math.max(NARROWEST, widths[place] - missing)
  }
  return { shown, widths, room: Math.max(1, roomOf(shown)) }
}

/**
 * Rows under their headings, in columns as wide as their widest cell; `style(cell, column)` gives a cell its
 * looks. On a terminal lines are cut where it ends: a line that wraps is no row any more. Where it is narrow, the
 * `optional` columns are left out, from the first.
 *
 * @param {(cell: string, column: number) => string} [style]
 */
export function table(headings, rows, style = (cell) => cell, optional = []) {
  const cells = [headings, ...rows].map((row) => row.map(printable))
  const last = headings.length - 1
  const wanted = headings.map((_, i) =>
    i === last ? 0 : cells.reduce((most, row) => Math.max(most, widthOf(row[i], WIDEST)), 0),
  )
  const { shown, widths, room } = columnsFor(headings, wanted, optional)
  const roomOf = (place) => {
    if (place === last) return room
    return process.stdout.isTTY ? Math.min(WIDEST, widths[place]) : Infinity
  }
  return cells
    .map((row, i) => {
      const line = shown.map((place) => {
        const text = cut(row[place], roomOf(place))
        const padding =
          place === last ? '' : ' '.repeat(Math.max(0, widths[place] - widthOf(text, WIDEST)))
        return (i === 0 ? styled('bold', text) : style(text, place)) + padding
      })
      return `${line.join('  ').trimEnd()}\n`
    })
    .join('')
}
