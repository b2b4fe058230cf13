// This package, as it lies in the repository.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { DatabaseConnection, OutputStore, SessionStore } = require('../../index.js')

export const version = require('../../package.json').version

/** The addon that was loaded, the only one in this process. */
export const binary = Object.keys(require.cache).find((file) => file.endsWith('.node'))

/** Whether `OutputStore` can collect appends and commit them off the caller's path. */
export const hasWriteBehind = typeof OutputStore.prototype.flush === 'function'

export function open(file, { writeBehind = false, walLimit } = {}) {
  const connection = new DatabaseConnection(file, { walLimit })
  return {
    db: connection.db,
    sessions: new SessionStore(connection.db),
    outputs: new OutputStore(connection.db, writeBehind ? { writeBehind } : undefined),
    close: () => connection.close(),
  }
}
