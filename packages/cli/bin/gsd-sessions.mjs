#!/usr/bin/env node
// The command `gsd-sessions`: what the package does, from a shell.

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { backup } from '../src/commands/backup.mjs'
import { deleteSessions } from '../src/commands/delete.mjs'
import { exportSession } from '../src/commands/export.mjs'
import { failOrphans } from '../src/commands/fail-orphans.mjs'
import { list } from '../src/commands/list.mjs'
import { pin, unpin } from '../src/commands/pin.mjs'
import { play } from '../src/commands/play.mjs'
import { prune } from '../src/commands/prune.mjs'
import { record } from '../src/commands/record.mjs'
import { rename } from '../src/commands/rename.mjs'
import { restore } from '../src/commands/restore.mjs'
import { salvage } from '../src/commands/salvage.mjs'
import { scrub } from '../src/commands/scrub.mjs'
import { search } from '../src/commands/search.mjs'
import { show } from '../src/commands/show.mjs'
import { stats } from '../src/commands/stats.mjs'
import { tail } from '../src/commands/tail.mjs'
import { verify } from '../src/commands/verify.mjs'
import { commonOptions, examples, EXIT, Failure } from '../src/command.mjs'
import { complain, endQuietlyWithoutReader, tellWarnings } from '../src/streams.mjs'
import { printable } from '../src/style.mjs'

/** Every command, in the order of the help. */
const COMMANDS = [
  record,
  list,
  show,
  tail,
  play,
  search,
  exportSession,
  stats,
  rename,
  prune,
  deleteSessions,
  pin,
  unpin,
  failOrphans,
  scrub,
  verify,
  backup,
  restore,
  salvage,
]

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

const program = commonOptions(new Command('gsd-sessions'))
  .description(
    'Coding sessions and their terminal output in an SQLite file: record, read, search, prune.',
  )
  .version(version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  // What follows the command that is recorded belongs to that command.
  .enablePositionalOptions()
  // A message quotes arguments, which may have come from a file.
  .configureOutput({
    outputError: (text, write) => write(text.split('\n').map(printable).join('\n')),
  })
  .exitOverride()

examples(program, [
  ['gsd-sessions record -- npm test', 'run a command and store what it prints'],
  ['gsd-sessions list --status failed', 'what went wrong'],
  ['gsd-sessions tail -f s-1', 'watch a session that another process records'],
])

for (const command of COMMANDS) {
  const added = command(program.createCommand()).copyInheritedSettings(program)
  program.addCommand(commonOptions(added))
}

endQuietlyWithoutReader()
tellWarnings()

/** `tail -5` means `tail -n 5`, as it does elsewhere. */
function withNumbers(args) {
  const at = args.indexOf('tail')
  if (at === -1 || args.slice(0, at).includes('record')) return args
  return args.map((arg, i) => (i > at && /^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg))
}

try {
  await program.parseAsync([...process.argv.slice(0, 2), ...withNumbers(process.argv.slice(2))])
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed it; help that was asked for is no failure.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  } else {
    complain(error)
    process.exitCode = error instanceof Failure ? error.exitCode : EXIT.failure
  }
}
