import { fillSessions } from '../lib/fixtures.mjs'
import { timeOfWrite } from '../lib/measure.mjs'

const SESSIONS = 1000

/**
 * One session of a thousand, another one each time, with the fields that a harness changes: one commit each, and as part of a
 * transaction.
 */
export function run({ open, quick }) {
  const stores = open()
  fillSessions(stores, SESSIONS)
  const changes = [
    { status: 'running', pid: 4711 },
    { status: 'waiting_checkpoint' },
    { currentCommand: 'claude --continue' },
    { status: 'completed', endedAt: new Date('2026-02-01T12:00:00Z'), pid: null },
  ]
  const update = (i) =>
    stores.sessions.update(`session-${(i % SESSIONS) + 1}`, changes[i % changes.length])
  const size = { warmup: 400, batches: quick ? 60 : 200, calls: 20 }
  const time = timeOfWrite(update, size)
  stores.db.exec('BEGIN')
  const inside = timeOfWrite(update, size)
  stores.db.exec('COMMIT')
  stores.close()
  return { time, inside }
}
