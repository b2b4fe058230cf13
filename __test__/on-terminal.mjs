// Runs a program with a standard output and error that take themselves for terminals of so many columns, and with `all`
// its standard input as well: `node on-terminal.mjs <columns> <output | all> <program> <arguments>`.
import { pathToFileURL } from 'node:url'

const [runtime, , columns, places, program, ...args] = process.argv
process.argv = [runtime, program, ...args]
for (const stream of [process.stdout, process.stderr])
  Object.assign(stream, { isTTY: true, columns: Number(columns) })
if (places === 'all') process.stdin.isTTY = true
await import(pathToFileURL(program).href)
