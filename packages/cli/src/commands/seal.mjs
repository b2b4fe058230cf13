// `gsd-sessions seal`: puts the output of sessions that are over into compressed blocks.

import { moment, MOMENTS } from '../amounts.mjs'
import { allOptions, examples, integer, withReader, withWriter } from '../command.mjs'
import { SESSION } from '../naming.mjs'
import { idsOf, tell, withBar } from '../sealing.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('seal')
    .summary('put the output of sessions that are over into a tenth of the space')
    .description(
      'Put the output of sessions that are over into compressed blocks, which take about a tenth of the space. All commands and ' +
        'programs with this package read it as before; older versions of it cannot open the file until `unseal --all`.',
    )
    .argument('[id...]', `${SESSION} (default: all that are over)`)
    .option(
      '--older-than <moment>',
      'those that were over, and printed their last, before (30d)',
      moment,
    )
    .option('--keep-last <number>', 'none of the newest so many', integer(0))
    .option('--force', 'also where triggers, tables or columns of others stand in the way')
    .option('--dry-run', 'only tell what would be sealed')
  examples(command, [
    ['gsd-sessions seal --older-than 7d', 'once a day'],
    ['gsd-sessions seal last', 'the last session'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action((names) => {
    const options = allOptions(command)
    const { olderThan, keepLast, force, dryRun } = options
    const howFor = (stores) => ({ olderThan, keepLast, force, sessionIds: idsOf(stores, names) })
    if (dryRun) {
      return withReader(options, async (stores) => {
        const report = await stores.connection.seal({ ...howFor(stores), dryRun })
        return tell(report, 'would be sealed', options)
      })
    }
    return withWriter(options, async (stores) => {
      const how = howFor(stores)
      const plan = await stores.connection.seal({ ...how, dryRun: true })
      const seal = (told) => stores.connection.seal({ ...how, ...told })
      return tell(await withBar(plan.outputs, seal), 'sealed', options)
    })
  })
}
