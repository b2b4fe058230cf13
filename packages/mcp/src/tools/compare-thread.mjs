// Compares two texts, in a thread of its own.

import { parentPort, workerData } from 'node:worker_threads'
import { structuredPatch } from 'diff'

const { left, right, options } = workerData
parentPort?.postMessage(structuredPatch('a', 'b', left, right, '', '', options))
