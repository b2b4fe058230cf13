import { timeOfCall } from '../lib/measure.mjs'

const ROWS = 1000
const COLUMNS = 'id, session_id, step, title'

/** The other libraries that have these calls. */
export const rivals = ['better-sqlite3']

/** What mappers of objects use: raw rows, safe integers, blobs, and parameters in arrays and by name. */
export function run({ open, budget }) {
  const stores = open()
  const { db } = stores
  db.exec(`
    CREATE TABLE steps (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, step INTEGER NOT NULL, title TEXT NOT NULL);
    CREATE TABLE pictures (id INTEGER PRIMARY KEY, data BLOB NOT NULL)
  `)
  const insert = db.prepare(`INSERT INTO steps (${COLUMNS}) VALUES (?, ?, ?, ?)`)
  const insertPicture = db.prepare('INSERT INTO pictures (data) VALUES (?)')
  db.transaction(() => {
    for (let i = 1; i <= ROWS; i++) {
      insert.run(i, `session-${i % 9}`, i * 3, `Step ${i}: run the tests`)
      insertPicture.run(Buffer.alloc(100, i))
    }
  })()

  const all = () => db.prepare(`SELECT ${COLUMNS} FROM steps ORDER BY id`)
  const drain = (statement) => () => {
    let count = 0
    for (const row of statement.iterate()) if (row) count++
    return count
  }
  const where = (condition) => db.prepare(`SELECT id, title FROM steps WHERE ${condition}`)
  const time = (call) => timeOfCall(call, budget)

  const [one, positions, names] = [
    where('id = 7'),
    where('id = ? AND step = ?'),
    where('id = @id AND step = @step'),
  ]
  const [raw, rawOneByOne, objects, bigints] = [
    all().raw(),
    all().raw(),
    all(),
    all().safeIntegers(),
  ]
  const pictures = db.prepare('SELECT id, data FROM pictures')
  const times = {
    rawToggle: time(() => one.raw(false).get()),
    rawTurns: time(() => [one.raw(true).get(), one.raw(false).get()]),
    rawAll: time(() => raw.all()),
    rawIterate: time(drain(rawOneByOne)),
    iterate: time(drain(objects)),
    blobs: time(() => pictures.all()),
    safeIntegers: time(() => bigints.all()),
    bindArray: time(() => positions.get([7, 21])),
    bindName: time(() => names.get({ id: 7, step: 21 })),
  }
  stores.close()
  return times
}
