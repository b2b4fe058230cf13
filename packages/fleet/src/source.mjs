// The file that is sent. It is read as any other program reads it.

import { statSync } from 'node:fs'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { isMarked, markOf } from './marks.mjs'
import { fromColumn, toColumn } from './names.mjs'
import { sizesOf } from './sizes.mjs'

/** @import { NewSession } from '@gsd/session-store' */
/** @import { ShipperOptions } from '../index.js' */

/** Blocks of a session that are made at once: a megabyte of text. */
const PAGE = 16

/** Sessions that are looked at together. */
const CHANGES = 500

/** Sessions whose last chunk is compared with what was sent, before anything is sent. */
const COMPARED = 32

/** Replaces the secrets in the fields of sessions, as a store that redacts does. */
class Fields {
  #sessions

  constructor(redact) {
    this.#sessions = new SessionStore(new DatabaseConnection(':memory:', { redact }))
  }

  clean(session) {
    const { workingDir, currentCommand, title, error, startedAt } = session
    /** @type {NewSession} */
    const given = { id: 'id', slot: 1, status: 'running', workingDir, startedAt }
    this.#sessions.create({ ...given, currentCommand, title, error })
    const cleaned = this.#sessions.get('id')
    this.#sessions.delete('id')
    const texts = Object.entries({ workingDir, currentCommand, title, error })
    const changed = texts.filter(([, text]) => text !== undefined)
    return { ...session, ...Object.fromEntries(changed.map(([name]) => [name, cleaned[name]])) }
  }
}

export class Source {
  #path
  #redact
  #fields
  #connection
  #sessions
  #outputs
  // The device and the number of the file that is open.
  #file

  /**
   * @param {string} path The file.
   * @param {ShipperOptions['redact']} [redact] Which secrets are replaced in what is read.
   */
  constructor(path, redact = false) {
    this.#path = path
    // An object is read once, and not for each page again.
    this.#redact = redact === true ? {} : redact
    this.#fields = redact === false ? undefined : new Fields(redact)
  }

  get path() {
    return this.#path
  }

  get connection() {
    return this.#connection
  }

  /** Opens the file, again where another one has taken its place. Returns whether it was opened. */
  open() {
    const { dev, ino } = statSync(this.#path, { bigint: true })
    const file = `${dev} ${ino}`
    if (this.#connection !== undefined && this.#file === file) return false
    this.close()
    this.#connection = new DatabaseConnection(this.#path, { readonly: true, fileMustExist: true })
    this.#sessions = new SessionStore(this.#connection)
    this.#outputs = new OutputStore(this.#connection)
    this.#file = file
    return true
  }

  close() {
    this.#connection?.close()
    this.#connection = undefined
  }

  /** A number that changes when somebody writes to the file. */
  version() {
    return this.#connection.db.pragma('data_version', { simple: true })
  }

  /** The next sessions that have changed. */
  changes(after) {
    return this.#sessions.changes({ after, limit: CHANGES })
  }

  /** What is sent of a session beside its output; undefined if it is not stored any more. */
  detailsOf(id) {
    const stored = this.#sessions.get(id)
    if (stored === undefined) return undefined
    const session = this.#fields?.clean(stored) ?? stored
    const sizes = this.#outputs.sizes(id)
    const details = { ...session, sizes, redactions: this.#sessions.redactions(id) }
    return { column: toColumn(id), session, details, sizes: sizesOf(details) }
  }

  /** The sizes of the terminal of a session. */
  sizesOf(id) {
    return sizesOf({ ...this.#sessions.get(id), sizes: this.#outputs.sizes(id) })
  }

  /** When a session started; undefined if it is not stored. */
  startOf(id) {
    return this.#sessions.get(id)?.startedAt
  }

  /** The next blocks of a session, from a place on. */
  blocks(id, { after, state }) {
    return this.#outputs.blocks(id, { after, state, limit: PAGE, redact: this.#redact })
  }

  hasOutput(id) {
    return this.#outputs.read(id, { limit: 1 }).outputs.length > 0
  }

  /** The mark of a chunk; undefined if it is not there. */
  markAt(id, cursor) {
    const chunk = this.#chunkAt(id, cursor)
    return chunk && markOf(chunk, { withText: this.#fields === undefined })
  }

  #chunkAt(id, cursor) {
    const [chunk] = this.#outputs.read(id, { after: cursor - 1, limit: 1 }).outputs
    return chunk?.cursor === cursor ? chunk : undefined
  }

  /** The sessions with output behind a cursor, with their last chunks. */
  heads(through) {
    const { db } = this.#connection
    const rows =
      through > 0
        ? 'SELECT session_id, max(id) FROM session_outputs NOT INDEXED WHERE id > ? GROUP BY session_id'
        : 'SELECT session_id, max(id) FROM session_outputs WHERE id > ? GROUP BY session_id'
    const heads = new Map(db.prepare(rows).raw().all(through))
    if (this.#isSealed()) {
      const sealed = db
        .prepare('SELECT session_id, through FROM gsd_session_seals WHERE through > ?')
        .raw()
        .all(through)
      for (const [id, last] of sealed) heads.set(id, Math.max(last, heads.get(id) ?? 0))
    }
    return heads
  }

  /** How many chunks a session has behind a cursor, up to another one. */
  count(id, after, upTo) {
    if (upTo === 0) return 0
    const table = this.#isSealed() ? 'session_outputs_all' : 'session_outputs'
    return this.#connection.db
      .prepare(`SELECT count(*) FROM ${table} WHERE session_id = ? AND id > ? AND id <= ?`)
      .pluck()
      .get(id, after ?? -Number.MAX_SAFE_INTEGER, upTo)
  }

  /** Whether some output of the file may stand in blocks. */
  #isSealed() {
    const { db } = this.#connection
    return (
      db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'gsd_session_seals'").get() !== undefined
    )
  }

  /** Whether what was sent of sessions, by their columns, is something else than what the file holds. */
  isOther(known) {
    const sent = [...known].filter(([, { position }]) => position > 0)
    sent.sort(([, one], [, other]) => other.position - one.position)
    if (sent.length === 0) return false
    // Cursors are never given twice.
    const last = this.#connection.db
      .prepare("SELECT seq FROM sqlite_sequence WHERE name = 'session_outputs'")
      .pluck()
      .get()
    if (last !== undefined && last < sent[0][1].position) return true
    return sent
      .slice(0, COMPARED)
      .some(([column, is]) => this.isOtherSession(fromColumn(column), is))
  }

  /** Whether the output that was sent of a session is not the beginning of what it has. */
  isOtherSession(id, { position, mark }) {
    const chunk = this.#chunkAt(id, position)
    if (chunk === undefined) {
      // It was removed with all before it, or it was never there.
      const [first] = this.#outputs.read(id, { limit: 1 }).outputs
      return first !== undefined && first.cursor < position
    }
    const isRedacted = () => Object.keys(this.#sessions.redactions(id)).length > 0
    return !isMarked(chunk, mark) && !(isRedacted() && isMarked(chunk, mark, { withText: false }))
  }
}
