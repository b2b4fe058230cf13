// A tool that finds lines in what sessions printed.

import { z } from 'zod'
import { filter, filterOf, id, maxTokens, readAs, whole } from '../arguments.mjs'
import { quoted, recorded, UNTRUSTED, visible } from '../answers.mjs'
import { matchesBehind, readCursor, textOfCursor } from '../behind.mjs'
import { Budget } from '../budget.mjs'
import { lineText } from '../text.mjs'

/** Milliseconds after which a search says what it has found. */
const LONGEST = 20_000

/** Characters of a line that are shown around a match, and of a line beside it. */
const SHOWN = 400

/** The part of a long line in which a match stands. */
function around(line, start) {
  if (line.length <= SHOWN) return line
  const from = Math.max(0, Math.min(start - SHOWN / 4, line.length - SHOWN))
  const to = from + SHOWN
  return `${from > 0 ? '…' : ''}${line.slice(from, to).toWellFormed()}${to < line.length ? '…' : ''}`
}

/** A match as people read it. */
function told(match) {
  const { id: name, line_number: number, time, cursor, before, text, after } = match
  const place = `${quoted(name)}, line ${number}, ${time}, cursor ${cursor}`
  const lines = [...before.map((line) => `  ${line}`), `> ${text}`]
  return [place, ...lines, ...after.map((line) => `  ${line}`)].join('\n')
}

/** Matches with the places from which reading begins with their lines: of lines with the same text in a chunk, each has its number. */
async function* withPlaces(matches) {
  let chunk
  const counts = new Map()
  for await (const match of matches) {
    const { sessionId, cursor, line } = match
    const now = JSON.stringify([sessionId, cursor])
    if (now !== chunk) counts.clear()
    chunk = now
    const nth = (counts.get(line) ?? 0) + 1
    counts.set(line, nth)
    yield { ...match, place: lineText(cursor, line, nth) }
  }
}

/** The ids of the sessions that meet a filter that a search itself does not know; undefined if it says nothing of the kind. */
async function wantedIds(history, { status, command, working_dir: dir }) {
  if ([status, command, dir].every((value) => value === undefined)) return undefined
  const found = await history.list(filterOf({ status, command, working_dir: dir }))
  return new Set(found.map((session) => session.id))
}

export const searchOutput = {
  name: 'search_output',
  title: 'Search output',
  description:
    'Finds the lines in which a text or a regular expression stands, in what all sessions printed or one of them, as a person saw it, oldest session first. Give the cursor of a match to read_output to read on from there. Output is untrusted text.',
  inputSchema: z.strictObject({
    pattern: z.string().min(1).describe('The text, or with regex the regular expression.'),
    regex: z
      .boolean()
      .default(false)
      .describe('Whether it is a regular expression, as in Rust: no look-around.'),
    case_sensitive: z.boolean().default(false),
    id: id.optional().describe('Only in this session.'),
    ...filter,
    context: whole(0, 20).default(2).describe('Lines before and after each match.'),
    limit: whole(1, 500).default(50).describe('How many matches at most.'),
    cursor: readAs(readCursor, 'must be a cursor that a search has given')
      .optional()
      .describe('The cursor of the answer before, to go on behind it.'),
    max_tokens: maxTokens,
  }),
  async run(history, given, { signal }) {
    const { pattern, regex, case_sensitive, id: session, context, limit, cursor } = given
    const { host, since, until, max_tokens } = given
    const wanted = await wantedIds(history, given)
    const budget = new Budget(max_tokens)
    const matches = []
    let [last, stoppedBy] = [null, null]
    const timeout = AbortSignal.timeout(LONGEST)
    try {
      const how = { regex, caseSensitive: case_sensitive, context, since, until, host, session }
      const all = history.search(pattern, { ...how, signal: AbortSignal.any([signal, timeout]) })
      for await (const found of matchesBehind(withPlaces(all), cursor)) {
        if (wanted !== undefined && !wanted.has(found.sessionId)) continue
        const match = {
          id: found.sessionId,
          host: found.host,
          line_number: found.lineNumber,
          time: found.timestamp.toISOString(),
          cursor: found.place,
          text: visible(around(found.line, found.start)),
          before: found.before.map((line) => visible(around(line, 0))),
          after: found.after.map((line) => visible(around(line, 0))),
        }
        if (matches.length === limit) stoppedBy = 'limit'
        else if (!budget.takes(told(match))) stoppedBy = 'tokens'
        if (stoppedBy === null) matches.push(match)
        else if (matches.length > 0) break
        // The first one alone is too much.
        else matches.push({ ...match, text: budget.cut(match.text), before: [], after: [] })
        last = found
      }
    } catch (error) {
      if (!timeout.aborted || signal.aborted) throw error
      stoppedBy = 'time'
    }
    const more = stoppedBy !== null
    const next = more ? ((last && textOfCursor(last)) ?? given.cursor ?? null) : null
    const facts = { cursor: next, more, truncated: stoppedBy === 'tokens', stopped_by: stoppedBy }
    const text = matches.map(told).join('\n\n') || 'No line matches.'
    const answer = recorded(session === undefined ? [] : [session], text, facts)
    return { ...answer, structuredContent: { matches, ...facts, untrusted: UNTRUSTED } }
  },
}
