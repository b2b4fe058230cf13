// How a session of a fleet is named: by its id, by its host or its file and its id, or by when it was.

import { backOf, Failure, moment } from 'gsd-sessions'

/** What the help says of an argument that names a session. */
export const SESSION =
  'the session: its id or the start of that, host/id, store/id, last, or last~2'

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

/** Characters of the UUID of a file in a name. */
const OF_FILE = 8

/** The same with its file, which one machine may have several of. */
const fileNameOf = ({ store, id }) => `${store.slice(0, OF_FILE)}/${id}`

/** The same with the moment when it started: a file may have had several sessions of one id, one after the other. */
export const fullNameOf = (session) => `${fileNameOf(session)}@${session.startedAt.getTime()}`

/** One of the sessions that were found. */
function only(name, found) {
  if (found.length === 1) return found[0]
  const named = found.slice(0, NAMED).map((session, _, all) => {
    const names = [nameOf, fileNameOf, fullNameOf]
    const isOne = (of) => all.every((other) => other === session || of(other) !== of(session))
    return JSON.stringify((names.find(isOne) ?? fullNameOf)(session))
  })
  const more = found.length > NAMED ? ', …' : ''
  throw new Failure(`${JSON.stringify(name)} names several sessions: ${named.join(', ')}${more}`)
}

/** The sessions of a file with an id, which may have the moment of the start behind it. */
async function inFile(fleet, start, id, filter) {
  if (start.length < OF_FILE) return []
  const { stores } = await fleet.status()
  const file = stores.find(({ store }) => store.startsWith(start))
  if (file === undefined) return []
  const found = await fleet.list({ ...filter, store: file.store, id })
  const [, own, at] = /^(.*)@(\d{1,15})$/s.exec(id) ?? []
  if (found.length > 0 || own === undefined) return found
  const started = new Date(Number(at))
  return fleet.list({ ...filter, store: file.store, id: own, since: started, until: started })
}

/** The session that is named. */
export async function resolve(fleet, name, options) {
  const filter = filterOf(options)
  const limit = NAMED + 1
  const exact = await fleet.list({ ...filter, id: name, limit })
  if (exact.length > 0) return only(name, exact)
  const [, where, id] = /^([^/]*)\/(.*)$/s.exec(name) ?? []
  if (id !== undefined) {
    const found = await fleet.list({ ...filter, host: where, id, limit })
    if (found.length > 0) return only(name, found)
    const ofFile = await inFile(fleet, where, id, { ...filter, limit })
    if (ofFile.length > 0) return only(name, ofFile)
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
