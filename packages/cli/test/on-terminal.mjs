// Runs a program with a standard output and error that claim to be terminals:
// `node on-terminal.mjs <settings as JSON> <program> <arguments>`.
//
// - `columns`: how wide they are.
// - `isTyped`: whether the standard input claims that as well.
// - `signalAtProgress`: a signal that the program gets when it first writes to its standard error.
import { pathToFileURL } from 'node:url'

const [runtime, , settings, program, ...args] = process.argv
const { columns, isTyped, signalAtProgress } = JSON.parse(settings)
process.argv = [runtime, program, ...args]
for (const stream of [process.stdout, process.stderr])
  Object.assign(stream, { isTTY: true, columns })
if (isTyped) process.stdin.isTTY = true
if (signalAtProgress !== undefined) {
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (text) => {
    process.stderr.write = write
    process.kill(process.pid, signalAtProgress)
    return write(text)
  }
}
await import(pathToFileURL(program).href)
