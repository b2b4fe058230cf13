#!/usr/bin/env node
// The command `gsd-sessions`: what the package does, from a shell.

import { run, withNumbers } from '../src/main.mjs'
import { commandOf, programWith } from '../src/program.mjs'

const args = withNumbers(process.argv.slice(2))
await run('gsd-sessions', () => programWith(commandOf(args)), args)
