// `gsd-fleet status`: what a cluster has, and from whom.

import { examples, jsonText, localTime, print, printable, table } from 'gsd-sessions'
import { withFleet } from '../reading.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('status')
    .summary('tell what the cluster has, and from which machines')
    .description('Tell what the cluster has, and from which machines.')
  examples(command, [
    ['gsd-fleet status', 'which machines send, and when they did last'],
    ["gsd-fleet status --json | jq '.stores | length'", 'how many files there are'],
  ])
  return command.action(() =>
    withFleet(command, async (fleet, { json }) => {
      const status = await fleet.status()
      if (json) return print(`${jsonText(status)}\n`)
      const { address, kind, version, partitionsUntil, keptFrom, stores } = status
      const lines = [
        ['Cluster', printable(address)],
        ['Kind', kind],
        ['Tables', `version ${version}`],
        ['Months', partitionsUntil && `until ${partitionsUntil.toISOString().slice(0, 10)}`],
        ['Kept', keptFrom && `from ${keptFrom.toISOString().slice(0, 10)}`],
      ]
      const shown = lines
        .filter(([, value]) => value)
        .map(([name, value]) => `${name.padEnd(7)}  ${value}\n`)
      await print(`${shown.join('')}\n`)
      const rows = stores.map(({ host, store, sessions, pushedAt, path }) => [
        host,
        store.slice(0, 8),
        sessions,
        pushedAt ? localTime(pushedAt) : '',
        path,
      ])
      await print(table(['HOST', 'STORE', 'SESSIONS', 'LAST PUSH', 'FILE'], rows))
    }),
  )
}
