// `gsd-fleet search`: the lines in which a text stands, on all machines.

import { allOptions, examples, MOMENTS, printMatches, searchFor, searchOptions } from 'gsd-sessions'
import { nameOf, resolve } from '../naming.mjs'
import { withFleet } from '../reading.mjs'

/** Matches whose session has its machine before it. */
async function* named(matches) {
  for await (const match of matches)
    yield { ...match, sessionId: nameOf({ host: match.host, id: match.sessionId }) }
}

/** Defines the command. */
export function define(command) {
  command
    .name('search')
    .summary('find lines in what sessions printed, on all machines')
    .description('Find lines in what the sessions of all machines printed, as a person saw them.')
  searchOptions(command)
  command.option('--host <name>', 'only on this machine')
  examples(command, [
    ['gsd-fleet search "no such file"', 'on which machine something was missing'],
    [
      'gsd-fleet search -e "error\\[E\\d+\\]" --since 1d',
      'errors of the Rust compiler since yesterday',
    ],
    ["gsd-fleet search panic --json | jq -r '.matches[].host' | sort -u", 'the machines'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action((pattern) =>
    withFleet(command, async (fleet, { session, host, ...options }) => {
      const where =
        session === undefined
          ? { host }
          : await resolve(fleet, session, { host }).then(({ id, store }) => ({
              sessionId: id,
              store,
            }))
      const find = (limit) => {
        const matches = fleet.search(pattern, { ...searchFor(options), ...where, limit })
        return allOptions(command).json ? matches : named(matches)
      }
      await printMatches(find, options.limit, options)
    }),
  )
}
