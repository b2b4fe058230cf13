// The command line: every command, and the program that has them.

import { readFileSync } from 'node:fs'
import { newProgram } from 'gsd-sessions'

/** Every command, in the order of the help. Each has a module of this name in `commands/`, which defines it. */
const COMMANDS = ['init', 'push', 'list', 'show', 'tail', 'search', 'export', 'status', 'prune']

/** Adds the options that every command has. */
const common = (command) =>
  command
    .option(
      '--to <url>',
      'the cluster: postgres://… (default: $GSD_FLEET_URL, or the PG* variables)',
    )
    .option('--json', 'print JSON, for programs')

/** The program with all commands. */
export async function programOf() {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const program = common(
    newProgram({
      name: 'gsd-fleet',
      version,
      description:
        'The sessions of many machines in one PostgreSQL-wire cluster: send, list, read, search.',
      examples: [
        ['gsd-fleet init --to postgres://db.example.com/fleet', 'make the tables'],
        ['gsd-fleet push --watch', 'send what this machine records'],
        ['gsd-fleet search "no such file"', 'on which machine something was missing'],
      ],
    }),
  )
  for (const name of COMMANDS) {
    const { define } = await import(`./commands/${name}.mjs`)
    program.addCommand(common(define(program.createCommand()).copyInheritedSettings(program)))
  }
  return program
}
