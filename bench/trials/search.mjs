import { fillOutputs } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

/** 15 MB in chunks of 150 bytes. */
const ROWS = 100_000

/** This text is in no chunk, so that everything is read. */
const NEEDLE = 'needle that is nowhere'

const LIKE = `SELECT count(*) FROM session_outputs WHERE data LIKE '%${NEEDLE}%'`

/**
 * Looking for a text in all that was printed: by `search()` where there is one, by LIKE elsewhere, which sees neither
 * through escape sequences nor across chunks.
 */
export function run({ open, chunks, budget }) {
  const stores = open()
  fillOutputs(stores, chunks.small, ROWS)
  const like = stores.db.prepare(LIKE)
  const time = timeOfCall(
    stores.outputs.search ? () => stores.outputs.search(NEEDLE) : () => like.get(),
    budget,
  )
  stores.close()
  return { time }
}
