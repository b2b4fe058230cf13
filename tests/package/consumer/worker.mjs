import { once } from 'node:events'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import * as pkg from '@gsd/session-store'
import job from './job.cjs'

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)))
  const heard = await Promise.all(workers.map((worker) => once(worker, 'message')))
  console.log(job(pkg), ...heard.flat())
} else {
  parentPort.postMessage(job(pkg))
}
