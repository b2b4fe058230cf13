// Copies of a database that no process changes at the moment.

import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Copies the file and its log, but not the shared memory, as a machine that stops would leave them; `undefined` if
 * there is no file yet.
 */
export function copyDatabase({ file, folder: parent }, name) {
  if (!existsSync(file)) return undefined
  const folder = join(parent, name)
  mkdirSync(folder)
  const copy = join(folder, 'sessions.db')
  copyFileSync(file, copy)
  if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`)
  return { folder, file: copy }
}
