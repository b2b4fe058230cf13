// How a session of a fleet is named: by its id, by its host and its id, or by when it was.

import { backOf, Failure, moment } from 'gsd-sessions'

/** What the help says of an argument that names a session. */
export const SESSION = 'the session: its id or the start of that, host/id, last, or last~2'

/** How many sessions a message names. */
const NAMED = 5

/** Adds the options that tell sessions apart. */
export const filterOptions = (command, which) =>
  command
    .option('--host <name>', `${which} of this machine`)
    .option('--command <text>', `${which} whose command or title has this in it`)
    .option('--dir <folder>', `${which} that worked in this folder or below it`)
    .option('--since <moment>', `${which} that started then or later (2h, 2026-03-01)`, moment)

/** What {@link filterOptions} say, as a fleet takes it. */
export const filterOf = ({ host, command, dir, since }) => ({
  host,
  command,
  workingDir: dir,
  since,
})

/** A session with its machine, as people name it. */
export const nameOf = ({ host, id }) => `${host}/${id}`

/** One of the sessions that were found. */
function only(name, found) {
  if (found.length === 1) return found[0]
  const named = found.slice(0, NAMED).map((session) => JSON.stringify(nameOf(session)))
  const more = found.length > NAMED ? ', …' : ''
  throw new Failure(`${JSON.stringify(name)} names several sessions: ${named.join(', ')}${more}`)
}

/** The session that is named. */
export async function resolve(fleet, name, options) {
  const filter = filterOf(options)
  const limit = NAMED + 1
  const exact = await fleet.list({ ...filter, id: name, limit })
  if (exact.length > 0) return only(name, exact)
  const [, host, id] = /^([^/]*)\/(.*)$/s.exec(name) ?? []
  if (id !== undefined) {
    const [found] = await fleet.list({ ...filter, host, id, limit: 1 })
    if (found) return found
  }
  const back = backOf(name)
  if (back !== undefined) {
    const found = (await fleet.list({ ...filter, limit: back + 1 }))[back]
    if (found === undefined) throw new Failure(`there are no ${back + 1} sessions that meet this`)
    return found
  }
  const starting = name === '' ? [] : await fleet.list({ ...filter, prefix: name, limit })
  if (starting.length === 0) throw new Failure(`there is no session ${JSON.stringify(name)}`)
  return only(name, starting)
}
