// A tool that finds lines in what sessions printed.

import { z } from 'zod'
import { filter, filterOf, id, maxTokens, readAs } from '../arguments.mjs'
import { recorded, UNTRUSTED, visible } from '../answers.mjs'
import { Behind, readCursor, textOfCursor } from '../behind.mjs'
import { Budget } from '../budget.mjs'
import { placeText, readLines } from '../text.mjs'

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
  const place = `${JSON.stringify(name)}, line ${number}, ${time}, cursor ${cursor}`
  const lines = [...before.map((line) => `  ${line}`), `> ${text}`]
  return [place, ...lines, ...after.map((line) => `  ${line}`)].join('\n')
}

/** How many lines are looked at for that of a match, in the chunk in which it begins. */
const LOOKED_AT = 5_000

/** The cursor from which reading begins with the line of a match, or with the chunk in which it stands. */
async function cursorOf(history, { sessionId, cursor, line }) {
  const chunk = { after: cursor - 1, skip: 0 }
  // A fleet would have to get the session for it.
  if (history.kind !== 'file' || cursor <= 0) return placeText(chunk, 'text')
  const opened = await history.open(sessionId)
  try {
    let [count, isThere] = [0, false]
    await readLines(opened, opened.id, chunk, ({ text }) => {
      isThere = text === line
      return !isThere && ++count < LOOKED_AT
    })
    return placeText(isThere ? { ...chunk, skip: count } : chunk, 'text')
  } finally {
    opened.close()
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
  inputSchema: z.object({
    pattern: z.string().min(1).describe('The text, or with regex the regular expression.'),
    regex: z
      .boolean()
      .default(false)
      .describe('Whether it is a regular expression, as in Rust: no look-around.'),
    case_sensitive: z.boolean().default(false),
    id: id.optional().describe('Only in this session.'),
    ...filter,
    context: z.int().min(0).max(20).default(2).describe('Lines before and after each match.'),
    limit: z.int().min(1).max(500).default(50).describe('How many matches at most.'),
    cursor: readAs(readCursor, 'must be a cursor that a search has given')
      .optional()
      .describe('The cursor of the answer before, to go on behind it.'),
    max_tokens: maxTokens,
  }),
  async run(history, given, { signal }) {
    const { pattern, regex, case_sensitive, id: session, context, limit, cursor } = given
    const { host, since, until, max_tokens } = given
    const wanted = await wantedIds(history, given)
    const behind = new Behind(history, cursor)
    const budget = new Budget(max_tokens)
    const matches = []
    let [last, stoppedBy] = [null, null]
    const timeout = AbortSignal.timeout(LONGEST)
    try {
      const how = { regex, caseSensitive: case_sensitive, context, since, until, host, session }
      const all = history.search(pattern, { ...how, signal: AbortSignal.any([signal, timeout]) })
      for await (const found of all) {
        if (wanted !== undefined && !wanted.has(found.sessionId)) continue
        if (!(await behind.has(found))) continue
        const match = {
          id: found.sessionId,
          host: found.host,
          line_number: found.lineNumber,
          time: found.timestamp.toISOString(),
          cursor: await cursorOf(history, found),
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
    const at = last && [await behind.startOf(last.sessionId), last.sessionId, last.lineNumber]
    const next =
      more && last ? textOfCursor([...at, last.cursor]) : more ? (given.cursor ?? null) : null
    const facts = { cursor: next, more, truncated: stoppedBy === 'tokens', stopped_by: stoppedBy }
    const text = matches.map(told).join('\n\n') || 'No line matches.'
    const answer = recorded(session === undefined ? [] : [session], text, facts)
    return { ...answer, structuredContent: { matches, ...facts, untrusted: UNTRUSTED } }
  },
}
