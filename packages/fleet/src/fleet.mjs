// Reads what all machines have sent, as from one.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster } from './cluster.mjs'
import { FleetError, isTransient } from './errors.mjs'
import { Mirror } from './mirror.mjs'
import { fromColumn, toColumn } from './names.mjs'
import { boundaryOf, kindOf, partitionsOf, plan, run, settingsOf } from './schema.mjs'
import { conditionOf } from './terms.mjs'

/**
 * @import {
 *   Fleet as Declared,
 *   FleetFilter,
 *   FleetFollowOptions,
 *   FleetListOptions,
 *   FleetOptions,
 *   FleetSearchOptions,
 *   FleetSession,
 *   FleetSessionName,
 * } from '../index.js'
 */

/** Bytes of blocks of a session above which they stand in a temporary file instead of memory. */
const IN_MEMORY = 64 << 20

/** Blocks that are asked for at once. */
const AT_ONCE = 128

/** Sessions that are asked for at once. */
const SESSIONS = 500

/** How often a session that is followed is looked at, in milliseconds. */
const PAUSE = 500

/** How often tables are made that others make as well. */
const TRIES = 8

/** What a server says where somebody else has just made the same: a key, a table, a type or a function that is there. */
const MADE_BY_OTHERS = new Set(['23505', '42P07', '42710', '42P06', '42P17'])

/** The states of sessions that may print more. */
const GOES_ON = ['idle', 'running', 'waiting_checkpoint']

/** The key of a session in the cluster. No caller sees it. */
const KEY = Symbol('key')

/** A session of a row, and what is stored beside it. */
function rowOf({ store, host, session, details, removed, started, stale }) {
  const { sizes, redactions, ...stored } = JSON.parse(details)
  const shown = {
    ...stored,
    startedAt: new Date(stored.startedAt),
    ...(stored.endedAt === undefined ? {} : { endedAt: new Date(stored.endedAt) }),
    host,
    store,
    ...(removed === null ? {} : { removedAt: removed }),
  }
  Object.defineProperty(shown, KEY, { value: { started, store, session, stale } })
  return { shown, stored: { ...shown, sizes, redactions } }
}

/** Conditions and their values. */
class Where {
  #conditions = []
  values = []

  /** Adds a condition in which every `?` is a value. */
  add(condition, value) {
    this.values.push(value)
    this.#conditions.push(condition.replaceAll('?', `$${this.values.length}`))
    return this
  }

  /** The same for a value that is given, in the form that the cluster has. */
  addIf(condition, value, toColumns = (given) => given) {
    return value === undefined || value === null ? this : this.add(condition, toColumns(value))
  }

  /** Adds a condition without a value. */
  always(condition) {
    this.#conditions.push(condition)
    return this
  }

  /** Adds that columns, in the order of a key, are before or behind those of a row. */
  beyond(columns, operator, { started, store, session }) {
    const places = [started, store, session].map((value) => `$${this.values.push(value)}`)
    return this.always(`(${columns}) ${operator} (${places.join(', ')})`)
  }

  get sql() {
    return this.#conditions.length === 0 ? 'true' : this.#conditions.join(' AND ')
  }
}

/** A text for LIKE in which nothing stands for anything else. */
const literal = (text) => text.replaceAll(/[\\%_]/g, '\\$&')

/** @implements {Declared} */
export class Fleet {
  #cluster
  #isChecked = false

  /** @param {FleetOptions} [options] `to`: an address; that of `GSD_FLEET_URL` or the `PG*` variables without one. */
  constructor({ to, signal, patience } = {}) {
    this.#cluster = new Cluster(to, { signal, patience })
  }

  get address() {
    return this.#cluster.shown
  }

  /** Ends the connections. */
  close() {
    return this.#cluster.close()
  }

  /** Makes the tables, or what they lack: partitions for the months to come. */
  async init({ dryRun = false } = {}) {
    const planned = await this.#made(dryRun)
    const { kind, statements } = planned
    return { address: this.address, kind, statements }
  }

