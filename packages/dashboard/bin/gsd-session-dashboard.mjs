#!/usr/bin/env node
// The command `gsd-session-dashboard`: a dashboard for a browser of this machine.

import { run } from 'gsd-sessions'
import { program } from '../src/program.mjs'

await run('gsd-session-dashboard', program, process.argv.slice(2))
