// `gsd-sessions search`: the lines in which a text stands, as a person saw them.

import { MOMENTS } from '../amounts.mjs'
import { allOptions, examples, withReader } from '../command.mjs'
import { printMatches, searchFor, searchOptions } from '../matches.mjs'
import { filteredSessions, isFiltered, placeOptions, resolveId } from '../naming.mjs'

/** The matches in sessions, at most so many. */
async function* eachSession(outputs, ids, pattern, wanted, most) {
  let left = most
  for (const sessionId of ids) {
    const limit = left === Infinity ? undefined : left
    for await (const match of outputs.searchAsync(pattern, { ...wanted, sessionId, limit })) {
      yield match
      if (--left === 0) return
    }
  }
}

/** The ids of the sessions that are searched, in the order of their start; `undefined` for all. */
function searched(stores, { session, command, dir }) {
  if (!isFiltered({ command, dir })) {
    return [session === undefined ? undefined : resolveId(stores, session)]
  }
  const found = filteredSessions(stores, { command, dir }).map(({ id }) => id)
  if (session === undefined) return found.reverse()
  const id = resolveId(stores, session)
  return found.includes(id) ? [id] : []
}

/** Defines the command. */
export function define(command) {
  command
    .name('search')
    .summary('find lines in what sessions printed')
    .description(
      'Find lines in what sessions printed, as a person saw them: without escape sequences.',
    )
  searchOptions(command)
  placeOptions(command, { which: 'only in sessions' })
  examples(command, [
    ['gsd-sessions search "no such file"', 'where something was missing'],
    ['gsd-sessions search -e "error\\[E\\d+\\]" --session s-1', 'errors of the Rust compiler'],
    ["gsd-sessions search panic --json | jq -r '.matches[].line'", 'the lines alone'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action((pattern) => {
    const options = allOptions(command)
    return withReader(options, async (stores) => {
      const { outputs } = stores
      const wanted = searchFor(options)
      const found = (most) => eachSession(outputs, searched(stores, options), pattern, wanted, most)
      return printMatches(found, options.limit, options)
    })
  })
}
