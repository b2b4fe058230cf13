// What every program here does around its commands: it prints what is wrong in one line, and ends with a code that says so.

import { Command, CommanderError } from 'commander'
import { EXIT, examples, Failure } from './command.mjs'
import { callProgram, complain, endQuietlyWithoutReader, tellWarnings } from './streams.mjs'
import { printable } from './style.mjs'

/** A program without commands. */
export function newProgram({ name, version, description, examples: pairs }) {
  const program = new Command(name)
    .description(description)
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
  return examples(program, pairs)
}

/** Runs the program that `make` gives with arguments. */
export async function run(name, make, args) {
  callProgram(name)
  endQuietlyWithoutReader()
  tellWarnings()
  try {
    const program = await make()
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
}

/** `tail -5` means `tail -n 5`, as it does elsewhere. */
export function withNumbers(args) {
  const at = args.indexOf('tail')
  if (at === -1 || args.slice(0, at).includes('record')) return args
  return args.map((arg, i) => (i > at && /^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg))
}
