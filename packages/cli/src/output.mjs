// Printing stored output: for people on a terminal, as it is into a pipe, as JSON for programs.

import { Terminal } from '@gsd/session-store'
import { print } from './streams.mjs'
import { hasColors, jsonText, localTime, styled } from './style.mjs'

/** @import { Session, SessionSize } from '@gsd/session-store' */

/**
 * What prints chunks. Text that is read from a file has no cursor and no time; bytes are for a pipe alone.
 *
 * @typedef {object} Printer
 * @property {(chunk: { data: string, cursor?: number, timestamp?: Date }) => unknown} chunk
 * @property {() => Promise<unknown>} end
 */

/**
 * Characters that reverse text or hide in it: line separators, embeddings and overrides of direction, zero-width
 * spaces, tags. The marks of right-to-left text stay, and so do the characters that join emoji and letters.
 */
const HIDDEN = /[\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu

/** A text of a session that goes to a terminal. */
export const visible = (text) => text.replaceAll(HIDDEN, '')

/** As much of a line as has room in so many cells: wide characters take two. */
export function cutTo(text, cells) {
  if (cells < 2) return ''
  const row = new Terminal({ columns: cells, rows: 2 })
  row.write(text)
  return row.screen().lines[0].text
}

/** Goes to the start of the line that is shown last, and erases it. */
const ERASE = '\r\u001b[K'

/** A terminal like that of a session. */
const terminalOf = (session, rows) =>
  new Terminal({
    columns: session?.columns,
    rows: rows ?? session?.rows,
    terminal: session?.terminal,
    colors: hasColors(process.stdout),
  })

/** Has a terminal get its sizes before the chunks that they come before. */
function resizer(terminal, sizes) {
  const left = sizes.slice(1)
  if (sizes.length > 0) terminal.resize(sizes[0])
  return (cursor) => {
    while (left.length > 0 && left[0].after < cursor) terminal.resize(left.shift())
  }
}

/**
 * A printer of stored chunks. Into a pipe it leaves text as it is. On a terminal it prints the lines that stayed, with their
 * colours and, if wanted, the times at which they began: all of them, or so many at the end.
 *
 * @param {{ raw?: boolean, times?: boolean, lines?: number }} options
 * @param {Session<number>} [session]
 * @param {SessionSize[]} [sizes]
 * @returns {Printer}
 */
export function textPrinter({ raw, times, lines: most = Infinity }, session, sizes = []) {
  if (raw || !(process.stdout.isTTY || times)) {
    return { chunk: ({ data }) => print(data), end: async () => {} }
  }
  const terminal = terminalOf(session)
  const resizeBefore = resizer(terminal, sizes)
  let last = []
  const told = ({ timestamp, text }) =>
    `${times ? `${styled('dim', localTime(timestamp))}  ` : ''}${visible(text)}\n`
  const printLines = (lines) => {
    if (most === Infinity) return print(lines.map(told).join(''))
    last.push(...lines)
    if (last.length > most) last = last.slice(-most)
  }
  return {
    chunk({ data, cursor, timestamp }) {
      resizeBefore(cursor)
      return printLines(terminal.write(data, { cursor, timestamp }))
    },
    async end() {
      await printLines(terminal.end())
      await print(last.map(told).join(''))
    },
  }
}

/** A printer of chunks as they come: on a terminal, the line that is not over is printed again when it changes. */
export function livePrinter(options, session) {
  if (options.raw || !process.stdout.isTTY || process.env.TERM === 'dumb') {
    return textPrinter(options, session)
  }
  const terminal = terminalOf(session, 1)
  let unfinished = ''
  const show = (lines, now) => {
    const over = lines.map(({ text }) => `${visible(text)}\n`).join('')
    const before = unfinished === '' ? '' : ERASE
    unfinished = now
    return print(before + over + now)
  }
  return {
    chunk: ({ data }) => {
      const lines = terminal.write(data)
      const now = cutTo(visible(terminal.screen().text), process.stdout.columns - 1)
      return lines.length > 0 || now !== unfinished ? show(lines, now) : undefined
    },
    end: () => show(terminal.end(), ''),
  }
}

/** A printer of one line of JSON for each chunk. */
export function jsonPrinter() {
  return { chunk: (chunk) => print(`${jsonText(chunk)}\n`), end: async () => {} }
}

/** Prints every chunk of `chunks` with a printer. */
export async function printChunks(chunks, printer) {
  try {
    for await (const chunk of chunks) await printer.chunk(chunk)
  } finally {
    await printer.end()
  }
}
