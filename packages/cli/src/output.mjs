// Printing stored output: for people on a terminal, as it is into a pipe, as JSON for programs.

import { Terminal } from '@gsd/session-store'
import { print } from './streams.mjs'
import { hasColors, jsonText, localTime, styled } from './style.mjs'

/**
 * Characters that reverse text or hide in it: line separators, embeddings and overrides of direction, zero-width
 * spaces, tags. The marks of right-to-left text stay, and so do the characters that join emoji and letters.
 */
const HIDDEN = /[\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu

/** A text of a session that goes to a terminal. */
export const visible = (text) => text.replaceAll(HIDDEN, '')

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

/**
 * A printer of stored chunks. Into a pipe it leaves text as it is. On a terminal it prints the lines that stayed, with their
 * colours and, if wanted, the times at which they began.
 */
export function textPrinter({ raw, times }, session) {
  if (raw || !(process.stdout.isTTY || times)) {
    return { chunk: ({ data }) => print(data), end: async () => {} }
  }
  const terminal = terminalOf(session)
  const told = ({ timestamp, text }) =>
    `${times ? `${styled('dim', localTime(timestamp))}  ` : ''}${visible(text)}\n`
  const printLines = (lines) => print(lines.map(told).join(''))
  return {
    chunk: ({ data, cursor, timestamp }) => printLines(terminal.write(data, { cursor, timestamp })),
    end: () => printLines(terminal.end()),
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
      const now = visible(terminal.screen().text).slice(0, process.stdout.columns - 1)
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
