// Everything that is wrong with a change before any test runs: format, lints, types, the report of the types, floors.
// `npm run check` runs the checks at once and prints the output of those that fail.

import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const checks = {
  clippy: 'cargo clippy --workspace --all-targets -- -D warnings',
  'format of Rust': 'cargo fmt --all --check',
  lint: 'npm run --silent lint',
  types: 'npm run --silent type-check',
  'report of types': 'npm run --silent api -- --check',
  'manual page': 'npm run --silent man -- --check',
  floors: 'bash scripts/check-floors.sh',
}

/** Runs a command in a shell; gives its name where it failed. */
function check([name, command]) {
  const start = performance.now()
  const output = []
  const child = spawn(command, { cwd: root, shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(data))
  return new Promise((resolve) => {
    child.once('close', (code) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}, ${seconds} s`)
      if (code !== 0) console.log(`\n$ ${command}\n${Buffer.concat(output)}`)
      resolve(code === 0 ? [] : [name])
    })
  })
}

const failed = (await Promise.all(Object.entries(checks).map(check))).flat()
if (failed.length > 0) {
  console.log(`Failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
