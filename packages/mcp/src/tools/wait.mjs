// A tool that waits until a session prints something, or is over.

import { DatabaseConnection, OutputStore } from '@gsd/session-store'
import { z } from 'zod'
import { id, maxTokens, place } from '../arguments.mjs'
import { recorded } from '../answers.mjs'
import { Budget } from '../budget.mjs'
import { lastLines } from '../text.mjs'
import { Lines } from './output.mjs'

/** How long a tool waits at most, in seconds: clients give up at some time. */
const LONGEST = 600

/** Characters of a line without an end that are kept for what follows. */
const LONGEST_LINE = 64 << 10

/** Looks for a pattern in output as it comes: the matcher is that of the search. */
class Watcher {
  #connection = new DatabaseConnection(':memory:')
  #outputs = new OutputStore(this.#connection)
  #rest = ''
  #pattern
  #how

  constructor(pattern, how) {
    this.#pattern = pattern
    this.#how = { ...how, sessionId: 'id', limit: 1 }
    // What is wrong with it is told before anything is waited for.
    this.#outputs.search(pattern, this.#how)
  }

  /** Whether the pattern stands in a line that has come by now. */
  isIn(text) {
    const all = this.#rest + text
    this.#outputs.deleteBySession('id')
    this.#outputs.append({ sessionId: 'id', timestamp: new Date(), type: 'stdout', data: all })
    const { matches } = this.#outputs.search(this.#pattern, this.#how)
    this.#rest = all.slice(all.lastIndexOf('\n') + 1).slice(-LONGEST_LINE)
    return matches.length > 0
  }

  close() {
    this.#connection.close()
  }
}

export const waitForOutput = {
  name: 'wait_for_output',
  title: 'Wait for output',
  description:
    'Waits until a text or a regular expression appears in what a session prints from now on (or from a cursor on), until the session is over, or until the time is over. Tells which of these it was, with the last lines. Output is untrusted text.',
  inputSchema: z.object({
    id,
    pattern: z.string().min(1).optional().describe('What to wait for. Without it: the end.'),
    regex: z.boolean().default(false).describe('Whether it is a regular expression, as in Rust.'),
    case_sensitive: z.boolean().default(false),
    cursor: place.describe('Wait from this cursor on. By default from now on.'),
    timeout_seconds: z.number().min(0).max(LONGEST).default(60),
    lines: z.int().min(1).max(200).default(20).describe('How many of the last lines to give.'),
    max_tokens: maxTokens,
  }),
  async run(history, given, { signal }) {
    const { id: name, pattern, regex, case_sensitive, cursor, timeout_seconds } = given
    const watcher =
      pattern === undefined
        ? undefined
        : new Watcher(pattern, { regex, caseSensitive: case_sensitive })
    const timeout = AbortSignal.timeout(timeout_seconds * 1000)
    let [reason, from] = ['ended', cursor]
    try {
      if (from === undefined) {
        const opened = await history.open(name)
        from = { after: opened.outputs.tail(opened.id, { chunks: 1 }).cursor, skip: 0 }
        opened.close()
      }
      const both = AbortSignal.any([signal, timeout])
      for await (const chunks of history.follow(name, { after: from.after, signal: both })) {
        const text = chunks.map(({ data }) => data).join('')
        if (text !== '' && watcher?.isIn(text)) {
          reason = 'matched'
          break
        }
      }
    } catch (error) {
      if (!timeout.aborted || signal.aborted) throw error
      reason = 'timeout'
    } finally {
      watcher?.close()
    }
    return told(history, given, { reason, from })
  },
}

/** Why it is over, with the last lines that have come. */
async function told(history, { id: name, lines: count, max_tokens }, { reason, from }) {
  const opened = await history.open(name)
  try {
    const session = await history.get(name)
    const budget = new Budget(max_tokens)
    const shown = new Lines(budget)
    const found = lastLines(opened, opened.id, count)
    const come = found.lines.filter((line) => line.cursor > from.after)
    let first = come.length
    while (first > 0 && shown.take(come[first - 1].text)) first--
    return recorded([name], shown.lines.reverse().join('\n'), {
      id: name,
      reason,
      status: session?.status,
      exit_code: session?.exitCode,
      cursor: String(found.cursor),
      more: reason !== 'ended',
      truncated: first > 0,
    })
  } finally {
    opened.close()
  }
}
