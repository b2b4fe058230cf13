// What redaction costs an append of 200 bytes: the median time of a chunk with it and without, in turns.
//
//   node bench/redaction.mjs [rounds]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { DatabaseConnection, OutputStore } from '../index.js'
import { median } from './lib/stats.mjs'

const CHUNKS = 20_000
const rounds = Number(process.argv[2] ?? 7)

/** Output as builds print it, with colours and addresses. */
const LINES = [
  '\u001b[32m✓\u001b[39m src/store/outputs.test.ts \u001b[2m(12 tests)\u001b[22m 341 ms\n',
  '   Compiling serde_json v1.0.128 (/home/user/.cargo/registry/src/serde_json-1.0.128)\n',
  'GET https://registry.example.com:8443/some-package/-/some-package-1.2.3.tgz 200\n',
  'warning: unused variable: `session`\n  --> src/main.rs:42:9\n',
]
const text = LINES.join('').repeat(100)
const chunk = (at) => {
  const from = (at * 211) % (text.length - 200)
  return text.slice(from, from + 200).toWellFormed()
}

/** The median of the times of appends, in microseconds. */
function timed(outputs) {
  const timestamp = new Date()
  const times = []
  for (let at = 0; at < CHUNKS; at++) {
    const data = chunk(at)
    const start = performance.now()
    outputs.append({ sessionId: 's', timestamp, type: 'stdout', data })
    times.push((performance.now() - start) * 1000)
  }
  outputs.flush()
  return median(times)
}

const folder = mkdtempSync(join(tmpdir(), 'session-store-redaction-'))
try {
  for (const [name, writeBehind] of [
    ['append', false],
    ['append with write-behind', true],
  ]) {
    const sides = [false, true].map((redact) => {
      const path = join(folder, `${String(redact)}-${String(writeBehind)}.db`)
      const connection = new DatabaseConnection(path, { redact })
      return { connection, outputs: new OutputStore(connection, { writeBehind }), all: [] }
    })
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
        side.all.push(timed(side.outputs))
      }
    }
    const [without, withIt] = sides.map(({ all }) => median(all))
    const more = (withIt - without).toFixed(2)
    console.log(
      `${name}: ${without.toFixed(2)} µs, redacted ${withIt.toFixed(2)} µs: ${more} µs more`,
    )
    for (const { connection } of sides) connection.close()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
