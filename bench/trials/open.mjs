import { fillOutputs, fillSessions, outputOf } from '../lib/fixtures.mjs'
import { now } from '../lib/measure.mjs'
import { median } from '../lib/stats.mjs'

/**
 * Opening a file that exists, until it has taken a chunk: libraries that prepare statements late are
 * not done before. The chunk is rolled back, or a flush to the disk would be all that one sees.
 */
export function run({ open, chunks, quick }) {
  const stores = open()
  fillSessions(stores, 30)
  fillOutputs(stores, chunks.small, 3000)
  stores.close()
  const output = outputOf(chunks.small, 0)
  const constructed = []
  const ready = []
  const times = quick ? 60 : 150
  for (let i = -20; i < times; i++) {
    const start = now()
    const opened = open()
    const middle = now()
    opened.db.exec('BEGIN')
    opened.outputs.append(output)
    const end = now()
    opened.db.exec('ROLLBACK')
    opened.close()
    if (i >= 0) {
      constructed.push((middle - start) * 1000)
      ready.push((end - start) * 1000)
    }
  }
  return { ready: median(ready), constructed: median(constructed) }
}
