// `gsd-fleet export`: what a session printed, in a file of its own or on the standard output.

import { allOptions, examples, exportFor, exportOptions, exportSession } from 'gsd-sessions'
import { filterOptions, SESSION } from '../naming.mjs'
import { withSession } from '../reading.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('export')
    .summary('write what a session printed to a file')
    .description('Write what a session printed to a file, or without one to the standard output.')
    .argument('<id>', SESSION)
  exportOptions(command)
  filterOptions(command, 'a session')
  examples(command, [
    ['gsd-fleet export build-7/s-1 s-1.html --player', 'a page that plays the session'],
    ['gsd-fleet export s-1 --format text | less', 'read it'],
  ])
  return command.action((name, target) => {
    const file = target === '-' ? undefined : target
    const how = exportFor(command, file, allOptions(command))
    return withSession(command, name, (stores) => exportSession(stores, stores.id, file, how))
  })
}
