// Sends a file to a cluster. It reads the file as any other program does, and writes nothing into it but its UUID, once.

import { Batch } from './batch.mjs'
import { FleetError } from './errors.mjs'
import { register } from './identity.mjs'
import { fromColumn, shownColumn, toColumn } from './names.mjs'
import { amountOf, blind, placeOf } from './places.mjs'
import { settingsOf } from './schema.mjs'
import { sizesOf, staleUpTo } from './sizes.mjs'
import { Source } from './source.mjs'

/** @import { ShipperOptions } from '../index.js' */
/** @import { Cluster } from './cluster.mjs' */

/** Sessions whose place is remembered, with the state of their terminal: those that go on. */
const REMEMBERED = 1000

/** For how long a statement that sends may take, in milliseconds: a server that has gone says nothing. */
export const TIMEOUT = 60_000

/** A moment of the settings, in milliseconds. */
const momentOf = (text) => (text ? Date.parse(text) : -Infinity)

/** Rows of values for a statement: `($1, $2), ($3, $4)`. */
function placeholders(rows, columns) {
  const row = (at) =>
    `(${Array.from({ length: columns }, (_, i) => `$${at * columns + i + 1}`).join(', ')})`
  return Array.from({ length: rows }, (_, at) => row(at)).join(', ')
}

export class Shipping {
  #cluster
  #source
  #removals
  #onProgress
  #store
  // What the cluster has of each session: { started, position, mark }, with the sizes of its terminal where it was sent from here, and
  // the `cursor` where that is behind.
  #known = new Map()
  // Where to go on with sessions that were sent last.
  #places = new Map()
  // All chunks up to this one are in the cluster.
  #through = 0
  // The chunk before what may be the start of a secret, and waits.
  #waiting = Infinity
  // What SQLite says of the file after all of it was sent.
  #version
  // Sessions with a row that no block can hold.
  #unsendable = new Set()
  // Whether the output of a session turned out to be another one than what was sent.
  #isFoundOther = false
  // Whether the blocks of the cluster are asked for what they have, because its cursors do not tell.
  #asksBlocks = false
  #progress = 0
  // How much is sent of what is to be sent now, in sessions.
  #toSend = 0
  #shares = new Map()
  #keptFrom = -Infinity
  #report = { sessions: 0, blocks: 0, outputs: 0, bytes: 0, sentBytes: 0, failed: [] }

  /**
   * @param {Cluster} cluster The cluster.
   * @param {string} path The file.
   * @param {Pick<ShipperOptions, 'removals' | 'redact' | 'onProgress'>} [options]
   */
  constructor(cluster, path, { removals = 'keep', redact, onProgress = () => {} } = {}) {
    this.#cluster = cluster
    this.#source = new Source(path, redact)
    this.#removals = removals
    this.#onProgress = onProgress
  }

