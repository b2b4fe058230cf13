// What servers show: the sessions of a file, or those of a fleet, by the same calls.

import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { Failure } from './command.mjs'
import { STATUSES } from './commands/list.mjs'
import { meets } from './naming.mjs'

/** @import { SearchAsyncOptions, SessionStatus } from '@gsd/session-store' */

/** Sessions that are read at once where a filter looks at each. */
const PAGE = 500

/** Chunks of a session that are given at once. */
const FOLLOWED = 200

/** How often a session is looked at that may print more, in milliseconds. */
const PAUSE = 100

/** How often whoever shows a fleet asks again, in milliseconds. */
const FLEET_PAUSE = 2_000

/** For how long a session of a fleet is kept that was opened last, in milliseconds. */
const KEPT = 30_000

/** Characters of the UUID of a file in the name of a session of a fleet. */
const OF_FILE = 8

/** The states of sessions that print no more. */
const OVER = new Set(['completed', 'failed'])

/**
 * Which sessions are meant.
 *
 * @typedef {object} HistoryFilter
 * @property {SessionStatus | readonly SessionStatus[]} [status]
 * @property {string} [host] The machine, in a fleet.
 * @property {string} [command] A part of the command or the title, in any case.
 * @property {string} [dir] The folder, or one above it.
 * @property {Date} [since]
 * @property {Date} [until]
 */

/** @typedef {HistoryFilter & { limit?: number, before?: string }} HistoryList */

/** @typedef {{ after?: number, signal?: AbortSignal }} HistoryFollow */

/** @typedef {SearchAsyncOptions & { session?: string, host?: string }} HistorySearch */

/** The sessions of a file. Their names are their ids. */
class FileHistory {
  kind = 'file'
  #connection
  #sessions
  #outputs

  constructor(path) {
    if (!existsSync(path)) throw new Failure(`there is no file ${JSON.stringify(path)}`)
    this.where = resolve(path)
    this.#connection = new DatabaseConnection(path, { readonly: true, fileMustExist: true })
    this.#sessions = new SessionStore(this.#connection)
    this.#outputs = new OutputStore(this.#connection)
  }

  /**
   * The sessions that meet a filter, newest first, behind one of them.
   *
   * @param {HistoryList} [options]
   */
  async list({ status, host: _host, since, until, limit, before, ...filter } = {}) {
    const found = []
    const isWanted = meets(filter)
    const isFiltered = Object.values(filter).some((value) => value !== undefined)
    const size = isFiltered ? PAGE : Math.min(limit ?? PAGE, PAGE)
    let last = before === undefined ? undefined : await this.#known(before)
    for (;;) {
      const page = this.#sessions.list({ status, since, until, before: last, limit: size })
      for (const session of page) {
        if (isWanted(session)) found.push(session)
        if (found.length === limit) return found
      }
      if (page.length < size) return found
      last = page.at(-1)
      // Other calls come in between.
      await setImmediate()
    }
  }

  /** What `before` takes to go on behind a session. */
  cursorOf({ id }) {
    return id
  }

