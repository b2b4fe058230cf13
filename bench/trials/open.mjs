import { fillOutputs, fillSessions, outputOf } from '../lib/fixtures.mjs'
import { now } from '../lib/measure.mjs'
import { median } from '../lib/stats.mjs'

/**
 * Opening an existing file, up to its first stored chunk, because some libraries prepare their
 * statements only then. The chunk is rolled back: a flush to the disk would hide all other costs.
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
