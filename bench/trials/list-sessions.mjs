import { fillSessions, sessionOf } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

const SESSIONS = 1000

/** All of a thousand sessions: stored as they started, and stored in any other order. */
export function run({ open, budget }) {
  const stores = open()
  const list = () => stores.sessions.list()
  fillSessions(stores, SESSIONS)
  const time = timeOfCall(list, budget)
  stores.db.exec('DELETE FROM sessions')
  stores.db.transaction(() => {
    // A step that shares no factor with the number of sessions meets each of them once.
    for (let i = 0; i < SESSIONS; i++) stores.sessions.create(sessionOf((i * 377) % SESSIONS))
  })()
  const mixed = timeOfCall(list, budget)
  stores.close()
  return { time, mixed }
}
