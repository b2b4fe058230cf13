// Asking the person at the terminal.

import { createInterface } from 'node:readline'

/** Whether there is somebody to ask: not in a pipe, and not in a job. */
export const canAsk = () => Boolean(process.stdin.isTTY && process.stderr.isTTY)

/** Whether the answer to a question is yes. It is asked on the standard error; anything but y or yes is no. */
export async function confirmed(question) {
  process.stderr.write(`${question} [y/N] `)
  // The terminal edits the line, and Ctrl-C ends the process as it would without the question.
  const lines = createInterface({ input: process.stdin, terminal: false })
  for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line)
  process.stderr.write('\n')
  return false
}