  /** Runs what is left to do. Where somebody else does the same at once, what they have done is left out. */
  async #made(dryRun) {
    for (let tries = 1; ; tries++) {
      const planned = await plan(this.#cluster)
      try {
        if (!dryRun) await run(this.#cluster, planned)
        return planned
      } catch (error) {
        if (tries === TRIES || !(MADE_BY_OTHERS.has(error.code) || isTransient(error))) throw error
        await sleep(tries * PAUSE * Math.random())
      }
    }
  }

  async #rows(sql, values) {
    if (!this.#isChecked) await settingsOf(this.#cluster)
    this.#isChecked = true
    return this.#cluster.query(sql, values)
  }

  /** @param {FleetFilter} [filter] */
  #where({ host, store, status, workingDir, command, since, until, id, prefix, removed } = {}) {
    const where = new Where()
      .addIf('st.host = ?', host)
      .addIf('s.store = ?', store)
      .addIf('s.status = ANY(?)', status, (one) => [one].flat())
      .addIf("(s.working_dir = ? OR left(s.working_dir, length(?) + 1) = ? || '/')", workingDir)
      .addIf('(s.command ILIKE ? OR s.title ILIKE ?)', command, (text) => `%${literal(text)}%`)
      .addIf('s.started >= ?', since)
      .addIf('s.started <= ?', until)
      .addIf('s.session = ?', id, toColumn)
      .addIf('left(s.session, length(?)) = ?', prefix)
    return removed === false ? where.always('s.removed IS NULL') : where
  }

