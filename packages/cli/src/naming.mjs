// How a session is named: by its id, by when it was, or by what it ran and where.

import { resolve, sep } from 'node:path'
import { moment } from './amounts.mjs'
import { Failure } from './command.mjs'

/** @import { ListOptions, SessionStore } from '@gsd/session-store' */
/** @import { Command } from 'commander' */

/**
 * What tells sessions apart. Other options may stand beside these.
 *
 * @typedef {{ command?: string, dir?: string, since?: Date }} Filter
 */

/** The failure of a call for a session that is not stored. */
export const unknownSession = (id) => new Failure(`there is no session ${JSON.stringify(id)}`)

/** The last code point: no id with a prefix stands behind the prefix and this. */
const LAST = '\u{10ffff}'

/** How many ids a message names. */
const NAMED = 5

/** The ids that start so. */
function startingWith({ connection }, prefix) {
  const sql = 'SELECT id FROM sessions WHERE id >= ? AND id < ? ORDER BY id LIMIT ?'
  return connection.db
    .prepare(sql)
    .pluck()
    .all(prefix, prefix + LAST, NAMED + 1)
}

/** How far back a name such as `last` or `last~2` is; `undefined` for any other. */
export function backOf(name) {
  const [matched, back = '0'] = /^last(?:~(\d{1,6}))?$/.exec(name) ?? []
  return matched === undefined ? undefined : Number(back)
}

/** The id of the session behind so many others, newest first. */
function idAt(sessions, back, filter = '') {
  const session = sessions[back]
  if (session) return session.id
  const condition = filter && (back > 0 ? ` that meet ${filter}` : ` that meets ${filter}`)
  const are = back > 0 ? `are no ${back + 1} sessions` : 'is no session'
  throw new Failure(`there ${are}${condition}`)
}

/**
 * The id of a session that is named: its id, the start of that if no other session has it, `last`, or `last~2`. With a
 * filter the last ones are those that meet it.
 *
 * @param {Filter} [filter]
 */
export function resolveId(stores, name, filter = {}) {
  const { sessions, outputs } = stores
  const back = backOf(name)
  if (isFiltered(filter)) {
    return idAt(filteredSessions(stores, filter), back, '--command, --dir and --since')
  }
  if (sessions.get(name) || outputs.read(name, { limit: 1 }).outputs.length > 0) return name
  if (back !== undefined) return idAt(sessions.list({ limit: back + 1 }), back)
  const found = name === '' ? [] : startingWith(stores, name)
  if (found.length === 0) throw unknownSession(name)
  if (found.length === 1) return found[0]
  const named = found.slice(0, NAMED).map((id) => JSON.stringify(id))
  const more = found.length > NAMED ? ', …' : ''
  throw new Failure(
    `${JSON.stringify(name)} is the start of several sessions: ${named.join(', ')}${more}`,
  )
}

/** What the help says of an argument that names a session. */
export const SESSION = 'the session: its id or the start of that, last, or last~2'

/** The same for several. */
export const SESSIONS = 'the sessions: ids or the start of them, last, or last~2'

/**
 * Adds the options that tell sessions apart by what they ran and where.
 *
 * @param {Command} command
 * @param {{ which?: string, commandForm?: string }} [texts]
 */
export function placeOptions(command, { which = 'the last one', commandForm = '<text>' } = {}) {
  return command
    .option(`--command ${commandForm}`, `${which} whose command or title has this in it`)
    .option('--dir <folder>', `${which} that worked in this folder or below it`)
}

/**
 * The same, and when they started. In the place of an id they name the last session that meets all of them.
 *
 * @param {Command} command
 * @param {{ which?: string, commandForm?: string }} [texts]
 */
export function filterOptions(command, { which = 'the last one', ...how } = {}) {
  const since = `${which} that started then or later (2h, 2026-03-01)`
  return placeOptions(command, { which, ...how }).option('--since <moment>', since, moment)
}

/**
 * Whether options tell sessions apart.
 *
 * @param {Filter} options
 */
export const isFiltered = ({ command, dir, since }) =>
  command !== undefined || dir !== undefined || since !== undefined

/** Whether a session worked in a folder or below it. */
function isBelow({ workingDir }, folder) {
  const root = folder.endsWith(sep) ? folder : `${folder}${sep}`
  return workingDir === folder || workingDir.startsWith(root)
}

/**
 * Whether a session meets a filter, apart from the moment.
 *
 * @param {Filter} filter
 */
export function meets({ command, dir }) {
  const text = command?.toLowerCase()
  const folder = dir === undefined ? undefined : resolve(dir)
  const has = (value) => value?.toLowerCase().includes(text) ?? false
  return (session) =>
    (text === undefined || has(session.currentCommand) || has(session.title)) &&
    (folder === undefined || isBelow(session, folder))
}

/**
 * The sessions that meet what {@link filterOptions} say, and of which `list` is told, newest first.
 *
 * @param {{ sessions: SessionStore<number> }} stores
 * @param {Filter} filter
 * @param {ListOptions} [how]
 */
export function filteredSessions({ sessions }, { since, ...filter }, how = {}) {
  return sessions.list({ since, ...how }).filter(meets(filter))
}

/**
 * The names of sessions in a command line, `count` at most, and the arguments behind them, `behind` at most. Beside a filter
 * there need be none.
 */
export function namesOf(command, options, { count = 1, behind = 0 } = {}) {
  const { args } = command
  if (!isFiltered(options)) {
    if (args.length === 0) command.error("error: missing required argument 'id'")
    return { names: args.slice(0, count), rest: args.slice(count) }
  }
  const isNamed = args.length > 0 && backOf(args[0]) !== undefined
  const rest = isNamed ? args.slice(1) : args
  if (rest.length > behind) {
    const how = 'beside --command, --dir and --since only last or last~2 names a session'
    command.error(`error: ${how}, not ${JSON.stringify(rest[0])}`)
  }
  return { names: [isNamed ? args[0] : 'last'], rest }
}
