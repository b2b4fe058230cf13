// The arguments that several tools take.

import { STATUSES, lastMoment, moment } from 'gsd-sessions'
import { z } from 'zod'
import { MOST_TOKENS, shortened, TOKENS } from './budget.mjs'
import { placeOf } from './text.mjs'

/** What is told of a wrong value: what it must be, and what it is. */
const wrong = (what) => ({
  error: ({ input }) => `${what}; received ${shortened(JSON.stringify(input) ?? 'nothing', 200)}`,
})

/** A whole number. */
export function whole(least, most = Number.MAX_SAFE_INTEGER) {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`
  const told = wrong(`must be a whole number ${range}`)
  return z.int(told).min(least, told).max(most, told)
}

/** A text that `read` makes something of, and refuses otherwise. */
export const readAs = (read, what) =>
  z.string().transform((text, context) => {
    try {
      const value = read(text)
      if (value !== undefined) return value
    } catch {
      // It is told as all else that is wrong.
    }
    context.addIssue({ code: 'custom', message: wrong(what).error({ input: text }) })
    return z.NEVER
  })

const A_MOMENT = 'must be a moment such as 2h, 1d, 2026-03-01 or 2026-03-01T10:00:00Z'

export const id = z.string().min(1).describe('The id of the session, as list_sessions gives it.')

export const since = readAs(moment, A_MOMENT)
  .optional()
  .describe('Only what was then or later: 30min, 2h, 1d, or a date and time in ISO 8601.')

export const until = readAs(lastMoment, A_MOMENT)
  .optional()
  .describe('Only what was then or earlier.')

export const maxTokens = whole(200, MOST_TOKENS)
  .default(TOKENS)
  .describe('How long the answer may be, in tokens, counted rather too high.')

export const A_CURSOR = 'must be a cursor that a tool has given'

export const place = readAs(placeOf, A_CURSOR)
  .optional()
  .describe('The cursor of an answer before, to go on from it. By default the beginning.')

/** Which sessions are meant. */
export const filter = {
  status: z
    .union(
      [z.enum(STATUSES), z.array(z.enum(STATUSES)).min(1)],
      wrong(`must be one of ${STATUSES.join(', ')}, or some of them in an array`),
    )
    .optional()
    .describe('Only sessions in this state, or in one of these.'),
  command: z
    .string()
    .optional()
    .describe('Only sessions whose command or title has this in it, in any case.'),
  working_dir: z
    .string()
    .optional()
    .describe('Only sessions that worked in this folder or below it.'),
  host: z.string().optional().describe('Only sessions of this machine, where there are several.'),
  since,
  until,
}

/**
 * A filter as a history takes it.
 *
 * @param {{ [Name in keyof typeof filter]?: any }} given
 */
export const filterOf = ({ status, command, working_dir, host, since: from, until: to }) => ({
  status,
  command,
  host,
  dir: working_dir,
  since: from,
  until: to,
})
