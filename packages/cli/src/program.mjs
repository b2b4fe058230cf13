// The command line: every command, and the program that has them.

import { readFileSync } from 'node:fs'
import { commonOptions } from './command.mjs'
import { newProgram } from './main.mjs'

/** Every command, in the order of the help. Each has a module of this name in `commands/`, which defines it. */
export const COMMANDS = [
  'record',
  'list',
  'pick',
  'show',
  'tail',
  'play',
  'search',
  'export',
  'stats',
  'rename',
  'seal',
  'unseal',
  'prune',
  'delete',
  'pin',
  'unpin',
  'fail-orphans',
  'scrub',
  'redact',
  'verify',
  'backup',
  'restore',
  'salvage',
  'mcp',
  'dashboard',
  'completion',
]

/** What shells ask for completions. It is in no help. */
const HIDDEN = 'complete'

/** The command that words name, if that is certain. */
export function commandOf(words) {
  const at = words.findIndex((word, i) => !word.startsWith('-') && words[i - 1] !== '--db')
  const name = words[at]
  return COMMANDS.includes(name) || name === HIDDEN ? name : undefined
}

/** The program with all commands, or only with one, so that it starts at once. */
export async function programWith(wanted) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const program = commonOptions(
    newProgram({
      name: 'gsd-sessions',
      version,
      description:
        'Coding sessions and their terminal output in an SQLite file: record, read, search, prune.',
      examples: [
        ['gsd-sessions record -- npm test', 'run a command and store what it prints'],
        ['gsd-sessions list --status failed', 'what went wrong'],
        ['gsd-sessions tail -f s-1', 'watch a session that another process records'],
      ],
    }),
  )
  const names = wanted === undefined ? COMMANDS : [wanted]
  const modules = await Promise.all(names.map((name) => import(`./commands/${name}.mjs`)))
  for (const { define } of modules) {
    const command = define(program.createCommand()).copyInheritedSettings(program)
    program.addCommand(commonOptions(command), { hidden: command.name() === HIDDEN })
  }
  return program
}
