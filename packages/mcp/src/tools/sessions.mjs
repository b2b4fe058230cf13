// Tools that tell of sessions: which there are, one of them, and how much there is.

import { jsonText } from 'gsd-sessions'
import { z } from 'zod'
import { filter, filterOf, id, maxTokens, whole } from '../arguments.mjs'
import { facts } from '../answers.mjs'
import { Budget, shortened } from '../budget.mjs'

/** How long a text of a session may be in a list, in characters. */
const SHORT = 300

/** Characters of an id that is never cut: it names the session to other tools. */
const LONGEST_ID = 300

/** A session whose texts take so many tokens each at most, and whether that cuts any. */
export function short(session, most) {
  let isCut = false
  const cut = Object.entries(session).map(([name, value]) => {
    const isKept = name === 'id' && value.length <= LONGEST_ID
    if (isKept || typeof value !== 'string' || new Budget(most).takes(jsonText(value))) {
      return [name, value]
    }
    isCut = true
    // A character that cannot be printed takes six of JSON.
    return [name, `${new Budget(most / 4).cut(value)}…`]
  })
  return { told: Object.fromEntries(cut), isCut }
}

/** A session in a list, with what tells it from others. */
function brief(session) {
  const { status, startedAt, endedAt, exitCode, signal, host, slot } = session
  const { workingDir, currentCommand, title, error } = session
  const texts = { title, command: currentCommand, working_dir: workingDir, error }
  const cut = Object.entries(texts).map(([name, text]) => [name, text && shortened(text, SHORT)])
  return {
    id: session.id,
    host,
    status,
    started_at: startedAt,
    ended_at: endedAt,
    seconds: endedAt && (endedAt.getTime() - startedAt.getTime()) / 1000,
    exit_code: exitCode,
    signal,
    slot,
    ...Object.fromEntries(cut),
  }
}

export const listSessions = {
  name: 'list_sessions',
  title: 'List sessions',
  description:
    'Lists recorded coding sessions, newest first: id, state, times, exit code, command, folder. Failed ones have status "failed".',
  inputSchema: z.strictObject({
    ...filter,
    limit: whole(1, 100).default(20).describe('How many at most.'),
    cursor: z.string().optional().describe('The cursor of the page before, to go on behind it.'),
    max_tokens: maxTokens,
  }),
  async run(history, { limit, cursor, max_tokens, ...given }) {
    const found = await history.list({ ...filterOf(given), before: cursor, limit: limit + 1 })
    const budget = new Budget(max_tokens)
    const sessions = []
    let isAnyCut = false
    for (const session of found.slice(0, limit)) {
      const { told, isCut } = short(brief(session), max_tokens / 6)
      if (!budget.takes(jsonText(told)) && sessions.length > 0) break
      sessions.push(told)
      isAnyCut ||= isCut
    }
    const more = sessions.length < found.length
    const truncated = isAnyCut || sessions.length < Math.min(limit, found.length)
    return facts({
      sessions,
      cursor: more ? history.cursorOf(found[sessions.length - 1]) : null,
      more,
      truncated,
    })
  },
}

export const getSession = {
  name: 'get_session',
  title: 'Get a session',
  description:
    'Tells all that is known of one session: state, times, exit code, error, sizes of its terminal, how many secrets were replaced; and if asked for the commands of its shell, with their exit codes.',
  inputSchema: z.strictObject({
    id,
    commands: z
      .boolean()
      .default(false)
      .describe('Whether to tell the commands of its shell, which reads all of its output.'),
    max_tokens: maxTokens,
  }),
  async run(history, { id: name, commands: withCommands, max_tokens }) {
    const opened = await history.open(name)
    try {
      const { sessions, outputs, id: own } = opened
      const budget = new Budget(max_tokens)
      const [first] = outputs.read(own, { limit: 1 }).outputs
      const [last] = outputs.tail(own, { chunks: 1 }).outputs
      const known = short(await history.get(name), max_tokens / 5)
      const told = {
        ...known.told,
        first_output_at: first?.timestamp,
        last_output_at: last?.timestamp,
        sizes: outputs.sizes(own).slice(0, 20),
        redactions: sessions.redactions(own),
      }
      if (!withCommands) return facts({ ...told, truncated: known.isCut })
      budget.takes(jsonText(told))
      // The last ones are those that people ask for.
      const commands = outputs.commands(own)
      const shown = []
      for (const command of commands.toReversed()) {
        if (!budget.takes(jsonText(command))) break
        shown.unshift(command)
      }
      return facts({
        ...told,
        commands: shown,
        truncated: known.isCut || shown.length < commands.length,
      })
    } finally {
      opened.close()
    }
  },
}

export const sessionStats = {
  name: 'session_stats',
  title: 'Statistics of all sessions',
  description:
    'Tells how many sessions there are of each state and where they are stored; with amounts how much they printed, and which ones printed most.',
  inputSchema: z.strictObject({
    amounts: z
      .boolean()
      .default(false)
      .describe('Whether to count output as well, which takes a second for a million chunks.'),
  }),
  async run(history, { amounts }) {
    const { kind, where } = history
    const { stores, largest, ...found } = await history.stats({ amounts })
    const told = { kind, where, ...found }
    const budget = new Budget()
    budget.takes(jsonText(told))
    const lists = Object.entries({ stores, largest }).filter(([, all]) => all !== undefined)
    const cut = lists.map(([name, all]) => {
      const end = all.findIndex((one) => !budget.takes(jsonText(one)))
      return [name, end < 0 ? all : all.slice(0, end)]
    })
    const truncated = cut.some(([, shown], at) => shown.length < lists[at][1].length)
    return facts({ ...told, ...Object.fromEntries(cut), truncated })
  },
}
