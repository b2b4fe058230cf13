// The better-sqlite3 version of the stores at work on a file, with the plan's statements. It writes down what was
// acknowledged, a line each, and ends after a time or, where `turns` is not 0, kills itself in the midst of a session.
//
//   node plan-writer.mjs <file> <log> <name> <milliseconds> <turns>

import { openSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'

const [file, log, name, milliseconds, turns] = process.argv.slice(2)
const lines = openSync(log, 'a')
const note = (...words) => writeSync(lines, `${JSON.stringify(words)}\n`)
const pause = () => new Promise((resolve) => setTimeout(resolve, 1))

const COLUMNS =
  'id,slot,status,working_dir,current_command,started_at,ended_at,pid,created_at,updated_at'

const db = new Database(file)
db.pragma('journal_mode = WAL')
const create = db.prepare(
  "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, datetime('now'), datetime('now'))",
)
const append = db.prepare(
  'INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES (?, ?, ?, ?)',
)
const finish = db.prepare('UPDATE sessions SET status = ?, ended_at = ?, pid = NULL WHERE id = ?')
const remove = db.prepare('DELETE FROM sessions WHERE id = ?')
const list = db.prepare('SELECT * FROM sessions ORDER BY started_at DESC')
const output = db
  .prepare('SELECT data FROM session_outputs WHERE session_id = ? ORDER BY timestamp, id')
  .pluck()
const now = () => new Date().toISOString()

const end = Date.now() + Number(milliseconds)
for (let turn = 1; Date.now() < end; turn++) {
  const id = `${name}-${turn}`
  const slot = 1 + (turn % 3)
  create.run(id, slot, 'running', '/srv/app', null, now(), null, turn)
  note('create', id, slot)
  for (let chunk = 0; chunk < 5 + (turn % 20); chunk++) {
    append.run(id, now(), 'stdout', `${chunk};`)
    note('append', id, chunk)
    if (chunk === 3 && turn === Number(turns)) process.kill(process.pid, 'SIGKILL')
    if (chunk % 7 === 0) await pause()
  }
  const status = turn % 4 ? 'completed' : 'failed'
  const rows = list.all()
  if (rows.find((row) => row.id === id)?.status !== 'running') throw new Error(`${id} is gone`)
  if (rows.some((row) => Object.keys(row).join() !== COLUMNS)) throw new Error('other columns')
  if (output.all(id).length !== 5 + (turn % 20)) throw new Error(`${id} has other output`)
  finish.run(status, now(), id)
  note('finish', id, status)
  if (turn % 5 === 0) {
    remove.run(id)
    note('remove', id)
  }
}
db.close()