  /** Sends all that the file has and the cluster has not. Returns what was sent since it began. */
  async push() {
    try {
      await this.#cluster.patiently(() => this.#pushOnce(), {
        onRetry: () => this.#forget(),
        progress: () => this.#progress,
      })
    } catch (error) {
      this.#forget()
      throw error
    }
    return { store: this.#store.store, ...this.#report }
  }

  /** Closes the file and the connection to the cluster. */
  async close() {
    this.#source.close()
    await this.#cluster.close()
  }

  /** What the cluster has is asked for again. */
  #forget() {
    this.#store = undefined
    this.#known.clear()
    this.#places.clear()
    this.#unsendable.clear()
    this.#through = 0
    this.#version = undefined
  }

  async #pushOnce() {
    if (this.#source.open()) this.#forget()
    // Somebody has written something, unless this is what it was.
    const version = this.#source.version()
    if (this.#store !== undefined && version === this.#version) return
    if (this.#store === undefined) await this.#begin()
    await this.#sendSessions()
    const isAll = await this.#sendOutputs()
    this.#version = isAll ? version : undefined
  }

  /** Finds out which store the file is, and what the cluster has of it. */
  async #begin() {
    const { kept_from: keptFrom } = await settingsOf(this.#cluster)
    this.#keptFrom = momentOf(keptFrom)
    const isCopied = async ({ store }) => {
      await this.#load(store)
      const isOther = this.#isFoundOther || this.#source.isOther(this.#known)
      this.#isFoundOther = false
      return isOther
    }
    const { path, connection } = this.#source
    const store = await register(this.#cluster, path, connection, { isCopied })
    this.#store = store
    const { schema } = this.#cluster
    await this.#cluster.query(
      `UPDATE ${schema}.stores SET path = $2, pushed_at = now() WHERE store = $1`,
      [store.store, path],
    )
  }

  async #load(store) {
    const rows = await this.#cluster.query(
      `SELECT session, started, position, mark FROM ${this.#cluster.schema}.cursors WHERE store = $1`,
      [store],
    )
    this.#known = new Map(rows.map(({ session, ...row }) => [session, row]))
    if (!this.#asksBlocks) return
    const blocks = await this.#cluster.query(
      `SELECT session, started, max(last) AS last FROM ${this.#cluster.schema}.blocks WHERE store = $1
GROUP BY session, started ORDER BY last`,
      [store],
    )
    for (const { session, started, last } of blocks) {
      const { position: cursor = 0, ...known } = this.#known.get(session) ?? { started }
      if (last > cursor) this.#known.set(session, { ...known, position: last, cursor, mark: '' })
    }
  }

  /** Sends what has changed of the sessions themselves. */
  async #sendSessions() {
    for (;;) {
      const { changes, cursor, more } = this.#source.changes(this.#store.changes)
      if (changes.length === 0) return
      const stored = changes
        .flatMap(({ id }) => this.#source.detailsOf(id) ?? [])
        .filter(({ session }) => session.startedAt.getTime() >= this.#keptFrom)
      // Whoever follows a session that is over takes what is there for all of it.
      const over = stored.filter(({ column, session }) => this.#isOver(column, session))
      if (over.length > 0) await this.#sendOutputs(new Set(over.map(({ session }) => session.id)))
      const isStored = new Set(stored.map(({ column }) => column))
      const removed = changes
        .map(({ id }) => toColumn(id))
        .filter((column) => !isStored.has(column))
      await this.#cluster.transaction(async (client) => {
        await this.#check(client)
        if (stored.length > 0) await this.#sendStored(client, stored, cursor)
        if (removed.length > 0) await this.#sendRemoved(client, removed)
        const { schema } = this.#cluster
        const moved = await client.query(
          `UPDATE ${schema}.stores SET changes = $2 WHERE store = $1 AND changes = $3`,
          [this.#store.store, cursor, this.#store.changes],
        )
        if (moved.rowCount !== 1) throw behind()
      })
      this.#store.changes = cursor
      this.#report.sessions += changes.length
      this.#progress++
      if (!more) return
    }
  }

  /** Whether a session is over, and not another one with its id that the cluster knows. */
  #isOver(column, { status, startedAt }) {
    const known = this.#known.get(column)
    const isSame = known === undefined || known.started.getTime() === startedAt.getTime()
    return isSame && ['completed', 'failed'].includes(status)
  }

  async #sendStored(client, stored, changed) {
    const { schema } = this.#cluster
    const { store } = this.#store
    const columns = stored.map(({ column }) => column)
    const found = await client.query(
      `SELECT session, started, details, stale FROM ${schema}.sessions WHERE store = $1 AND session = ANY($2)`,
      [store, columns],
    )
    const before = new Map(
      found.rows.map((row) => [`${row.started.getTime()} ${row.session}`, row]),
    )
    const rows = stored.map(({ column, session, details, sizes }) => {
      const known = this.#known.get(column)
      const is = (started) => before.get(`${started.getTime()} ${column}`)
      // Output may have been there first. A session that was stored again under an id begins anew.
      const at = known && is(known.started)
      const isSame = known && (!at || startOf(at) === session.startedAt.getTime())
      const started = isSame ? known.started : session.startedAt
      const was = is(started)
      const seen = known?.sizes ?? (was && sizesOf(JSON.parse(was.details)))
      const stale = Math.max(was?.stale ?? 0, staleUpTo(seen, sizes, known?.position ?? 0))
      if (stale > 0) this.#places.delete(column)
      return { column, session, details, started, stale }
    })
    const values = rows.flatMap(({ column, session, details, started, stale }) => [
      started,
      store,
      column,
      changed,
      session.status,
      session.endedAt ?? null,
      shownColumn(session.workingDir),
      shownColumn(session.currentCommand),
      shownColumn(session.title),
      JSON.stringify(details),
      stale,
    ])
    await client.query(
      `INSERT INTO ${schema}.sessions
(started, store, session, changed, status, ended, working_dir, command, title, details, stale)
VALUES ${placeholders(rows.length, 11)}
ON CONFLICT (started, store, session) DO UPDATE SET changed = EXCLUDED.changed, status = EXCLUDED.status,
  ended = EXCLUDED.ended, working_dir = EXCLUDED.working_dir, command = EXCLUDED.command, title = EXCLUDED.title,
  details = EXCLUDED.details, stale = EXCLUDED.stale, removed = NULL
WHERE sessions.changed <= EXCLUDED.changed`,
      values,
    )
    const again = rows.filter(({ column, started }) =>
      found.rows.some(
        (row) => row.session === column && row.started.getTime() !== started.getTime(),
      ),
    )
    for (const { column, started } of again) {
      if (this.#removals === 'follow') {
        await client.query(
          `DELETE FROM ${schema}.blocks WHERE store = $1 AND session = $2 AND started <> $3`,
          [store, column, started],
        )
      }
      await client.query(
        `UPDATE ${schema}.sessions SET removed = now() WHERE store = $1 AND session = $2 AND started <> $3 AND removed IS NULL`,
        [store, column, started],
      )
    }
    for (const { column, started } of rows) {
      const known = this.#known.get(column)
      this.#known.set(column, { position: 0, mark: '', ...known, started })
    }
  }

  /** Notes that sessions are not stored any more. */
  async #sendRemoved(client, removed) {
    const { schema } = this.#cluster
    const { store } = this.#store
    const values = [store, removed]
    await client.query(
      `UPDATE ${schema}.sessions SET removed = now() WHERE store = $1 AND session = ANY($2) AND removed IS NULL`,
      values,
    )
    if (this.#removals !== 'follow') return
    const gone = removed.filter((column) => !this.#source.hasOutput(fromColumn(column)))
    await client.query(`DELETE FROM ${schema}.blocks WHERE store = $1 AND session = ANY($2)`, [
      store,
      gone,
    ])
  }

  /** Whoever sends as a store that was given up is told, and so is who sends what is not kept any more. */
  async #check(client) {
    const { schema } = this.#cluster
    const { rows } = await client.query(
      `SELECT epoch, (SELECT value FROM ${schema}.settings WHERE name = 'kept_from') AS kept_from
FROM ${schema}.stores WHERE store = $1`,
      [this.#store.store],
    )
    const [now] = rows
    if (now?.epoch !== this.#store.epoch || momentOf(now.kept_from) !== this.#keptFrom)
      throw behind()
  }

  /** Sends output: of all sessions, or of some. Returns whether that is all there is: what may be the start of a secret waits. */
  async #sendOutputs(only) {
    const heads = this.#source.heads(this.#through)
    this.#waiting = Infinity
    let batch = new Batch()
    let sending = Promise.resolve()
    const send = async () => {
      const full = batch
      batch = new Batch()
      await sending
      sending = this.#send(full)
      // It is awaited before the next one is sent. Meanwhile its failure has to wait.
      sending.catch(() => {})
    }
    const lacks = ([id, last]) =>
      last > (this.#known.get(toColumn(id))?.position ?? 0) && !this.#unsendable.has(id)
    /** @param {[string, number]} head */
    const isMeant = ([id]) => only === undefined || only.has(id)
    const toSend = [...heads].filter((head) => isMeant(head) && lacks(head))
    this.#toSend = toSend.length
    this.#shares.clear()
    try {
      for (const head of toSend) {
        for await (const page of this.#sendable(head)) {
          batch.add(page)
          if (batch.isFull()) await send()
        }
      }
      await send()
      await sending
    } finally {
      // Nothing of it is under way when it is begun again.
      await sending.catch(() => {})
    }
    const through = [...heads.values()].reduce((most, last) => Math.max(most, last), this.#through)
    if (only === undefined) this.#through = Math.min(through, this.#waiting)
    return this.#waiting === Infinity
  }

  /** The same as {@link Shipping.#pagesOf}, with how much of it each page is. A session that cannot be sent is told. */
  async *#sendable([id, last]) {
    try {
      for await (const page of this.#pagesOf(id, toColumn(id), last)) {
        yield { ...page, share: page.position / last }
      }
    } catch (error) {
      if (error.code !== 'SQLITE_MISMATCH') throw error
      this.#unsendable.add(id)
      this.#report.failed.push({ session: id, reason: error.message })
    }
  }

  /** The blocks of a session that the cluster lacks, up to its last chunk. */
  async *#pagesOf(id, column, head) {
    const known = this.#known.get(column) ?? { position: 0, mark: '', started: undefined }
    if (known.position > 0 && this.#source.isOtherSession(id, known)) {
      this.#isFoundOther = true
      throw behind()
    }
    let { started, position } = known
    let isFirst = true
    let place =
      this.#places.get(column) ??
      (await placeOf(this.#cluster, { ...known, store: this.#store.store, column }))
    // What was removed meanwhile was sent, and stays there: what is left does not take its place.
    if (this.#source.count(id, place.after, position) !== place.outputs) place = blind(position)
    for (let more = true; more;) {
      const page = this.#source.blocks(id, place)
      const next = page.blocks.find(({ last }) => last > position)
      // A block takes the place of the last one that was sent only if it begins with it: other rules of redaction cut others.
      if (next !== undefined && next.first <= position && next.first !== place.sent) {
        place = blind(position)
        continue
      }
      more = page.more
      const sizes = this.#source.sizesOf(id)
      // Those that were sent and were full are the same again.
      const blocks = page.blocks
        .filter(({ last }) => last > position)
        .map((block) =>
          place.isBlind
            ? { ...block, lines: undefined, filter: undefined, state: undefined }
            : block,
        )
      const { after, state } = page
      const { isBlind } = place
      const all = amountOf(page.blocks)
      const added = { outputs: all.outputs - place.outputs, bytes: all.bytes - place.bytes }
      const open = amountOf(page.blocks.filter(({ first }) => first > (after ?? -Infinity)))
      const sent = blocks.at(-1)?.first ?? place.sent
      place = { after, state: isBlind ? undefined : state, isBlind, ...open, sent }
      if (blocks.length === 0) continue
      started ??= this.#source.startOf(id) ?? momentOr(blocks[0].earliest, new Date(0))
      if (started.getTime() < this.#keptFrom) return
      const before = isFirst ? (known.cursor ?? position) : position
      isFirst = false
      position = blocks.at(-1).last
      const mark = this.#source.markAt(id, position)
      // It was removed meanwhile: what comes next tells whether that is all.
      if (mark === undefined) throw behind()
      yield { column, started, blocks, before, position, mark, place, sizes, added }
    }
    if (position < head) this.#waiting = Math.min(this.#waiting, position)
  }

  /** Sends blocks, and moves the cursors of their sessions, both or neither. */
  async #send(batch) {
    const pages = [...batch.pages.values()]
    if (pages.length === 0) return
    const { schema } = this.#cluster
    const { store, epoch } = this.#store
    // Two who send the same wait for each other in one order.
    pages.sort((one, other) => (one.column < other.column ? -1 : 1))
    const cursors = pages.flatMap(({ column, started, position, before, mark }) => [
      store,
      column,
      started,
      position,
      before,
      epoch,
      mark,
    ])
    const blocks = pages.flatMap(({ column, started, blocks: all }) =>
      [...all.values()].map((block) => ({ column, started, block })),
    )
    const values = blocks.flatMap(({ column, started, block }) => [
      started,
      store,
      column,
      block.first,
      block.last,
      block.outputs,
      block.bytes,
      momentOr(block.earliest, started),
      momentOr(block.latest, started),
      block.lines ?? null,
      block.filter ?? null,
      block.state ?? null,
      block.block,
    ])
    // A cluster that was restored, or lost a leader, may have less than it has told.
    const known = pages.filter(({ before }) => before > 0).map(({ column }) => column)
    await this.#cluster.transaction(async (client) => {
      await this.#check(client)
      const found = await client.query(
        `SELECT count(*) AS count FROM ${schema}.cursors WHERE store = $1 AND session = ANY($2)`,
        [store, known],
      )
      if (found.rows[0].count !== known.length) throw behind()
      const moved = await client.query(
        `INSERT INTO ${schema}.cursors (store, session, started, position, before, epoch, mark)
VALUES ${placeholders(pages.length, 7)}
ON CONFLICT (store, session) DO UPDATE SET started = EXCLUDED.started, position = EXCLUDED.position,
  before = EXCLUDED.before, epoch = EXCLUDED.epoch, mark = EXCLUDED.mark
WHERE cursors.position = EXCLUDED.before`,
        cursors,
      )
      if (moved.rowCount !== pages.length) throw behind()
      const stored = await client.query(
        `INSERT INTO ${schema}.blocks
(started, store, session, first, last, outputs, bytes, earliest, latest, lines, filter, state, block)
VALUES ${placeholders(blocks.length, 13)}
ON CONFLICT (started, store, session, first) DO UPDATE SET last = EXCLUDED.last, outputs = EXCLUDED.outputs,
  bytes = EXCLUDED.bytes, earliest = EXCLUDED.earliest, latest = EXCLUDED.latest, lines = EXCLUDED.lines,
  filter = EXCLUDED.filter, state = EXCLUDED.state, block = EXCLUDED.block
WHERE blocks.last < EXCLUDED.last`,
        values,
      )
      if (stored.rowCount !== blocks.length) {
        // There are blocks that no cursor tells of.
        this.#asksBlocks = true
        throw behind()
      }
    })
    for (const { column, started, position, mark, place, sizes, share, added } of pages) {
      this.#report.outputs += added.outputs
      this.#report.bytes += added.bytes
      this.#shares.set(column, Math.min(share, 1))
      this.#known.set(column, { started, position, mark, sizes })
      this.#remember(column, place)
    }
    for (const { block } of blocks) {
      this.#report.blocks++
      this.#report.sentBytes += block.block.length
    }
    this.#progress++
    const done = [...this.#shares.values()].reduce((sum, share) => sum + share, 0)
    this.#onProgress({ ...this.#report, done, total: this.#toSend })
  }

  #remember(column, place) {
    this.#places.delete(column)
    this.#places.set(column, place)
    if (this.#places.size > REMEMBERED) this.#places.delete(this.#places.keys().next().value)
  }
}

/** When the session of a row started. Output that was there first may have given the row another key. */
const startOf = ({ details }) => Date.parse(JSON.parse(details).startedAt)

/** What was known of the cluster is not what it has: it is asked again. */
const behind = () =>
  new FleetError('ERR_BEHIND', 'somebody else sends the same file, or the cluster has changed')

/** The moment of a chunk, unless another program has stored something that is none. */
const momentOr = (moment, other) => (Number.isNaN(moment.getTime()) ? other : moment)
