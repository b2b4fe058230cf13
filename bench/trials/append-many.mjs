import { outputOf } from '../lib/fixtures.mjs'
import { timeOfWrite } from '../lib/measure.mjs'

const ROWS = 1000

/** A thousand chunks in one transaction; the time is that of a row. */
export function run({ open, chunks, quick }) {
  const stores = open()
  const transactions = quick ? 12 : 40
  const outputs = Array.from({ length: ROWS }, (_, i) => outputOf(chunks.small, i))
  const append = () => stores.outputs.appendMany(outputs)
  const time = timeOfWrite(append, { warmup: 5, batches: transactions, calls: 1 }) / ROWS
  stores.close()
  return { time }
}
