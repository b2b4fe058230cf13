#!/usr/bin/env node
import { run } from 'gsd-sessions'
import { program } from '../src/program.mjs'

await run('gsd-session-mcp', program, process.argv.slice(2))
