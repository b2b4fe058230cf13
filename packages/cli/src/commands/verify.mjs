// `gsd-sessions verify`: whether the file is sound.

import { allOptions, examples, EXIT, withReader } from '../command.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable, styled } from '../style.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('verify')
    .summary('look whether the database is sound')
    .description('Look whether the database is sound. It exits with 1 if it is not.')
  examples(command, [
    ['gsd-sessions verify', 'the default database'],
    ['gsd-sessions verify --db backup.db', 'a backup'],
    ["gsd-sessions verify --json | jq '.problems'", 'what is wrong'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    return withReader(options, async ({ connection }) => {
      const report = connection.verify()
      if (!report.ok) process.exitCode = EXIT.failure
      if (options.json) return print(`${jsonText(report)}\n`)
      if (report.ok) return print(`${styled('green', 'ok')}\n`)
      return print(report.problems.map((problem) => `${printable(problem)}\n`).join(''))
    })
  })
}
