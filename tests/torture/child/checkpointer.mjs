// Somebody else's checkpoints, of every kind, through the handle.

import { sleep } from './pause.mjs'
import { setImmediate } from 'node:timers/promises'

export async function run({ job, connection, random, control }) {
  // Not from the start: it should open the file, whoever recovers it at the moment.
  connection.db.pragma(`busy_timeout = ${job.patience}`)
  while (!control.stopping) {
    const mode = random.pick(['PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'])
    connection.db.pragma(`wal_checkpoint(${mode})`)
    await setImmediate()
    sleep(random.between(0, 12))
  }
}
