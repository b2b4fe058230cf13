// How the calls grow with the number of rows that are stored already.
//
//   node bench/scale.mjs [rows …] [--dir folder]     default: 100,000, 1,000,000 and 10,000,000

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DatabaseConnection, OutputStore, SessionStore } from '../index.js'

const SESSIONS = 1000
const BATCH = 10_000
/** Rows of the session that is read. Their number does not depend on all other rows. */
const PROBE_ROWS = 10_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dir: { type: 'string', default: tmpdir() } },
})
const sizes = positionals.length > 0 ? positionals.map(Number) : [100_000, 1_000_000, 10_000_000]

const folder = mkdtempSync(join(values.dir, 'session-store-scale-'))
const file = join(folder, 'sessions.db')
const connection = new DatabaseConnection(file)
const sessions = new SessionStore(connection)
const outputs = new OutputStore(connection)

const start = Date.parse('2026-01-01T00:00:00Z')
const line = 'x'.repeat(150)
let rows = 0

/** A chunk of one of many sessions that print at the same time. */
function chunk(sessionId = `session-${rows % SESSIONS}`) {
  return { sessionId, timestamp: new Date(start + rows++), type: 'stdout', data: `${rows} ${line}` }
}

/** The median time of a call, in microseconds. */
function median(times, call) {
  const all = Array.from({ length: times }, () => {
    const from = performance.now()
    call()
    return (performance.now() - from) * 1000
  })
  return all.toSorted((a, b) => a - b)[times >> 1]
}

const round = (microseconds) =>
  microseconds < 1000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1000).toFixed(1)} ms`

for (let i = 0; i < SESSIONS; i++) {
  const startedAt = new Date(start + i)
  sessions.create({ id: `session-${i}`, slot: 1, status: 'completed', workingDir: '/', startedAt })
}
outputs.appendMany(Array.from({ length: PROBE_ROWS }, () => chunk('probe')))

console.log('| rows | file | append | getBySession(100) | list() | getFullOutput, 10,000 rows |')
console.log('| ---: | ---: | ---: | ---: | ---: | ---: |')
try {
  for (const size of sizes) {
    for (let left = size - rows; left > 0; left -= BATCH) {
      outputs.appendMany(Array.from({ length: Math.min(BATCH, left) }, () => chunk()))
    }
    const cells = [
      size.toLocaleString('en'),
      `${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`,
      round(median(5_000, () => outputs.append(chunk()))),
      round(median(500, () => outputs.getBySession('probe', 100))),
      round(median(50, () => sessions.list())),
      round(median(20, () => outputs.getFullOutput('probe'))),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
} finally {
  connection.close()
  rmSync(folder, { recursive: true, force: true })
}
