// `gsd-fleet tail`: the last lines of a session, and those to come.

import { examples, tail, tailOptions } from 'gsd-sessions'
import { filterOptions, SESSION } from '../naming.mjs'
import { withSession } from '../reading.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('tail')
    .summary('print the last lines of a session, and those to come')
    .description('Print the last lines of a session.')
    .argument('<id>', SESSION)
  tailOptions(command)
  filterOptions(command, 'a session')
  examples(command, [
    ['gsd-fleet tail -n 50 build-7/s-1', 'the last 50 lines'],
    ['gsd-fleet tail -f last --host build-7', 'watch what a machine does'],
  ])
  return command.action((name) =>
    withSession(command, name, (stores, session, { fleet, options, signal }) =>
      tail(stores, stores.id, options, (after) => fleet.follow(session, { after, signal })),
    ),
  )
}
