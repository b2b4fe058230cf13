// `gsd-sessions fail-orphans`: after a crash, sessions that say that they are at work.

import { allOptions, examples, withReader, withWriter } from '../command.mjs'
import { sessionTable } from '../session-table.mjs'
import { print } from '../streams.mjs'
import { jsonText } from '../style.mjs'

/** Defines the command. */
export function failOrphans(command) {
  command
    .name('fail-orphans')
    .summary('mark sessions as failed whose process is gone')
    .description(
      'Mark sessions as failed that are said to be at work and whose process is gone. Only on the machine, and ' +
        'in the container, that they ran in.',
    )
    .option('--dry-run', 'only tell which')
  examples(command, [
    ['gsd-sessions fail-orphans --dry-run', 'see which'],
    ['gsd-sessions fail-orphans', 'mark them'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const { dryRun, json } = options
    const open = dryRun ? withReader : withWriter
    return open(options, async ({ sessions }) => {
      const found = sessions.failOrphans({ dryRun })
      if (json) return print(`${jsonText(found)}\n`)
      if (found.length === 0) return print('none\n')
      return print(sessionTable(found))
    })
  })
}
