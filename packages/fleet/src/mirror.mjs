// A part of a cluster as a store of this machine: what reads a file reads it in the same way.

import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'

/** @import { NewSession, SessionSize } from '@gsd/session-store' */

/** More slots than any harness has. */
const SLOTS = 1000

/** A filter in which all may be, and one in which nothing is. */
const ALL = Buffer.of(0xff)
const NOTHING = Buffer.alloc(0)

/** A state that says only that there is one. */
const SOME_STATE = Buffer.of(0)

export class Mirror {
  connection
  sessions
  outputs

  /** @param {string} [path] A file, or none: in memory. */
  constructor(path = ':memory:') {
    this.connection = new DatabaseConnection(path, { slots: SLOTS })
    this.sessions = new SessionStore(this.connection)
    this.outputs = new OutputStore(this.connection)
  }

  /**
   * Stores a session, as a cluster has it. Output without a session has only an id.
   *
   * @param {Partial<NewSession> & { id: string, sizes: SessionSize[] }} session
   */
  putSession({ id, sizes, ...session }) {
    this.removeSession(id)
    if (session.startedAt !== undefined) {
      this.sessions.create(/** @type {NewSession} */ ({ id, ...session }))
    }
    this.outputs.putBlocks(id, [], { sizes: sizes.length > 1 ? sizes : [] })
  }

  /** Removes a session with its output. */
  removeSession(id) {
    this.sessions.delete(id)
  }

  /** Stores blocks of a session, rows of a cluster, behind those that it has. */
  putBlocks(id, rows, stale = 0) {
    this.outputs.putBlocks(
      id,
      rows.map((row) => blockOf(row, stale)),
    )
  }

  /** Stores what is known of blocks, to find out which of them a search reads. */
  putKnown(id, rows, stale = 0) {
    const withState = (row) => ({ ...row, state: row.has_state ? SOME_STATE : undefined })
    this.putBlocks(id, rows.map(withState), stale)
  }

  close() {
    this.connection.close()
  }
}

/** A block of a cluster as a store takes it. */
function blockOf({ first, last, block, lines, candidate, state }, stale) {
  const isKnown = lines !== null && first >= stale
  return {
    first,
    last,
    block: block ?? undefined,
    ...(isKnown
      ? { lines, filter: candidate === false ? NOTHING : ALL, state: state ?? undefined }
      : {}),
  }
}
