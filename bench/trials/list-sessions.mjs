import { fillSessions } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

/** All of a thousand sessions. */
export function run({ open, budget }) {
  const stores = open()
  fillSessions(stores, 1000)
  const time = timeOfCall(() => stores.sessions.list(), budget)
  stores.close()
  return { time }
}
