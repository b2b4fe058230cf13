// What the specs of long work share: a database that takes many steps, and others that write to it meanwhile.
import type { OutputStore } from '../../index.js'
import { startChild, type Child } from './child.js'
import { openStores, sampleOutput, sampleSession } from './support.js'

/** How many chunks {@link openFilled} stores, and how many bytes each of them has. */
export const FILLED = { chunks: 3_000, bytes: 4_000 }

/** Stores with some MB of output of the session `s-1`, so that what reads all of it takes many steps. */
export function openFilled(path?: string) {
  const stores = openStores(path)
  stores.sessions.create(sampleSession())
  const data = 'x'.repeat(FILLED.bytes)
  stores.outputs.appendMany(Array.from({ length: FILLED.chunks }, () => sampleOutput({ data })))
  return stores
}

/** A chunk of a pair, as JSON has it. */
export interface HalfOfPair {
  sessionId: string
  /** Its timestamp, in milliseconds. */
  time: number
  data: string
  /** Whether it comes before everything that is stored, by an id below all others. */
  isFirst?: boolean
}

/**
 * A process that stores pairs without a pause, each in a transaction. It meets its parent with `writing` after the
 * first one, ends once the parent resumes it, and gives the number of pairs that it stored.
 */
export function startPairWriter(path: string, pair: HalfOfPair[]): Child<number> {
  return startChild(
    async ({ pkg, meet }, file, halves) => {
      const connection = new pkg.DatabaseConnection(file)
      const outputs = new pkg.OutputStore(connection)
      const insert = connection.db.prepare(
        "INSERT INTO session_outputs (id, session_id, timestamp, type, data) VALUES (?, ?, ?, 'stdout', ?)",
      )
      let written = 0
      const store = connection.db.transaction(() => {
        for (const { sessionId, time, data, isFirst } of halves) {
          const timestamp = new Date(time)
          if (isFirst) insert.run(BigInt(-written - 1), sessionId, timestamp.toISOString(), data)
          else outputs.append({ sessionId, timestamp, type: 'stdout', data })
        }
      })
      const parent = { waits: true }
      do {
        store.immediate()
        if (++written === 1) void meet('writing').then(() => (parent.waits = false))
        if (written % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
      } while (parent.waits)
      connection.close()
      return written
    },
    [path, pair],
  )
}

/** Appends to the session `meanwhile` by a timer while `work` goes on. Gives the number of appends. */
export async function appendingDuring(outputs: OutputStore, work: Promise<unknown>) {
  let appended = 0
  const timer = setInterval(() => {
    outputs.append(sampleOutput({ sessionId: 'meanwhile' }))
    appended++
  }, 1)
  await work.finally(() => clearInterval(timer))
  return appended
}
