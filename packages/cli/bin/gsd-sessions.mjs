#!/usr/bin/env node
// The command `gsd-sessions`: what the package does, from a shell.

import { CommanderError } from 'commander'
import { EXIT, Failure } from '../src/command.mjs'
import { commandOf, programWith } from '../src/program.mjs'
import { complain, endQuietlyWithoutReader, tellWarnings } from '../src/streams.mjs'

/** `tail -5` means `tail -n 5`, as it does elsewhere. */
function withNumbers(args) {
  const at = args.indexOf('tail')
  if (at === -1 || args.slice(0, at).includes('record')) return args
  return args.map((arg, i) => (i > at && /^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg))
}

const args = withNumbers(process.argv.slice(2))

endQuietlyWithoutReader()
tellWarnings()

try {
  const program = await programWith(commandOf(args))
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
