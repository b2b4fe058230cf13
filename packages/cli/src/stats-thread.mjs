// Counts what a file holds in a thread of its own: it looks at all of it.

import { parentPort, workerData } from 'node:worker_threads'
import { DatabaseConnection } from '@gsd/session-store'

const connection = new DatabaseConnection(workerData, { readonly: true, fileMustExist: true })
try {
  parentPort.postMessage(connection.stats())
} finally {
  connection.close()
}
