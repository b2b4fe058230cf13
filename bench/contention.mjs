// Writers in processes of their own that append to one file without a pause, on each side in turn.
//
//   node bench/contention.mjs [--writers 8] [--seconds 10] [--rounds 3] [--wal-limit bytes] [--dir folder]
//
// Python's sqlite3, where it is installed, is an example of a program that leaves the waiting to SQLite.

import { spawn, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findNode } from './lib/node.mjs'
import { inFolder } from './lib/processes.mjs'
import { median, percentile } from './lib/stats.mjs'

const { values } = parseArgs({
  options: {
    writers: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    'wal-limit': { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    // Of a worker: its side, and the file.
    side: { type: 'string' },
    file: { type: 'string' },
  },
})
const DATA = 'x'.repeat(150)
const seconds = Number(values.seconds)

const PYTHON = `
import json, os, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
db.execute('PRAGMA synchronous=NORMAL')
row = (str(os.getpid()), '2026-01-01T00:00:00.000Z', 'stdout', sys.argv[3])
times, busy, end = [], 0, time.perf_counter() + float(sys.argv[2])
while time.perf_counter() < end:
    begin = time.perf_counter()
    try: db.execute('INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES (?, ?, ?, ?)', row)
    except sqlite3.OperationalError: busy += 1
    times.append((time.perf_counter() - begin) * 1000)
json.dump({'times': times, 'busy': busy}, sys.stdout)
`

/** Appends until the time is over; gives how long each call took, in milliseconds. */
async function work() {
  const { open } = await import(`./peers/${values.side}.mjs`)
  const { outputs, close } = open(values.file, { walLimit: limit() })
  const times = []
  let busy = 0
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const begin = performance.now()
    try {
      outputs.append({
        sessionId: `${process.pid}`,
        timestamp: new Date(),
        type: 'stdout',
        data: DATA,
      })
    } catch (error) {
      if (error.code !== 'SQLITE_BUSY') throw error
      busy++
    }
    times.push(performance.now() - begin)
  }
  process.stdout.write(JSON.stringify({ times, busy }))
  close()
}

function limit() {
  return values['wal-limit'] === undefined ? undefined : Number(values['wal-limit'])
}

function start(side, file, node) {
  const script = fileURLToPath(import.meta.url)
  const extra = values['wal-limit'] === undefined ? [] : ['--wal-limit', values['wal-limit']]
  const [command, args] =
    side === 'python'
      ? ['python3', ['-c', PYTHON, file, values.seconds, DATA]]
      : [node, [script, '--side', side, '--file', file, '--seconds', values.seconds, ...extra]]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const parts = []
  child.stdout.on('data', (part) => parts.push(part))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(parts).toString()))
      else reject(new Error(`${side} ended with ${code}`))
    })
  })
}

/** One round of one side. */
function round(side, node) {
  return inFolder(values.dir, async (folder) => {
    const file = join(folder, 'sessions.db')
    const { open } = await import('./peers/session-store.mjs')
    open(file).close()
    let log = 0
    const look = setInterval(() => {
      log = Math.max(log, statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0)
    }, 20)
    try {
      const writers = Array.from({ length: Number(values.writers) }, () => start(side, file, node))
      const done = await Promise.all(writers)
      const times = Float64Array.from(done.flatMap((writer) => writer.times)).sort()
      const counts = done.map((writer) => writer.times.length)
      return {
        rows: times.length / seconds,
        busy: done.reduce((sum, writer) => sum + writer.busy, 0),
        p50: percentile(times, 0.5),
        p99: percentile(times, 0.99),
        p999: percentile(times, 0.999),
        longest: times.at(-1),
        least: Math.min(...counts) / (times.length / counts.length),
        log,
      }
    } finally {
      clearInterval(look)
    }
  })
}

async function main() {
  const sides = ['session-store', 'better-sqlite3']
  if (spawnSync('python3', ['--version']).status === 0) sides.push('python')
  const node = findNode()
  const rounds = new Map(sides.map((side) => [side, []]))
  for (let i = 0; i < Number(values.rounds); i++) {
    for (const side of sides) rounds.get(side).push(await round(side, node))
  }
  console.log(`${values.writers} writers, ${seconds} s, the median of ${values.rounds} rounds\n`)
  console.log(
    '| side | rows/s | SQLITE_BUSY | p50 | p99 | p99.9 | longest | least share of a writer | log |',
  )
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const [side, all] of rounds) {
    const of = (name) => median(all.map((result) => result[name]))
    const ms = (name) => `${of(name).toFixed(of(name) < 1 ? 3 : 1)} ms`
    const cells = [
      side,
      of('rows').toFixed(0),
      all.reduce((sum, { busy }) => sum + busy, 0),
      ...['p50', 'p99', 'p999', 'longest'].map(ms),
      of('least').toFixed(2),
      `${(of('log') / 1e6).toFixed(1)} MB`,
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

await (values.side === undefined ? main() : work())
