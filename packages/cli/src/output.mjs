// Printing stored output: for people on a terminal, as it is into a pipe, as JSON for programs.

import { print } from './streams.mjs'
import { hasColors, jsonText } from './style.mjs'
import { TerminalText } from './terminal-text.mjs'

/** A printer of stored chunks that leaves text as it is, unless it goes to a terminal. */
export function textPrinter({ raw }) {
  if (raw || !process.stdout.isTTY) {
    return { chunk: ({ data }) => print(data), end: async () => {} }
  }
  const text = new TerminalText(hasColors(process.stdout), process.env.TERM !== 'dumb')
  return { chunk: ({ data }) => print(text.write(data)), end: () => print(text.end()) }
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
