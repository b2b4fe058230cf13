// `gsd-sessions rename`: another title for a session.

import { allOptions, examples, resolveId, unknownSession, withWriter } from '../command.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable } from '../style.mjs'

/** Defines the command. */
export function rename(command) {
  command
    .name('rename')
    .summary('give a session another title')
    .description('Give a session another title, or none. Its id stays.')
    .argument('<id>', 'the session: its id or the start of that, last, or last~2')
    .argument('[title]', 'the title; none removes it')
  examples(command, [
    ["gsd-sessions rename last 'the build that failed'", 'what list and exports call it'],
    ['gsd-sessions rename last', 'without a title'],
  ])
  return command.action((name, title) => {
    const options = allOptions(command)
    return withWriter(options, async (stores) => {
      const id = resolveId(stores, name)
      if (!stores.sessions.update(id, { title: title ?? null })) throw unknownSession(id)
      if (options.json) return print(`${jsonText({ id, title })}\n`)
      const what = title === undefined ? 'has no title' : printable(title)
      return print(`${printable(id)}: ${what}\n`)
    })
  })
}
