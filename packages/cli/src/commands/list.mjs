// `gsd-sessions list`: the sessions in a table.

import { Option } from 'commander'
import { allOptions, examples, integer, unknownSession, withReader } from '../command.mjs'
import { sessionTable } from '../session-table.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable, styled } from '../style.mjs'

const STATUSES = ['idle', 'running', 'waiting_checkpoint', 'completed', 'failed']

/** The table, and on a terminal how to go on. */
async function printTable(sessions, more) {
  await print(sessionTable(sessions))
  if (more && process.stdout.isTTY) {
    const last = printable(sessions.at(-1).id)
    await print(styled('dim', `More: --before ${last}\n`))
  }
}

/** Defines the command. */
export function list(command) {
  command
    .name('list')
    .summary('list the sessions, newest first')
    .description('List the sessions, newest first.')
    .addOption(
      new Option('--status <status>', 'only those that are in this state').choices(STATUSES),
    )
    .option('--limit <number>', 'so many at most', integer(1))
    .option('--before <id>', 'only those behind this one: the last of the page before')
  examples(command, [
    ['gsd-sessions list', 'all of them'],
    ['gsd-sessions list --limit 20 --before s-21', 'the page behind the session s-21'],
    ["gsd-sessions list --json | jq -r '.[].id'", 'the ids'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    return withReader(options, async ({ sessions }) => {
      const { status, limit } = options
      const before = options.before === undefined ? undefined : sessions.get(options.before)
      if (options.before !== undefined && !before) {
        throw unknownSession(options.before)
      }
      // Reads one session more than asked for, to see whether there are more.
      const found = sessions.list({ status, before, limit: limit && limit + 1 })
      const page = found.slice(0, limit)
      if (options.json) await print(`${jsonText(page)}\n`)
      else await printTable(page, found.length > page.length)
    })
  })
}
