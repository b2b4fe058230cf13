import { drizzle } from 'drizzle-orm/better-sqlite3'
import { asc, eq, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { timeOfCall } from '../lib/measure.mjs'

const ROWS = 1000

const steps = sqliteTable('steps', {
  id: integer().primaryKey(),
  sessionId: text('session_id').notNull(),
  step: integer().notNull(),
  title: text().notNull(),
})

/** The other libraries that have these calls. */
export const rivals = ['better-sqlite3']

/** Queries of drizzle that are prepared once: one row by its key, and a hundred. */
export function run({ open, budget }) {
  const stores = open()
  stores.db.exec(
    'CREATE TABLE steps (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, step INTEGER NOT NULL, title TEXT NOT NULL)',
  )
  const db = drizzle(stores.db)
  const row = (i) => ({ id: i, sessionId: `session-${i % 9}`, step: i, title: `Step ${i}: run` })
  db.insert(steps)
    .values(Array.from({ length: ROWS }, (_, i) => row(i + 1)))
    .run()
  const id = sql.placeholder('id')
  const one = db.select().from(steps).where(eq(steps.id, id)).prepare()
  const hundred = db.select().from(steps).orderBy(asc(steps.id)).limit(100).prepare()
  let next = 0
  const times = {
    get: timeOfCall(() => one.get({ id: (next++ % ROWS) + 1 }), budget),
    all: timeOfCall(() => hundred.all(), budget),
  }
  stores.close()
  return times
}
