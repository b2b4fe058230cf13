// `gsd-fleet list`: the sessions of all machines in a table.

import {
  examples,
  integer,
  jsonText,
  print,
  printable,
  sessionTable,
  styled,
  STATUSES,
} from 'gsd-sessions'
import { Option } from 'commander'
import { filterOf, filterOptions, fullNameOf, resolve } from '../naming.mjs'
import { withFleet } from '../reading.mjs'

/** How many are listed, unless more are asked for. */
const MOST = 50

/** Defines the command. */
export function define(command) {
  command
    .name('list')
    .summary('list the sessions of all machines, newest first')
    .description('List the sessions of all machines, newest first.')
    .addOption(
      new Option('--status <status>', 'only those that are in this state').choices(STATUSES),
    )
    .option('--limit <number>', 'so many at most', integer(1), MOST)
    .option('--before <name>', 'only those behind this one: the last of the page before')
    .option('--no-removed', 'without those that their machines have removed')
  filterOptions(command, 'only those')
  examples(command, [
    ['gsd-fleet list --status failed --since 1d', 'what went wrong since yesterday'],
    ['gsd-fleet list --host build-7 --limit 5', 'what a machine did last'],
    ["gsd-fleet list --json | jq -r '.[].host' | sort | uniq -c", 'how much each of them did'],
  ])
  return command.action(() =>
    withFleet(command, async (fleet, options) => {
      const { status, limit, json, removed } = options
      const before =
        options.before === undefined ? undefined : await resolve(fleet, options.before, {})
      // Reads one session more than asked for, to see whether there are more.
      const found = await fleet.list({
        ...filterOf(options),
        status,
        removed,
        before,
        limit: limit + 1,
      })
      const page = found.slice(0, limit)
      if (json) return print(`${jsonText(page)}\n`)
      await print(sessionTable(page))
      if (found.length > limit && process.stdout.isTTY) {
        await print(styled('dim', `More: --before ${printable(fullNameOf(page.at(-1)))}\n`))
      }
    }),
  )
}
