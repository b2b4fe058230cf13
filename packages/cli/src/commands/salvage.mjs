// `gsd-sessions salvage`: what a damaged database still gives, in a new file.

import { salvage as salvageFile } from '@gsd/session-store'
import { allOptions, databasePath, examples } from '../command.mjs'
import { print } from '../streams.mjs'
import { jsonText, plural, printable } from '../style.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('salvage')
    .summary('store what a damaged database still gives in a new file')
    .description(
      'Store the sessions and the output that a damaged database still gives in a new file. The damaged one stays as it is.',
    )
    .argument('<file>', 'the new file')
  examples(command, [
    ['gsd-sessions salvage sessions-salvaged.db', 'then: restore sessions-salvaged.db'],
  ])
  return command.action(async (file) => {
    const options = allOptions(command)
    const report = await salvageFile(databasePath(options), file)
    if (options.json) return print(`${jsonText(report)}\n`)
    const { sessions, outputs, lost, problems } = report
    const count = (found) =>
      `${plural(found.sessions, 'session')}, ${plural(found.outputs, 'chunk')}`
    const lines = [
      `${printable(file)}: ${count({ sessions, outputs })}`,
      `lost: ${count(lost)}${lost.pages > 0 ? `, ${plural(lost.pages, 'page')}` : ''}`,
      ...problems.map((problem) => `  ${printable(problem)}`),
    ]
    return print(`${lines.join('\n')}\n`)
  })
}
