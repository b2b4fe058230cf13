#!/usr/bin/env node
// The command `gsd-sessions`: what the package does, from a shell.

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { commonOptions, examples, EXIT, Failure } from '../src/command.mjs'
import { complain, endQuietlyWithoutReader, tellWarnings } from '../src/streams.mjs'
import { printable } from '../src/style.mjs'

/** Every command, in the order of the help: its module, and the function that defines it. */
const COMMANDS = {
  record: ['record', 'record'],
  list: ['list', 'list'],
  show: ['show', 'show'],
  tail: ['tail', 'tail'],
  play: ['play', 'play'],
  search: ['search', 'search'],
  export: ['export', 'exportSession'],
  stats: ['stats', 'stats'],
  rename: ['rename', 'rename'],
  prune: ['prune', 'prune'],
  delete: ['delete', 'deleteSessions'],
  pin: ['pin', 'pin'],
  unpin: ['pin', 'unpin'],
  'fail-orphans': ['fail-orphans', 'failOrphans'],
  scrub: ['scrub', 'scrub'],
  verify: ['verify', 'verify'],
  backup: ['backup', 'backup'],
  restore: ['restore', 'restore'],
  salvage: ['salvage', 'salvage'],
}

/** `tail -5` means `tail -n 5`, as it does elsewhere. */
function withNumbers(args) {
  const at = args.indexOf('tail')
  if (at === -1 || args.slice(0, at).includes('record')) return args
  return args.map((arg, i) => (i > at && /^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg))
}

/** The command that the arguments name, if that is certain. */
function commandOf(args) {
  const at = args.findIndex((arg, i) => !arg.startsWith('-') && args[i - 1] !== '--db')
  return Object.hasOwn(COMMANDS, args[at]) ? args[at] : undefined
}

/** What defines the commands: only that which is called, so that it starts at once, or all of them for the help. */
function definitions(args) {
  const wanted = commandOf(args)
  const found = wanted === undefined ? Object.values(COMMANDS) : [COMMANDS[wanted]]
  const load = async ([file, name]) => (await import(`../src/commands/${file}.mjs`))[name]
  return Promise.all(found.map(load))
}

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

const args = withNumbers(process.argv.slice(2))
for (const command of await definitions(args)) {
  const added = command(program.createCommand()).copyInheritedSettings(program)
  program.addCommand(commonOptions(added))
}

endQuietlyWithoutReader()
tellWarnings()

try {
  await program.parseAsync(args, { from: 'user' })
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed it; help that was asked for is no failure.
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  } else {
    complain(error)
    process.exitCode = error instanceof Failure ? error.exitCode : EXIT.failure
  }
}
