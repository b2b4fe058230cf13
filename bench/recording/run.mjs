// What recording costs the event loop of a harness: four terminals that print 10 MB/s each for some seconds.
//
//   node bench/recording/run.mjs [rounds]
//
// One side is record(), the other one node-pty with append() of better-sqlite3. Each round runs both, in processes of their own, in
// turns. It prints the median of each, and their ratio.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { findNode } from '../lib/node.mjs'
import { median } from '../lib/stats.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const SESSIONS = 4
const SECONDS = 4
const require = createRequire(import.meta.url)

/** Prints 10 MB/s of a build's output. */
const PROGRAM = `
  const line = '\\u001b[32mcompiling\\u001b[m src/some/module/of/a/project.ts in 12 ms\\n'
  const piece = line.repeat(Math.ceil(100_000 / line.length))
  const end = Date.now() + ${SECONDS * 1000}
  const timer = setInterval(() => {
    process.stdout.write(piece)
    if (Date.now() >= end) clearInterval(timer)
  }, 10)`

const columns = 120
const rows = 40

/** Records with this package. */
async function withRecord(path, measured) {
  const { DatabaseConnection, record } = require('../../index.js')
  const connection = new DatabaseConnection(path)
  const recordings = Array.from({ length: SESSIONS }, () =>
    record(connection, { command: process.execPath, args: ['-e', PROGRAM], columns, rows }),
  )
  await measured(Promise.all(recordings.map(({ exited }) => exited)))
  return connection.db.prepare('SELECT sum(length(data)) FROM session_outputs').pluck().get()
}

/** Records as a harness does by hand. */
async function withNodePty(path, measured) {
  const pty = require('@lydell/node-pty')
  const Database = require('better-sqlite3')
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = NORMAL')
  db.exec(`CREATE TABLE session_outputs (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL,
    timestamp TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL);
    CREATE INDEX by_time ON session_outputs (session_id, timestamp)`)
  const insert = db.prepare(
    'INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES (?, ?, ?, ?)',
  )
  const session = (id) =>
    new Promise((done) => {
      const terminal = pty.spawn(process.execPath, ['-e', PROGRAM], { cols: columns, rows })
      terminal.onData((data) => insert.run(id, new Date().toISOString(), 'stdout', data))
      terminal.onExit(done)
    })
  await measured(Promise.all(Array.from({ length: SESSIONS }, (_, i) => session(`s-${i}`))))
  return db.prepare('SELECT sum(length(data)) FROM session_outputs').pluck().get()
}

const SIDES = { 'record()': withRecord, 'node-pty, better-sqlite3': withNodePty }

/** Runs one side, and prints what it cost. */
async function runSide(name) {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-bench-'))
  let busy
  let seconds
  // From when the commands run until they are over.
  const measured = async (over) => {
    const before = performance.eventLoopUtilization()
    const start = performance.now()
    await over
    busy = performance.eventLoopUtilization(before).utilization * 100
    seconds = (performance.now() - start) / 1000
  }
  try {
    const characters = await SIDES[name](join(folder, 'sessions.db'), measured)
    console.log(JSON.stringify({ busy, rate: characters / 1e6 / seconds }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function compare(rounds) {
  const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  spawnSync('npm', install, { cwd: here, stdio: 'inherit' })
  const node = findNode()
  const seen = Object.fromEntries(Object.keys(SIDES).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const names = Object.keys(SIDES)
    for (const name of round % 2 ? names.reverse() : names) {
      const { stdout, status, stderr } = spawnSync(node, [fileURLToPath(import.meta.url), name], {
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(`${name}: ${stderr}`)
      seen[name].push(JSON.parse(stdout))
    }
  }
  const told = Object.entries(seen).map(([name, all]) => ({
    name,
    busy: median(all.map(({ busy }) => busy)),
    rate: median(all.map(({ rate }) => rate)),
  }))
  for (const { name, busy, rate } of told) {
    console.log(`${name}: event loop busy ${busy.toFixed(2)} %, ${rate.toFixed(1)} MB/s stored`)
  }
  console.log(`ratio: ${(told[0].busy / told[1].busy).toFixed(4)}`)
}

const argument = process.argv[2]
if (argument !== undefined && Object.hasOwn(SIDES, argument)) await runSide(argument)
else compare(Number(argument ?? 3))
