// `gsd-fleet init`: makes the tables of a cluster, or those that it lacks.

import { allOptions, examples, jsonText, plural, print, printable } from 'gsd-sessions'
import { Cluster } from '../cluster.mjs'
import { plan, run } from '../schema.mjs'

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
    const cluster = new Cluster(to)
    try {
      const planned = await plan(cluster)
      const { kind, statements } = planned
      if (json) await print(`${jsonText({ address: cluster.shown, kind, statements })}\n`)
      else if (dryRun) await print(statements.map((sql) => `${sql};\n`).join(''))
      if (dryRun) return
      await run(cluster, planned)
      if (json) return
      const done =
        statements.length === 0 ? 'nothing to do' : plural(statements.length, 'statement')
      await print(`${printable(cluster.shown)}: ${KINDS[kind]}, ${done}\n`)
    } finally {
      await cluster.close()
    }
  })
}
