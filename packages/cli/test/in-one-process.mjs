// Runs the command several times in one process: `node in-one-process.mjs <the arguments of each run as JSON>`.
// Prints as JSON how each run ended. It is for runs that are over when their module is.

const [runtime, program, lines] = process.argv
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
  // Relative: Bun evaluates a URL with another query only once.
  await import(`../bin/gsd-sessions.mjs?run=${index}`)
  ended.push({ code: process.exitCode, ...written })
}
process.exitCode = 0
write(JSON.stringify(ended))
