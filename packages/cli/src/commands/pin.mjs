// `gsd-sessions pin` and `unpin`: which sessions pruning leaves alone.

import { allOptions, examples, resolveId, unknownSession, withWriter } from '../command.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable } from '../style.mjs'

/** Runs `change` on every session, once all of them are known. */
function changeAll(command, names, change, words) {
  const options = allOptions(command)
  return withWriter(options, async (stores) => {
    const { sessions } = stores
    const ids = names.map((name) => resolveId(stores, name))
    const unknown = ids.find((id) => sessions.get(id) === undefined)
    if (unknown !== undefined) throw unknownSession(unknown)
    for (const id of ids) change(sessions, id)
    const pinned = ids.map((id) => ({ id, pinned: sessions.isPinned(id) }))
    if (options.json) return print(`${jsonText(pinned)}\n`)
    return print(ids.map((id) => `${printable(id)}: ${words}\n`).join(''))
  })
}

/** Defines the command `pin`. */
export function pin(command) {
  command
    .name('pin')
    .summary('keep sessions from being pruned')
    .description('Keep sessions from being pruned.')
    .argument('<id...>', 'the sessions')
  examples(command, [['gsd-sessions pin s-1 s-2', 'prune leaves them alone']])
  return command.action((ids) =>
    changeAll(command, ids, (sessions, id) => sessions.pin(id), 'pinned'),
  )
}

/** Defines the command `unpin`. */
export function unpin(command) {
  command
    .name('unpin')
    .summary('have them pruned as any other')
    .description('Have sessions pruned as any other.')
    .argument('<id...>', 'the sessions')
  examples(command, [['gsd-sessions unpin s-1', 'prune may remove it again']])
  return command.action((ids) =>
    changeAll(command, ids, (sessions, id) => sessions.unpin(id), 'not pinned'),
  )
}
