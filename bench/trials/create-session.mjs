import { sessionOf } from '../lib/fixtures.mjs'
import { timeOfWrite } from '../lib/measure.mjs'

/** One new session a call. */
export function run({ open, quick }) {
  const stores = open()
  const batches = quick ? 60 : 200
  const sessions = Array.from({ length: 400 + batches * 20 }, (_, i) => sessionOf(i))
  const create = (i) => stores.sessions.create(sessions[i])
  const time = timeOfWrite(create, { warmup: 400, batches, calls: 20 })
  stores.close()
  return { time }
}
