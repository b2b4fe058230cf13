import { sessionOf } from '../lib/fixtures.mjs'
import { timeOfWrite } from '../lib/measure.mjs'

/** One new session a call: one commit each, and as part of a transaction. */
export function run({ open, quick }) {
  const stores = open()
  const batches = quick ? 60 : 200
  const sessions = Array.from({ length: 2 * (400 + batches * 20) }, (_, i) => sessionOf(i))
  let next = 0
  const create = () => stores.sessions.create(sessions[next++])
  const size = { warmup: 400, batches, calls: 20 }
  const time = timeOfWrite(create, size)
  stores.db.exec('BEGIN')
  const inside = timeOfWrite(create, size)
  stores.db.exec('COMMIT')
  stores.close()
  return { time, inside }
}
