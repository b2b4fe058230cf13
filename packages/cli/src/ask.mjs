// Asking the person at the terminal.

import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Whether there is somebody to ask: not in a pipe, and not in a job. */
export const canAsk = () => Boolean(process.stdin.isTTY && process.stderr.isTTY)

/** Whether the answer to a question is yes. It is asked on the standard error; anything but y or yes is no. */
export async function confirmed(question) {
  process.stderr.write(`${question} [y/N] `)
  // The terminal edits the line, and Ctrl-C ends the process as it would without the question.
  const lines = createInterface({ input: process.stdin, terminal: false })
  const ended = once(lines, 'close').then(() => [undefined])
  const [line] = await Promise.race([once(lines, 'line'), ended])
  lines.close()
  // A standard input that nobody reads any more must not keep the process running.
  process.stdin.destroy()
  if (line === undefined) process.stderr.write('\n')
  return /^\s*y(es)?\s*$/i.test(line ?? '')
}
