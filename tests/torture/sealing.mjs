// Torture of sealing: a process that seals sessions and brings them back is killed, over and over, beside one that appends.
// After each kill every session must be what it was, wholly, and the file must be sound.
//
//   node tests/torture/sealing.mjs [--kills 200] [--seed 1]
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath, URL } from 'node:url'
import { parseArgs } from 'node:util'

const { DatabaseConnection, OutputStore, SessionStore } = createRequire(import.meta.url)(
  '../../index.js',
)

if (process.platform === 'win32') {
  console.error('The torture kills processes by signals, which Windows does not have.')
  process.exit(2)
}

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
})
const kills = Number(values.kills)
let state = Number(values.seed)
/** A number below `end`, the same in every run. */
function below(end) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state % end
}

const CHILD = fileURLToPath(new URL('child/seal.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'session-store-torture-'))
const path = join(folder, 'sessions.db')

/** Sessions that are over, from a few chunks to more than one transaction seals, and one that goes on. */
function fill() {
  const connection = new DatabaseConnection(path)
  const [sessions, outputs] = [new SessionStore(connection), new OutputStore(connection)]
  const ids = Array.from({ length: 12 }, (_, index) => `s-${index}`)
  for (const id of [...ids, 'live']) {
    const status = id === 'live' ? 'running' : 'completed'
    sessions.create({ id, slot: 1, status, workingDir: '/', startedAt: new Date(0) })
  }
  for (let step = 0; step < 30_000; step++) {
    // The first ones have most of it.
    const sessionId = ids[Math.floor((below(1000) / 1000) ** 4 * ids.length)] ?? ''
    const data = `${step}: ${'compiling module '.repeat(below(30))}${below(1e9)}\n`
    outputs.append({
      sessionId,
      timestamp: new Date(step),
      type: step % 5 === 0 ? 'stderr' : 'stdout',
      data,
    })
  }
  connection.close()
}

/** What is stored of each session that is over, and how much of it stands in rows that count. */
function look() {
  const connection = new DatabaseConnection(path)
  const { ok, problems } = connection.verify()
  if (!ok) throw new Error(problems.join('\n'))
  const rows = connection.db.prepare(
    "SELECT * FROM session_outputs_all WHERE session_id <> 'live' ORDER BY session_id, id",
  )
  const found = new Map()
  for (const row of rows.iterate()) {
    const hash =
      found.get(row.session_id) ??
      found.set(row.session_id, createHash('sha256')).get(row.session_id)
    hash.update(JSON.stringify(row))
  }
  const live = new OutputStore(connection).getFullOutput('live', { order: 'append' }).split('\n')
  const gap = live.findIndex((line, index) => line !== `${index}` && line !== '')
  if (gap >= 0) throw new Error(`the session that goes on has ${live[gap]} in the place of ${gap}`)
  const halves = new Set()
  if (connection.db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'gsd_session_seals'").get()) {
    const ends = connection.db.prepare(
      `SELECT s.through AS through, (SELECT max(id) FROM session_outputs_all o WHERE o.session_id = s.session_id) AS last
       FROM gsd_session_seals s`,
    )
    for (const { through, last } of ends.all()) {
      halves.add(through === null ? 'rows' : 'blocks')
      if (through !== null && through !== last)
        throw new Error(`a session is sealed up to ${through} of ${last}`)
    }
  }
  connection.close()
  const hashes = [...found].map(([id, hash]) => `${id} ${hash.digest('hex')}`).join('\n')
  return { hashes, halves }
}

async function start(job) {
  const child = spawn(process.execPath, [CHILD, path, job], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  await Promise.race([once(child.stdout, 'data'), ended])
  return { child, ended }
}

fill()
const before = look().hashes
const met = { rows: 0, blocks: 0 }
let seen = 0
for (let kill = 1; kill <= kills; kill++) {
  const [sealing, appending] = await Promise.all([start('seal'), start('append')])
  await setTimeout(5 + below(600))
  for (const { child } of below(3) === 0 ? [sealing] : [sealing, appending]) child.kill('SIGKILL')
  await sealing.ended
  const { hashes, halves } = look()
  if (hashes !== before) throw new Error(`kill ${kill}: a session is not what it was`)
  for (const half of halves) met[half]++
  appending.child.kill('SIGKILL')
  await appending.ended
  seen = kill
}
rmSync(folder, { recursive: true })
console.log(
  `ok: ${seen} kills while sessions were sealed or brought back; ${met.blocks} with some in blocks, ${met.rows} with some being sealed`,
)
