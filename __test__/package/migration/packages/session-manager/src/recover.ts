import type { Session } from '@gsd/core'
import type { HarnessDatabase } from './db/harness-database.js'

/** Marks what a crash left as failed. */
export function recover({ db }: HarnessDatabase): Session['id'][] {
  return db
    .prepare<[string], string>(
      `UPDATE sessions SET status = 'failed', ended_at = ?
       WHERE status IN ('running', 'waiting_checkpoint') RETURNING id`,
    )
    .pluck()
    .all(new Date().toISOString())
}
