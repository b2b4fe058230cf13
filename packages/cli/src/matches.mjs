// Matches of a search, and the options of one.

import { lastMoment, moment } from './amounts.mjs'
import { integer } from './command.mjs'
import { complain, print } from './streams.mjs'
import { jsonText, printable, printableLine, styled } from './style.mjs'

/** @import { SearchMatch, SearchOptions } from '@gsd/session-store' */

/** A line as it was seen, with the place that matches set off. */
function highlighted({ line, start, end }) {
  const [before, match, after] = [line.slice(0, start), line.slice(start, end), line.slice(end)]
  return `${printableLine(before)}${styled('red', printableLine(match))}${printableLine(after)}`
}

/** What stands before a line: a colon behind the place of a match, else a dash, as `grep` has them. */
const place = (id, number, mark) => styled('dim', `${printable(id)}${mark}${number}${mark} `)

/** What was drawn over has no line number. */
const lineDrawnOver = (match) => `${place(match.sessionId, '~', ':')}${highlighted(match)}\n`

/** Prints matches with the lines around them. A line that is near several matches is printed once, as `grep` does. */
class Printer {
  #session
  // The lines that may still turn out to be matches, by their numbers.
  #lines = new Map()
  #last = 0
  #isFirst = true

  constructor(hasContext) {
    this.hasContext = hasContext
  }

  /** The text of a match, and of what is certain before it. */
  add(match) {
    if (match.drawnOver) return this.#between() + lineDrawnOver(match)
    const { sessionId, lineNumber, before, after } = match
    const first = lineNumber - before.length
    const goesOn = sessionId === this.#session && first <= this.#last + 1
    const text = goesOn ? this.#flush(first) : this.#flush(Infinity) + this.#between()
    this.#session = sessionId
    const isNear = (number) => goesOn && number <= this.#last
    const near = (line, number) => {
      if (!this.#lines.has(number) && !isNear(number)) {
        this.#lines.set(number, `${place(sessionId, number, '-')}${printableLine(line)}\n`)
      }
    }
    before.forEach((line, i) => near(line, first + i))
    this.#lines.set(lineNumber, `${place(sessionId, lineNumber, ':')}${highlighted(match)}\n`)
    after.forEach((line, i) => near(line, lineNumber + 1 + i))
    this.#last = Math.max(goesOn ? this.#last : 0, lineNumber + after.length)
    return text
  }

  end() {
    return this.#flush(Infinity)
  }

  #between() {
    if (!this.hasContext) return ''
    const isFirst = this.#isFirst
    this.#isFirst = false
    return isFirst ? '' : `${styled('dim', '--')}\n`
  }

  /** The lines before a number. */
  #flush(before) {
    const numbers = [...this.#lines.keys()].filter((number) => number < before)
    const text = numbers.map((number) => this.#lines.get(number)).join('')
    for (const number of numbers) this.#lines.delete(number)
    return text
  }
}

/** What the process exits with where there are more matches than it was to print. */
const MORE = 3

/** Adds the pattern, and the options that say what is found. */
export function searchOptions(command) {
  return command
    .argument('<pattern>', 'a text, or with --regex a regular expression')
    .option('--session <id>', 'only in this session')
    .option('-e, --regex', 'the pattern is a regular expression')
    .option('-s, --case-sensitive', 'tell upper from lower case')
    .option('--drawn-over', 'also what was drawn over or shown by a full-screen program')
    .option('--since <moment>', 'only what was printed then or later (2h, 2026-03-01)', moment)
    .option('--until <moment>', 'only what was printed then or earlier', lastMoment)
    .option(
      '-C, --context <lines>',
      'so many lines before and after each match',
      integer(0, 100),
      0,
    )
    .option('--limit <number>', 'so many matches at most', integer(1))
}

/**
 * What a search is given, by the options of {@link searchOptions}.
 *
 * @param {SearchOptions} options
 */
export const searchFor = ({ regex, caseSensitive, drawnOver, since, until, context }) => ({
  regex,
  caseSensitive,
  drawnOver,
  since,
  until,
  context,
})

/**
 * Prints the matches that `find` gives: `limit` of them, and a word where there are more.
 *
 * @param {(limit: number) => AsyncIterable<SearchMatch>} find
 * @param {number | undefined} limit
 * @param {{ json?: boolean, context?: number }} options
 */
export async function printMatches(find, limit = Infinity, { json, context }) {
  const matches = []
  const printer = new Printer(context > 0)
  let left = limit
  for await (const match of find(limit + 1)) {
    if (--left < 0) break
    if (json) matches.push(match)
    else await print(printer.add(match))
  }
  const complete = left >= 0
  if (json) return print(`${jsonText({ matches, complete })}\n`)
  await print(printer.end())
  if (!complete) {
    complain(`there are more matches than --limit ${limit}`)
    process.exitCode = MORE
  }
}
