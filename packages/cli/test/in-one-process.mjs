// Runs a program several times in one process: `node in-one-process.mjs <program> <the arguments of each run as JSON>`.
// Prints as JSON how each run ended. For programs that wait for nothing when they end.
import { pathToFileURL } from 'node:url'

const [runtime, , program, lines] = process.argv
const streams = ['stdout', 'stderr']
const write = process.stdout.write.bind(process.stdout)

// Every run listens to the streams.
for (const name of streams) process[name].setMaxListeners(0)

const ended = []
for (const [index, args] of JSON.parse(lines).entries()) {
  const written = { stdout: '', stderr: '' }
  for (const name of streams) {
    process[name].write = (text) => {
      written[name] += text
      return true
    }
  }
  process.argv = [runtime, program, ...args]
  process.exitCode = 0
  await import(`${pathToFileURL(program).href}?run=${index}`)
  ended.push({ code: process.exitCode, ...written })
}
process.exitCode = 0
write(JSON.stringify(ended))
