import { timeOfCall, timeOfWrite } from '../lib/measure.mjs'

const ROWS = 10_000
const INSERTS = 1000

/** `connection.db` as the store of another package uses it: statements prepared once. */
export function run({ open, budget, quick }) {
  const stores = open()
  const { db } = stores
  db.exec(`CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    title TEXT NOT NULL,
    created_ms INTEGER NOT NULL
  )`)
  const insert = db.prepare(
    'INSERT INTO checkpoints (session_id, step, title, created_ms) VALUES (?, ?, ?, ?)',
  )
  const one = db.prepare(
    'SELECT id, session_id, step, title, created_ms FROM checkpoints WHERE id = ?',
  )
  const hundred = db.prepare(
    'SELECT id, session_id, step, title, created_ms FROM checkpoints WHERE id >= ? ORDER BY id LIMIT 100',
  )
  const insertMany = db.transaction((first, count) => {
    for (let i = first; i < first + count; i++) {
      insert.run(`session-${i % 9}`, i, `Step ${i}: run the tests`, 1_767_225_600_000 + i)
    }
  })
  insertMany(0, ROWS)

  let next = 0
  const id = () => ((next++ * 37) % (ROWS - 100)) + 1
  const times = {
    get: timeOfCall(() => one.get(id()), budget),
    all: timeOfCall(() => hundred.all(id()), budget),
    run:
      timeOfWrite((i) => insertMany(ROWS + i * INSERTS, INSERTS), {
        warmup: 5,
        batches: quick ? 12 : 40,
        calls: 1,
      }) / INSERTS,
  }
  stores.close()
  return times
}