  async #known(name) {
    const session = await this.get(name)
    if (session === undefined) throw new Failure(`there is no session ${JSON.stringify(name)}`)
    return session
  }

  /** The session with a name; undefined without one. */
  async get(name) {
    return this.#sessions.get(name)
  }

  /** The names that begin so, the newest first. */
  async starting(prefix, limit) {
    return this.#connection.db
      .prepare('SELECT id FROM sessions WHERE substr(id, 1, ?) = ? ORDER BY rowid DESC LIMIT ?')
      .pluck()
      .all([...prefix].length, prefix, limit)
  }

  /** The stores of a session, to read it by. */
  async open(name) {
    const { id } = await this.#known(name)
    const [connection, sessions, outputs] = [this.#connection, this.#sessions, this.#outputs]
    return { id, connection, sessions, outputs, close: () => {} }
  }

  /**
   * What a session prints behind a cursor, as it comes, until it is over. Nothing comes once in a while as well.
   *
   * @param {string} name
   * @param {HistoryFollow} [options]
   */
  async *follow(name, { after, signal } = {}) {
    const { id } = await this.#known(name)
    for (let cursor = after; ;) {
      signal?.throwIfAborted()
      const session = this.#sessions.get(id)
      const page = this.#outputs.read(id, { after: cursor, limit: FOLLOWED })
      cursor = page.cursor
      yield page.outputs
      if (page.outputs.length > 0) {
        // Timers and other calls come in between.
        await setImmediate()
        continue
      }
      if (session === undefined || OVER.has(session.status)) return
      await sleep(PAUSE, undefined, { signal })
    }
  }

  /**
   * The lines that match, session by session.
   *
   * @param {string} pattern
   * @param {HistorySearch} [options]
   */
  async *search(pattern, { session, host: _host, ...options } = {}) {
    if (session !== undefined) await this.#known(session)
    yield* this.#outputs.searchAsync(pattern, { ...options, sessionId: session })
  }

  /**
   * How many sessions there are of each state; with `amounts` all that the file holds, by time as well with `every`. That looks at
   * all of it, off the event loop.
   *
   * @param {{ amounts?: boolean, every?: number }} [options]
   */
  async stats({ amounts = false, every } = {}) {
    if (amounts) {
      const { periods, ...found } = await this.#inThread('stats', { every })
      return every === undefined ? found : { ...found, periods }
    }
    const counts = STATUSES.map((status) => [status, this.#sessions.count({ status })])
    return { sessions: Object.fromEntries(counts), fileBytes: statSync(this.where).size }
  }

  /** What pruning old sessions, and packing those that are over, would give back. */
  async savings({ olderThan }) {
    return this.#inThread('savings', { olderThan })
  }

  async #inThread(task, options) {
    const workerData = { path: this.where, task, options }
    const worker = new Worker(new URL('./history-thread.mjs', import.meta.url), { workerData })
    const [answer] = await once(worker, 'message')
    return answer
  }

  /** The sizes that the terminal of a session had. */
  async sizes(name) {
    return this.#outputs.sizes(name)
  }

  /** Sessions with the moment of their last output. */
  async withLastOutput(sessions) {
    return sessions.map((session) => {
      const [last] = this.#outputs.tail(session.id, { chunks: 1 }).outputs
      return { ...session, lastOutput: last?.timestamp }
    })
  }

  /** Calls `callback` with the names of sessions that have changed, or printed. Returns what ends it. */
  watch(callback) {
    return this.#connection.watch(({ sessions }) => callback(sessions))
  }

  /** Runs `work` with a connection that may write. */
  async #writing(work) {
    const connection = new DatabaseConnection(this.where, { fileMustExist: true })
    try {
      return await work(connection)
    } finally {
      connection.close()
    }
  }

  /** Removes a session with all that it printed. */
  async remove(name) {
    await this.#known(name)
    await this.#writing((connection) => new SessionStore(connection).delete(name))
  }

  /** Removes old sessions that are over, or tells what that would remove. */
  prune(options) {
    return this.#writing((connection) => connection.prune(options))
  }

  async close() {
    this.#connection.close()
  }
}

/** The sessions of a fleet. Their names are the starts of the UUIDs of their files, and their ids. */
class FleetHistory {
  kind = 'fleet'
  #fleet
  #stores = []
  // The session that was opened last, if it is over.
  #kept

  constructor(fleet) {
    this.#fleet = fleet
    this.where = fleet.address
  }

