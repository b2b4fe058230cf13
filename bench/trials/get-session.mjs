import { fillSessions } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

const SESSIONS = 1000

/** One of a thousand sessions, another one each time. */
export function run({ open, budget }) {
  const stores = open()
  fillSessions(stores, SESSIONS)
  const ids = Array.from({ length: SESSIONS }, (_, i) => `session-${((i * 7) % SESSIONS) + 1}`)
  let next = 0
  const time = timeOfCall(() => stores.sessions.get(ids[next++ % SESSIONS]), budget)
  stores.close()
  return { time }
}
