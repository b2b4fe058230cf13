// Checkpoints by another process, of every kind, through the handle.

import { sleep } from './pause.mjs'
import { setImmediate } from 'node:timers/promises'

export async function run({ job, connection, random, control }) {
  // The timeout is set only now: opening has to wait for a process that recovers the file.
  connection.db.pragma(`busy_timeout = ${job.patience}`)
  while (!control.stopping) {
    const mode = random.pick(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])
    connection.db.pragma(`wal_checkpoint(${mode})`)
    await setImmediate()
    sleep(random.between(0, 12))
  }
}
