// `gsd-sessions unpin`: has sessions pruned again.

import { examples } from '../command.mjs'
import { filterOptions, SESSIONS } from '../naming.mjs'
import { changeAll } from './pin.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('unpin')
    .summary('have them pruned as any other')
    .description('Have sessions pruned as any other.')
    .argument('[id...]', SESSIONS)
  filterOptions(command)
  examples(command, [['gsd-sessions unpin s-1', 'prune may remove it again']])
  return command.action(() =>
    changeAll(command, (sessions, id) => sessions.unpin(id), 'not pinned'),
  )
}
