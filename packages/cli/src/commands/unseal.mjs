// `gsd-sessions unseal`: brings sealed sessions back into rows.

import { allOptions, examples, withWriter } from '../command.mjs'
import { SESSION } from '../naming.mjs'
import { idsOf, tell, withBar } from '../sealing.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('unseal')
    .summary('bring sealed sessions back into rows')
    .description(
      'Bring the output of sealed sessions back into rows, as it was. With --all, older versions of this package can open the file ' +
        'again.',
    )
    .argument('[id...]', SESSION)
    .option('--all', 'all that are sealed')
  examples(command, [
    ['gsd-sessions unseal last', 'the last session'],
    ['gsd-sessions unseal --all', 'before another program of the plan opens the file'],
  ])
  return command.action((names) => {
    const options = allOptions(command)
    const { all } = options
    if ((names.length === 0) === (all !== true)) {
      command.error('error: which sessions? Give their ids, or --all')
    }
    return withWriter(options, async (stores) => {
      const which = all ? { all } : { sessionIds: idsOf(stores, names) }
      const { outputs } = stores.connection.stats({ sessions: 0 })
      const unseal = (told) => stores.connection.unseal({ ...which, ...told })
      return tell(await withBar(outputs, unseal), 'brought back', options)
    })
  })
}
