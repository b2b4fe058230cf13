// `gsd-sessions rename`: another title for a session.

import { allOptions, examples, withWriter } from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSION, unknownSession } from '../naming.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable } from '../style.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('rename')
    .summary('give a session another title')
    .description('Give a session another title, or none. Its id stays.')
    .argument('[id]', SESSION)
    .argument('[title]', 'the title; none removes it')
  filterOptions(command)
  examples(command, [
    ["gsd-sessions rename last 'the build that failed'", 'what list and exports call it'],
    ['gsd-sessions rename last', 'without a title'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const {
      names: [name],
      rest: [title],
    } = namesOf(command, options, { behind: 1 })
    return withWriter(options, async (stores) => {
      const id = resolveId(stores, name, options)
      if (!stores.sessions.update(id, { title: title ?? null })) throw unknownSession(id)
      if (options.json) return print(`${jsonText({ id, title })}\n`)
      const what = title === undefined ? 'has no title' : printable(title)
      return print(`${printable(id)}: ${what}\n`)
    })
  })
}
