// `gsd-fleet init`: makes the tables of a cluster, or those that it lacks.

import { allOptions, examples, jsonText, plural, print, printable } from 'gsd-sessions'
import { Fleet } from '../fleet.mjs'

/** What a cluster is called. */
const KINDS = {
  postgresql: 'PostgreSQL',
  citus: 'Citus',
  cockroachdb: 'CockroachDB',
  yugabytedb: 'YugabyteDB',
}

/** Defines the command. */
export function define(command) {
  command
    .name('init')
    .summary('make the tables, or those that are missing')
    .description(
      'Make the tables of a cluster, or what they lack: partitions for the months to come. Nothing else changes its schema.',
    )
    .option('--dry-run', 'print the statements, and run none')
  examples(command, [
    ['gsd-fleet init --dry-run', 'what would be done'],
    ['gsd-fleet init', 'do it; once a year, for the months to come'],
  ])
  return command.action(async () => {
    const { to, dryRun, json } = allOptions(command)
    const fleet = new Fleet({ to })
    try {
      const { address, kind, statements } = await fleet.init({ dryRun })
      if (json) return print(`${jsonText({ address, kind, statements })}\n`)
      if (dryRun) return print(statements.map((sql) => `${sql};\n`).join(''))
      const done =
        statements.length === 0 ? 'nothing to do' : plural(statements.length, 'statement')
      await print(`${printable(address)}: ${KINDS[kind]}, ${done}\n`)
    } finally {
      await fleet.close()
    }
  })
}
