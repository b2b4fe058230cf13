import { fillOutputs, SESSIONS } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

/** The newest 10, 100 and 1,000 chunks of one session of three. */
export function run({ open, chunks, budget }) {
  const stores = open()
  fillOutputs(stores, chunks.small, 30_000)
  const [id] = SESSIONS
  const time = (limit) => timeOfCall(() => stores.outputs.getBySession(id, limit), budget)
  const times = { limit10: time(10), limit100: time(100), limit1000: time(1000) }
  stores.close()
  return times
}