  #named(session) {
    return { ...session, id: `${session.store.slice(0, OF_FILE)}/${session.id}` }
  }

  /** The file that a name begins with, and the rest. */
  async #split(name) {
    const [, start, id] = /^([\da-f-]{8,36})\/(.*)$/s.exec(name) ?? []
    if (id === undefined) return {}
    const find = () => this.#stores.find(({ store }) => store.startsWith(start))
    if (find() === undefined) this.#stores = (await this.#fleet.status()).stores
    return { store: find()?.store, id }
  }

  /** The session with a name, as a fleet has it; of several with one id the newest, or that of a cursor. */
  async #found(name) {
    const { store, id } = await this.#split(name)
    if (store === undefined) return undefined
    const found = await this.#fleet.get(id, { store })
    const [, own, at] = /^(.*)@(\d{1,15})$/s.exec(id) ?? []
    if (found !== undefined || own === undefined) return found
    const started = new Date(Number(at))
    const [of] = await this.#fleet.list({ store, id: own, since: started, until: started })
    return of
  }

  /** What `before` takes to go on behind a session. */
  cursorOf({ id, startedAt }) {
    return `${id}@${startedAt.getTime()}`
  }

  async #known(name) {
    const session = await this.#found(name)
    if (session === undefined) throw new Failure(`there is no session ${JSON.stringify(name)}`)
    return session
  }

  /** @param {HistoryList} [options] */
  async list({ dir, before, ...filter } = {}) {
    const behind = before === undefined ? undefined : await this.#known(before)
    const found = await this.#fleet.list({ ...filter, workingDir: dir, before: behind })
    return found.map((session) => this.#named(session))
  }

  async get(name) {
    const session = await this.#found(name)
    return session && this.#named(session)
  }

  async starting(prefix, limit) {
    const { store, id = prefix } = await this.#split(prefix)
    const found = await this.#fleet.list({ store, prefix: id, limit })
    return found.map((session) => this.#named(session).id)
  }

  /** A session that is over is kept for a while: whoever reads a page asks for the next one. */
  async open(name) {
    const session = await this.#known(name)
    const key = `${session.store} ${session.id} ${session.startedAt.getTime()}`
    if (this.#kept?.key !== key) {
      const opened = await this.#fleet.open(session)
      if (!OVER.has(session.status)) return opened
      this.#forget()
      this.#kept = { key, opened, users: 0, isKept: true, timer: undefined }
    }
    const kept = this.#kept
    kept.users++
    clearTimeout(kept.timer)
    kept.timer = setTimeout(() => this.#forget(kept), KEPT).unref()
    const close = () => {
      kept.users--
      if (!kept.isKept && kept.users === 0) kept.opened.close()
    }
    return { ...kept.opened, close }
  }

  /** Closes the session that is kept, once nobody reads it. */
  #forget(kept = this.#kept) {
    if (kept === undefined || !kept.isKept) return
    kept.isKept = false
    clearTimeout(kept.timer)
    if (this.#kept === kept) this.#kept = undefined
    if (kept.users === 0) kept.opened.close()
  }

  /**
   * @param {string} name
   * @param {HistoryFollow} [options]
   */
  async *follow(name, { after, signal } = {}) {
    const session = await this.#known(name)
    const chunks = this.#fleet.follow(session, { after, signal })
    let next = chunks.next()
    try {
      for (;;) {
        const gathered = []
        while (gathered.length < FOLLOWED) {
          const more =
            gathered.length > 0 ? setImmediate() : sleep(PAUSE, undefined, { ref: false })
          const found = await Promise.race([next, more])
          if (found === undefined) break
          if (found.done) {
            if (gathered.length > 0) yield gathered
            return
          }
          gathered.push(found.value)
          next = chunks.next()
        }
        yield gathered
      }
    } finally {
      // Whoever leaves does not wait for what would come.
      next.catch(() => {})
      chunks.return().catch(() => {})
    }
  }

  /**
   * @param {string} pattern
   * @param {HistorySearch} [options]
   */
  async *search(pattern, { session, ...options } = {}) {
    /** @type {{ sessionId?: string, store?: string }} */
    const where = {}
    if (session !== undefined) {
      const { id, store } = await this.#known(session)
      Object.assign(where, { sessionId: id, store })
    }
    for await (const match of this.#fleet.search(pattern, { ...options, ...where })) {
      yield { ...match, sessionId: this.#named({ store: match.store, id: match.sessionId }).id }
    }
  }

  async stats() {
    return this.#fleet.status()
  }

  /** The files are packed on their machines. */
  async savings({ olderThan }) {
    const { sessions } = await this.#fleet.prune({ olderThan, dryRun: true })
    return { prune: { sessions } }
  }

  /** A fleet does not tell later ones without reading the session. */
  async sizes() {
    return undefined
  }

  /** A fleet does not tell it without reading blocks. */
  async withLastOutput(sessions) {
    return sessions
  }

  /** A fleet tells nothing by itself: whoever shows it asks again now and then. */
  watch(callback) {
    const timer = setInterval(() => callback([]), FLEET_PAUSE)
    return () => clearInterval(timer)
  }

  async remove() {
    throw new Failure('sessions of a fleet are removed on their machines')
  }

  prune({ olderThan, dryRun }) {
    return this.#fleet.prune({ olderThan, dryRun })
  }

  async close() {
    this.#forget()
    await this.#fleet.close()
  }
}

/**
 * Opens the sessions of a file, or of a fleet where one is named.
 *
 * @param {{ db?: string, fleet?: string }} where
 */
export async function openHistory({ db, fleet }) {
  if (fleet === undefined) return new FileHistory(db)
  const { Fleet } = await import('@gsd/session-fleet').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Failure('--fleet needs a package: npm install @gsd/session-fleet')
  })
  return new FleetHistory(new Fleet({ to: fleet }))
}
