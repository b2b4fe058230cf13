// Writing to the standard streams: no faster than they are read, and quietly once nobody reads.

import { once } from 'node:events'
import { printable } from './style.mjs'

/** Ends the process with 0 once the reader of its output has closed, as `| head` does. */
export function endQuietlyWithoutReader() {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (error.code !== 'EPIPE') throw error
      process.exit(0)
    })
  }
}

/** Writes text to the standard output and waits while its reader is behind. */
export async function print(text) {
  if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Prints warnings of the package as this command prints all messages. Other warnings are left to the runtime. */
export function tellWarnings() {
  const others = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (/** @type {NodeJS.ErrnoException} */ warning) => {
    if (warning.code?.startsWith('GSD_')) complain(`warning: ${warning.message}`)
    else for (const listener of others) listener.call(process, warning)
  })
}

/** What this program is called where it says something of itself. */
let program = 'gsd-sessions'

/** Has messages begin with another name. */
export function callProgram(name) {
  program = name
}

/** Prints on the standard error what is wrong, in one line. */
export function complain(error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${program}: ${printable(message)}\n`)
}
