// `gsd-sessions pin`: sessions that pruning leaves alone.

import { allOptions, examples, withWriter } from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSIONS, unknownSession } from '../naming.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable } from '../style.mjs'

/** Runs `change` on every session that the command names, once all of them are known. */
export function changeAll(command, change, words) {
  const options = allOptions(command)
  const { names } = namesOf(command, options, { count: Infinity })
  return withWriter(options, async (stores) => {
    const { sessions } = stores
    const ids = names.map((name) => resolveId(stores, name, options))
    const unknown = ids.find((id) => sessions.get(id) === undefined)
    if (unknown !== undefined) throw unknownSession(unknown)
    for (const id of ids) change(sessions, id)
    const pinned = ids.map((id) => ({ id, pinned: sessions.isPinned(id) }))
    if (options.json) return print(`${jsonText(pinned)}\n`)
    return print(ids.map((id) => `${printable(id)}: ${words}\n`).join(''))
  })
}

/** Defines the command. */
export function define(command) {
  command
    .name('pin')
    .summary('keep sessions from being pruned')
    .description('Keep sessions from being pruned.')
    .argument('[id...]', SESSIONS)
  filterOptions(command)
  examples(command, [['gsd-sessions pin s-1 s-2', 'prune leaves them alone']])
  return command.action(() => changeAll(command, (sessions, id) => sessions.pin(id), 'pinned'))
}
