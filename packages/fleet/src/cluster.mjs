// Connections to a cluster, and transactions that are tried again.

import { setTimeout as sleep } from 'node:timers/promises'
import { types } from 'pg'
import { addressOf } from './address.mjs'
import { FleetError, isOfConnection, isTransient } from './errors.mjs'

/** Connections that are kept at most. */
const MOST = 4

/** The first pause before something is tried again, and the longest, in milliseconds. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 10_000

/** How long something is tried, unless it is told, in milliseconds. */
const PATIENCE = 30_000

/** What tells whether a server is of the kind that is wanted. */
const KINDS = {
  'read-write': ['SHOW transaction_read_only', (value) => value === 'off'],
  'read-only': ['SHOW transaction_read_only', (value) => value === 'on'],
  primary: ['SELECT pg_is_in_recovery()', (value) => value === false],
  standby: ['SELECT pg_is_in_recovery()', (value) => value === true],
}

export class Cluster {
  #address
  #idle = []
  #open = new Set()
  #isClosed = false
  // The host that answered last is asked first.
  #at = 0

  /**
   * @param {string} [to] An address, or undefined for that of the environment.
   * @param {{ patience?: number, signal?: AbortSignal, timeout?: number }} [options] `timeout`: for how long a statement may take, in
   * milliseconds; a connection that has not answered by then is given up.
   */
  constructor(to, { patience = PATIENCE, signal, timeout } = {}) {
    this.#address = addressOf(to)
    this.patience = patience
    this.signal = signal
    this.timeout = timeout
  }

  /** The address without its secrets. */
  get shown() {
    return this.#address.shown
  }

  /** The schema of the tables, quoted. */
  get schema() {
    return `"${this.#address.schema.replaceAll('"', '""')}"`
  }

  get schemaName() {
    return this.#address.schema
  }

  async #connect() {
    const { hosts, target, clientOf } = this.#address
    let failure
    for (let i = 0; i < hosts.length; i++) {
      const at = (this.#at + i) % hosts.length
      const host = hosts[at]
      const client = clientOf(host, { timeout: this.timeout })
      // What comes between two queries ends the connection, and the next query tells.
      client.on('error', () => {})
      // No cursor and no count is larger than the numbers that JavaScript holds exactly.
      client.setTypeParser(types.builtins.INT8, Number)
      try {
        await client.connect()
        const [question, isIt] = KINDS[target] ?? []
        if (question !== undefined) {
          const { rows } = await client.query({ text: question, rowMode: 'array' })
          if (!isIt(rows[0][0])) {
            throw new FleetError(
              'ERR_CONNECTION_LOST',
              `${host.host}:${host.port} is not ${target}`,
            )
          }
        }
        this.#at = at
        this.#open.add(client)
        client.once('end', () => this.#open.delete(client))
        return client
      } catch (error) {
        client.end().catch(() => {})
        failure ??= error
        if (!isTransient(error)) throw this.#told(error)
      }
    }
    throw this.#told(failure)
  }

  /** An error that says which cluster it was. */
  #told(error) {
    // Several addresses of one name were tried.
    const first = error instanceof AggregateError ? error.errors[0] : error
    const code = first.code ?? 'ERR_CONNECTION_LOST'
    return new FleetError(code, `${this.shown}: ${first.message}`, { cause: error })
  }

  /** Runs `work` with a connection. */
  async use(work) {
    if (this.#isClosed)
      throw new FleetError('ERR_INVALID_STATE', 'the connection to the cluster is closed')
    const client = this.#idle.pop() ?? (await this.#connect())
    try {
      const result = await work(client)
      this.#giveBack(client)
      return result
    } catch (error) {
      if (isOfConnection(error) || !(await this.#isUsable(client))) this.#drop(client)
      else this.#giveBack(client)
      throw error
    }
  }

  #giveBack(client) {
    if (this.#isClosed || this.#idle.length >= MOST || !this.#open.has(client)) this.#drop(client)
    else this.#idle.push(client)
  }

  #drop(client) {
    this.#open.delete(client)
    client.end().catch(() => {})
  }

  /** Ends the transaction that an error has left, if there is one. */
  async #isUsable(client) {
    try {
      await client.query('ROLLBACK')
      return true
    } catch {
      return false
    }
  }

  /** Runs `work` in a transaction. It is not tried again: what it was about may have changed. */
  transaction(work) {
    return this.use(async (client) => {
      await client.query('BEGIN')
      const result = await work(client)
      await client.query('COMMIT')
      return result
    })
  }

  /** The rows of a query that changes nothing, or something that may be changed twice. */
  async query(text, values = []) {
    const { rows } = await this.patiently(() => this.use((client) => client.query(text, values)))
    return rows
  }

  /**
   * Runs `work`, again and again while it fails for a reason that passes, for as long as the patience lasts after its last progress.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @param {object} [how]
   * @param {number} [how.patience] In milliseconds.
   * @param {(error: NodeJS.ErrnoException, wait: number) => void} [how.onRetry] Called before each pause.
   * @param {() => number} [how.progress] Gives another number whenever something was done.
   */
  async patiently(work, { patience = this.patience, onRetry = () => {}, progress = () => 0 } = {}) {
    // The clock of the day may be set meanwhile.
    const now = () => performance.now()
    let [end, pause, done] = [now() + patience, FIRST_PAUSE, progress()]
    for (;;) {
      this.signal?.throwIfAborted()
      try {
        return await work()
      } catch (error) {
        this.signal?.throwIfAborted()
        if (progress() !== done) [end, pause, done] = [now() + patience, FIRST_PAUSE, progress()]
        // Those who failed together should not come again together.
        const wait = pause * (0.5 + Math.random())
        if (!isTransient(error) || now() + wait > end) throw error
        onRetry(error, wait)
        await sleep(wait, undefined, { signal: this.signal })
        pause = Math.min(pause * 2, LONGEST_PAUSE)
      }
    }
  }

  /** Ends all connections. */
  async close() {
    this.#isClosed = true
    this.#idle = []
    const open = [...this.#open]
    this.#open.clear()
    await Promise.allSettled(open.map((client) => client.end()))
  }
}