  /**
   * The sessions of all machines, newest first.
   *
   * @param {FleetListOptions} [options]
   */
  async list(options = {}) {
    const { limit, before } = options
    const where = this.#where(options)
    if (before) {
      if (before[KEY] === undefined)
        throw new FleetError(
          'ERR_INVALID_ARG_TYPE',
          'Fleet.list: options.before must be a session of a list',
        )
      where.beyond('s.started, s.store, s.session', '<', before[KEY])
    }
    const most = limit === undefined || limit === null ? '' : `LIMIT ${Number(limit)}`
    const found = await this.#found(
      where,
      `ORDER BY s.started DESC, s.store DESC, s.session DESC ${most}`,
    )
    return found.map(({ shown }) => shown)
  }

  async #found(where, order) {
    const { schema } = this.#cluster
    const rows = await this.#rows(
      `SELECT s.*, st.host FROM ${schema}.sessions s JOIN ${schema}.stores st ON st.store = s.store WHERE ${where.sql} ${order}`,
      where.values,
    )
    return rows.map(rowOf)
  }

  /**
   * How many sessions there are.
   *
   * @param {FleetFilter} [options]
   */
  async count(options = {}) {
    const { schema } = this.#cluster
    const where = this.#where(options)
    const [{ count }] = await this.#rows(
      `SELECT count(*) AS count FROM ${schema}.sessions s JOIN ${schema}.stores st ON st.store = s.store WHERE ${where.sql}`,
      where.values,
    )
    return count
  }

  /**
   * The newest session with an id, of all machines or of one; undefined without one.
   *
   * @param {string} id
   * @param {Pick<FleetFilter, 'host' | 'store'>} [where]
   */
  async get(id, { host, store } = {}) {
    const [found] = await this.list({ id, host, store, limit: 1 })
    return found
  }

  /** What is known of the blocks of a session, in their order. */
  async #known({ started, store, session }, condition = 'true', after = -Infinity) {
    const { schema } = this.#cluster
    return this.#rows(
      `SELECT first, last, outputs, lines, state IS NOT NULL AS has_state, octet_length(block) AS length, ${condition} AS candidate
FROM ${schema}.blocks WHERE started = $1 AND store = $2 AND session = $3 AND last > $4 ORDER BY first`,
      [started, store, session, Math.max(after, -Number.MAX_SAFE_INTEGER)],
    )
  }

  /** Blocks of a session by their first chunks, some at a time. */
  async *#blocks({ started, store, session }, firsts) {
    const { schema } = this.#cluster
    for (let at = 0; at < firsts.length; at += AT_ONCE) {
      yield await this.#rows(
        `SELECT first, last, lines, state, block FROM ${schema}.blocks
WHERE started = $1 AND store = $2 AND session = $3 AND first = ANY($4) ORDER BY first`,
        [started, store, session, firsts.slice(at, at + AT_ONCE)],
      )
    }
  }

  /** The row of a session, whatever its output. */
  async #rowOf({ started, store, session }) {
    const where = new Where()
      .add('s.started = ?', started)
      .add('s.store = ?', store)
      .add('s.session = ?', session)
    const [found] = await this.#found(where, '')
    return found
  }

  /**
   * A store of this machine that has one session, with all that it printed. It is closed by the caller.
   *
   * @param {FleetSession | FleetSessionName} session
   */
  async open(session) {
    const key = await this.#keyOf(session)
    const known = await this.#known(key)
    const size = known.reduce((sum, { length }) => sum + length, 0)
    const opened = openMirror(size)
    try {
      const row = await this.#rowOf(key)
      const id = fromColumn(key.session)
      opened.mirror.putSession(row?.stored ?? { id, sizes: [] })
      for await (const rows of this.#blocks(
        key,
        known.map(({ first }) => first),
      )) {
        opened.mirror.putBlocks(id, rows, key.stale)
      }
      const { sessions, outputs, connection } = opened.mirror
      return { id, connection, sessions, outputs, close: opened.close }
    } catch (error) {
      opened.close()
      throw error
    }
  }

  async #keyOf(session) {
    if (session?.[KEY]) return session[KEY]
    const { id, host, store } = typeof session === 'string' ? { id: session } : session
    const found = await this.get(id, { host, store })
    if (found === undefined)
      throw new FleetError('ERR_NO_SESSION', `there is no session ${JSON.stringify(id)}`)
    return found[KEY]
  }

  /**
   * What a session prints from a cursor on, as it arrives, until it ends.
   *
   * @param {FleetSession | FleetSessionName} session
   * @param {FleetFollowOptions} [options]
   */
  async *follow(session, { after = 0, signal } = {}) {
    const key = await this.#keyOf(session)
    const mirror = new Mirror()
    try {
      let cursor = after
      for (;;) {
        signal?.throwIfAborted()
        const row = await this.#rowOf(key)
        const known = await this.#known(key, 'true', cursor)
        const id = fromColumn(key.session)
        for await (const rows of this.#blocks(
          key,
          known.map(({ first }) => first),
        )) {
          mirror.putSession({ id, sizes: [] })
          mirror.putBlocks(id, rows)
          for (const chunk of mirror.outputs.iterate(id)) {
            if (chunk.cursor <= cursor) continue
            cursor = chunk.cursor
            yield chunk
          }
        }
        const isOver =
          row === undefined ||
          row.shown.removedAt !== undefined ||
          !GOES_ON.includes(row.shown.status)
        if (isOver && known.length === 0) return
        if (known.length === 0) await sleep(PAUSE, undefined, { signal })
      }
    } finally {
      mirror.close()
    }
  }

  /**
   * Lines in what sessions printed, of all machines, by the start of their sessions.
   *
   * @param {string} pattern
   * @param {FleetSearchOptions} [options]
   */
  async *search(pattern, options = {}) {
    const { host, store, sessionId, since, until, limit = Infinity, signal, ...how } = options
    const known = new Mirror()
    try {
      const wanted = { how: { ...how, since, until }, signal }
      const condition = conditionOf(
        known.outputs.searchTerms(pattern, { regex: how.regex, caseSensitive: how.caseSensitive }),
      )
      let left = limit
      for await (const key of this.#candidates(condition, {
        host,
        store,
        sessionId,
        since,
        until,
      })) {
        signal?.throwIfAborted()
        for await (const match of this.#searchOne(known, pattern, wanted, condition, key)) {
          yield match
          if (--left <= 0) return
        }
      }
    } finally {
      known.close()
    }
  }

  /** The sessions in which something may match, the first one first. */
  async *#candidates(condition, { host, store, sessionId, since, until }) {
    const { schema } = this.#cluster
    const stale = await this.#rows(
      `SELECT started, store, session, stale FROM ${schema}.sessions WHERE stale > 0`,
    )
    const isStale = new Map(stale.map((row) => [keyText(row), row.stale]))
    let behind
    for (;;) {
      const where = new Where()
        .addIf('b.store IN (SELECT store FROM ' + schema + '.stores WHERE host = ?)', host)
        .addIf('b.store = ?', store)
        .addIf('b.session = ?', sessionId, toColumn)
        .addIf('b.latest >= ?', since)
        .addIf('b.earliest <= ?', until)
      if (behind) where.beyond('b.started, b.store, b.session', '>', behind)
      // Where the terminal has become another one since, filters tell nothing.
      if (stale.length === 0) where.always(condition)
      else {
        const ids = stale.map(({ session }) => session)
        where.add(`(${condition} OR b.session = ANY(?))`, ids)
      }
      const rows = await this.#rows(
        `SELECT b.started, b.store, b.session FROM ${schema}.blocks b WHERE ${where.sql}
GROUP BY b.started, b.store, b.session ORDER BY b.started, b.store, b.session LIMIT ${SESSIONS}`,
        where.values,
      )
      for (const row of rows) yield { ...row, stale: isStale.get(keyText(row)) ?? 0 }
      if (rows.length < SESSIONS) return
      behind = rows.at(-1)
    }
  }

  async *#searchOne(mirrorOfKnown, pattern, { how, signal }, condition, key) {
    const id = fromColumn(key.session)
    const [row, known] = await Promise.all([this.#rowOf(key), this.#known(key, condition)])
    const session = row?.stored ?? { id, sizes: [] }
    mirrorOfKnown.putSession(session)
    mirrorOfKnown.putKnown(id, known, key.stale)
    const read = new Set(mirrorOfKnown.outputs.searchedBlocks(pattern, { ...how, sessionId: id }))
    mirrorOfKnown.removeSession(id)
    if (read.size === 0) return
    const size = known.reduce((sum, { first, length }) => sum + (read.has(first) ? length : 0), 0)
    const { mirror, close } = openMirror(size)
    try {
      mirror.putSession(session)
      let at = 0
      for await (const rows of this.#blocks(key, [...read])) {
        // Those that are not read stand between, empty.
        const all = []
        const found = new Map(rows.map((one) => [one.first, one]))
        for (; at < known.length && (found.size > 0 || !read.has(known[at].first)); at++) {
          const { first, last, lines, candidate } = known[at]
          all.push({ first, last, lines, candidate, ...found.get(first) })
          found.delete(first)
        }
        mirror.putBlocks(id, all, key.stale)
      }
      const host = row?.shown.host ?? (await this.#hostOf(key.store))
      const options = { ...how, sessionId: id, signal }
      for await (const match of mirror.outputs.searchAsync(pattern, options)) {
        yield { ...match, host, store: key.store }
      }
    } finally {
      close()
    }
  }

  /** What the cluster is, and the files that were sent to it. */
  async status() {
    const { schema } = this.#cluster
    const settings = await settingsOf(this.#cluster)
    const kind = await kindOf(this.#cluster)
    const rows = await this.#rows(
      `SELECT store, host, path, epoch, copied_from, pushed_at FROM ${schema}.stores ORDER BY host, path, store`,
    )
    const counts = await this.#rows(
      `SELECT store, count(*) AS sessions FROM ${schema}.cursors GROUP BY store`,
    )
    const sessionsOf = new Map(counts.map(({ store, sessions }) => [store, sessions]))
    const partitions = await partitionsOf(this.#cluster)
    return {
      address: this.address,
      kind,
      version: Number(settings.version),
      keptFrom: settings.kept_from === undefined ? undefined : new Date(settings.kept_from),
      partitionsUntil: partitions.at(-1)?.to,
      stores: rows.map(({ store, host, path, epoch, ...row }) => ({
        store,
        host,
        path,
        epoch,
        sessions: sessionsOf.get(store) ?? 0,
        copiedFrom: row.copied_from ?? undefined,
        pushedAt: row.pushed_at ?? undefined,
      })),
    }
  }

  /**
   * Removes the sessions that started before a month: whole months, which are dropped. What is removed is not sent again.
   *
   * @param {{ olderThan?: Date, dryRun?: boolean }} [options] Without `olderThan` it throws.
   */
  async prune({ olderThan, dryRun = false } = {}) {
    if (!(olderThan instanceof Date) || Number.isNaN(olderThan.getTime())) {
      throw new FleetError(
        'ERR_INVALID_ARG_TYPE',
        'Fleet.prune: options.olderThan must be a valid Date',
      )
    }
    const { schema } = this.#cluster
    const partitions = await partitionsOf(this.#cluster)
    const before = boundaryOf(olderThan)
    const dropped = partitions.filter(({ to }) => to <= before)
    const [{ count }] = await this.#rows(
      `SELECT count(*) AS count FROM ${schema}.sessions WHERE started < $1`,
      [before],
    )
    const report = { before, sessions: count, dropped: dropped.map(({ name }) => name) }
    if (dryRun) return report
    // Whoever sends reads it in every transaction.
    await this.#rows(
      `INSERT INTO ${schema}.settings (name, value) VALUES ('kept_from', $1)
ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value WHERE settings.value < EXCLUDED.value`,
      [before.toISOString()],
    )
    for (const { name } of dropped) {
      await this.#cluster.patiently(() =>
        this.#cluster.transaction(async (client) => {
          // Readers do not wait for it behind a reader that takes its time.
          await client.query("SET LOCAL lock_timeout = '1s'")
          await client.query(`DROP TABLE ${schema}."${name}"`)
        }),
      )
    }
    // What has no partition of its own, and what was under way.
    for (const table of ['blocks', 'sessions', 'cursors']) await this.#delete(table, before)
    return report
  }

  /** Removes rows of sessions that started before a moment, some sessions at a time. */
  async #delete(table, before) {
    const { schema } = this.#cluster
    for (;;) {
      const found = await this.#rows(
        `SELECT DISTINCT store, session FROM ${schema}.${table} WHERE started < $1 LIMIT ${SESSIONS}`,
        [before],
      )
      if (found.length === 0) return
      for (const store of new Set(found.map((row) => row.store))) {
        const ids = found.filter((row) => row.store === store).map(({ session }) => session)
        await this.#rows(
          `DELETE FROM ${schema}.${table} WHERE started < $1 AND store = $2 AND session = ANY($3)`,
          [before, store, ids],
        )
      }
    }
  }

  #hosts = new Map()

  async #hostOf(store) {
    if (!this.#hosts.has(store)) {
      const [row] = await this.#rows(
        `SELECT host FROM ${this.#cluster.schema}.stores WHERE store = $1`,
        [store],
      )
      this.#hosts.set(store, row?.host)
    }
    return this.#hosts.get(store)
  }
}

const keyText = ({ started, store, session }) => `${started.getTime()} ${store} ${session}`

/** A mirror for blocks of so many bytes: in memory, or in a private temporary file. */
function openMirror(size) {
  if (size <= IN_MEMORY) {
    const mirror = new Mirror()
    return { mirror, close: () => mirror.close() }
  }
  const folder = mkdtempSync(join(tmpdir(), 'gsd-fleet-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    const mirror = new Mirror(join(folder, 'sessions.db'))
    return {
      mirror,
      close: () => {
        mirror.close()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}
