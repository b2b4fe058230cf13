// `gsd-fleet prune`: removes old sessions, month by month.

import { examples, Failure, jsonText, MOMENTS, moment, plural, print } from 'gsd-sessions'
import { withFleet } from '../reading.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('prune')
    .summary('remove the sessions of old months')
    .description(
      'Remove the sessions that started before a month. Their tables are dropped, and they are not sent again.',
    )
    .option('--older-than <moment>', 'those of months before this moment (90d, 2026-03-01)', moment)
    .option('--dry-run', 'only tell what would be removed')
  examples(command, [
    ['gsd-fleet prune --older-than 365d --dry-run', 'what is older than a year'],
    ['gsd-fleet prune --older-than 365d', 'remove that'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action(() =>
    withFleet(command, async (fleet, { olderThan, dryRun, json }) => {
      if (olderThan === undefined) throw new Failure('--older-than says what is removed', 2)
      const report = await fleet.prune({ olderThan, dryRun })
      if (json) return print(`${jsonText(report)}\n`)
      const { before, sessions, dropped } = report
      const what = `${plural(sessions, 'session')} that started before ${before.toISOString().slice(0, 10)}`
      const how = dropped.length === 0 ? '' : `, by dropping ${plural(dropped.length, 'table')}`
      await print(`${dryRun ? 'would remove' : 'removed'} ${what}${how}\n`)
    }),
  )
}
