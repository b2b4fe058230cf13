// `gsd-sessions list`: the sessions in a table.

import { Option } from 'commander'
import { allOptions, examples, integer, withReader } from '../command.mjs'
import {
  filteredSessions,
  filterOptions,
  isFiltered,
  resolveId,
  unknownSession,
} from '../naming.mjs'
import { sessionTable } from '../session-table.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable, styled } from '../style.mjs'

/**
 * The states of a session.
 *
 * @type {import('@gsd/session-store').SessionStatus[]}
 */
export const STATUSES = ['idle', 'running', 'waiting_checkpoint', 'completed', 'failed']

/** How many are listed on a terminal, unless more are asked for. */
const ON_TERMINAL = 50

/** The length to which a UUID is cut. Every command takes the start of an id. */
const SHORT = 8

/** UUIDs, cut where the start tells which one it is. */
function withShortIds(sessions) {
  const starts = sessions.map(({ id }) => id.slice(0, SHORT))
  const isAlone = (start) => starts.indexOf(start) === starts.lastIndexOf(start)
  return sessions.map((session, at) => {
    const isUuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/.test(session.id)
    return isUuid && isAlone(starts[at]) ? { ...session, id: starts[at] } : session
  })
}

/** Sessions in which secrets were replaced, with how many. */
function withRedactions(sessions, page) {
  return page.map((session) => {
    const redactions = sessions.redactions(session.id)
    return Object.keys(redactions).length > 0 ? { ...session, redactions } : session
  })
}

/** The session with the time of its last output. */
function withLastOutput(outputs, session) {
  const [last] = outputs.tail(session.id, { chunks: 1 }).outputs
  return { ...session, lastOutput: last?.timestamp }
}

/** The table, and on a terminal how to go on. */
async function printTable(outputs, sessions, more) {
  const isShown = process.stdout.isTTY
  const told = sessions.map((session) => withLastOutput(outputs, session))
  await print(sessionTable(isShown ? withShortIds(told) : sessions))
  if (more && process.stdout.isTTY) {
    const last = printable(sessions.at(-1).id)
    await print(styled('dim', `More: --before ${last}\n`))
  }
}

/** Defines the command. */
export function define(command) {
  command
    .name('list')
    .summary('list the sessions, newest first')
    .description('List the sessions, newest first.')
    .addOption(
      new Option('--status <status>', 'only those that are in this state').choices(STATUSES),
    )
    .option('--limit <number>', 'so many at most (default: 50 on a terminal)', integer(1))
    .option('--before <id>', 'only those behind this one: the last of the page before')
  filterOptions(command, { which: 'only those' })
  examples(command, [
    ['gsd-sessions list', 'all of them'],
    ['gsd-sessions list --since 12h --dir .', 'what ran here today'],
    ['gsd-sessions list --limit 20 --before s-21', 'the page behind the session s-21'],
    ["gsd-sessions list --json | jq -r '.[].id'", 'the ids'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    return withReader(options, async (stores) => {
      const { sessions, outputs } = stores
      const { status } = options
      const isShown = process.stdout.isTTY && !options.json
      const limit = options.limit ?? (isShown ? ON_TERMINAL : undefined)
      const name = options.before
      const before = name === undefined ? undefined : sessions.get(resolveId(stores, name))
      if (options.before !== undefined && !before) {
        throw unknownSession(options.before)
      }
      // Reads one session more than asked for, to see whether there are more.
      const wanted = limit && limit + 1
      const found = isFiltered(options)
        ? filteredSessions(stores, options, { status, before }).slice(0, wanted)
        : sessions.list({ status, before, limit: wanted })
      const page = found.slice(0, limit)
      if (options.json) await print(`${jsonText(withRedactions(sessions, page))}\n`)
      else await printTable(outputs, page, found.length > page.length)
    })
  })
}
