// What looks at all of a file, in a thread of its own.

import { parentPort, workerData } from 'node:worker_threads'
import { DatabaseConnection, OutputStore } from '@gsd/session-store'

/** How many sessions are packed to see how small their output gets. */
const SAMPLES = 16

/** How much smaller the output of these sessions is when it is packed, by some of them; undefined without output. */
function packedShare(connection, ids) {
  const outputs = new OutputStore(connection)
  const every = Math.max(1, Math.floor(ids.length / SAMPLES))
  let [text, packed] = [0, 0]
  for (const id of ids.filter((_, at) => at % every === 0).slice(0, SAMPLES)) {
    for (const { bytes, block } of outputs.blocks(id, { limit: 1 }).blocks) {
      text += bytes
      packed += block.length
    }
  }
  return text === 0 ? undefined : packed / text
}

const TASKS = {
  stats: (connection, { every }) => connection.stats({ every }),

  async savings(connection, { olderThan }) {
    const { freeBytes } = connection.stats({ sessions: 0 })
    const pruned = await connection.prune({ olderThan, dryRun: true })
    const sealed = await connection.seal({ dryRun: true })
    return {
      freeBytes,
      prune: { sessions: pruned.sessions.length, bytes: pruned.bytes },
      seal: {
        sessions: sealed.sessions.length,
        bytes: sealed.bytes,
        packedShare: packedShare(connection, sealed.sessions),
      },
    }
  },
}

const { path, task, options } = workerData
const connection = new DatabaseConnection(path, { readonly: true, fileMustExist: true })
try {
  parentPort.postMessage(await TASKS[task](connection, options))
} finally {
  connection.close()
}
