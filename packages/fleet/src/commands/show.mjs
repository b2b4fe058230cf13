// `gsd-fleet show`: one session and everything that it printed.

import { examples, show, showOptions } from 'gsd-sessions'
import { filterOptions, SESSION } from '../naming.mjs'
import { withSession } from '../reading.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('show')
    .summary('show a session and everything that it printed')
    .description('Show a session and everything that it printed.')
    .argument('<id>', SESSION)
  showOptions(command)
  filterOptions(command, 'a session')
  examples(command, [
    ['gsd-fleet show build-7/s-1', 'the session and its output'],
    ['gsd-fleet show last --host build-7', 'the last one of a machine'],
    ['gsd-fleet show --output s-1 > s-1.log', 'what it printed, to the byte'],
  ])
  return command.action((name) =>
    withSession(command, name, (stores, { host }, { options }) =>
      show(stores, stores.id, { ...options, host }),
    ),
  )
}
