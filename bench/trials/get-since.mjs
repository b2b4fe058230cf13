import { fillOutputs, momentOf, SESSIONS } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

const ROWS = 30_000

/** The newest thousand chunks of one session of three, by time, oldest first. */
export function run({ open, chunks, budget }) {
  const stores = open()
  fillOutputs(stores, chunks.small, ROWS)
  const since = momentOf(ROWS - 1 - 3 * 1000)
  const call = () => stores.outputs.getBySessionSince(SESSIONS[0], since)
  const rows = call().length
  if (rows !== 1000) throw new Error(`${rows} rows rather than 1000`)
  const time = timeOfCall(call, budget)
  stores.close()
  return { time }
}
