#!/usr/bin/env node
// The command `gsd-fleet`: the sessions of many machines, from a shell.

import { run, withNumbers } from 'gsd-sessions'
import { programOf } from '../src/program.mjs'

await run('gsd-fleet', programOf, withNumbers(process.argv.slice(2)))
