// The operations of writers. Each is recorded in the journal before and after.

import { OutputStore, SessionStore } from '../../../index.js'
import { chunkOf, idOf, sessionOf, withSecrets } from '../lib/content.mjs'

/** Sessions that one process writes, and nobody else. */
export class Writer {
  #seed
  #journal
  #next = new Map()
  #version = new Map()
  #unused
  #db
  #given

  constructor({ job, connection, journal }) {
    this.#seed = job.seed
    this.#journal = journal
    this.#unused = job.firstStream
    for (const { stream, version, next } of job.inherited ?? []) {
      this.#version.set(stream, version)
      this.#next.set(stream, next)
    }
    this.#db = connection.db
    this.#given = job.options.redact ? withSecrets : (text) => text
    this.sessions = new SessionStore(connection)
    this.outputs = new OutputStore(connection, job.store)
  }

  #tell(operation, call) {
    this.#journal.begin(operation)
    call()
    this.#journal.done()
  }

  /** The next chunk of a session; it counts as used. */
  #chunk(stream) {
    const sequence = this.#next.get(stream)
    this.#next.set(stream, sequence + 1)
    const chunk = chunkOf(this.#seed, stream, sequence)
    return { ...chunk, data: this.#given(chunk.data) }
  }

  /** A session as it is after so many updates. */
  #session(stream, version) {
    const session = sessionOf(this.#seed, stream, version)
    return { ...session, currentCommand: this.#given(session.currentCommand) }
  }

  /** How many chunks a session was sent. */
  sent(stream) {
    return this.#next.get(stream)
  }

  /** Creates a session and gives its number. */
  create() {
    const stream = this.#unused++
    this.#next.set(stream, 0)
    this.#version.set(stream, 0)
    this.#tell(`create ${stream}`, () => this.sessions.create(this.#session(stream, 0)))
    return stream
  }

  update(stream) {
    const version = this.#version.get(stream) + 1
    this.#version.set(stream, version)
    const { status, currentCommand = null, endedAt = null, pid } = this.#session(stream, version)
    const fields = { status, currentCommand, endedAt, pid }
    this.#tell(`update ${stream}`, () => this.sessions.update(idOf(stream), fields))
  }

  delete(stream) {
    this.#tell(`delete ${stream}`, () => this.sessions.delete(idOf(stream)))
  }

  deleteButKeepOutputs(stream) {
    this.#tell(`delete-session ${stream}`, () =>
      this.sessions.delete(idOf(stream), { keepOutputs: true }),
    )
  }

  deleteOutputs(stream) {
    this.#tell(`delete-outputs ${stream}`, () => this.outputs.deleteBySession(idOf(stream)))
  }

  append(stream) {
    const chunk = this.#chunk(stream)
    this.#tell(`append ${stream}`, () => this.outputs.append(chunk))
  }

  /** Appends chunks of the sessions by turns, all or nothing. */
  appendMany(streams, rounds) {
    const chunks = this.#rounds(streams, rounds)
    const parts = streams.map((stream) => `${stream}:${rounds}`).join(' ')
    this.#tell(`append-many ${parts}`, () => this.outputs.appendMany(chunks))
  }

  /** The same in a transaction around `append`, with write-behind or without. */
  transact(streams, rounds) {
    const chunks = this.#rounds(streams, rounds)
    const parts = streams.map((stream) => `${stream}:${rounds}`).join(' ')
    this.#tell(`append-many ${parts}`, () => this.#transaction(chunks))
  }

  /** Appends in a transaction that is undone: none of it may ever be seen. */
  rollBack(streams, rounds) {
    const before = new Map(this.#next)
    const undone = new Error('undone')
    const chunks = this.#rounds(streams, rounds)
    try {
      this.#transaction(chunks, undone)
    } catch (error) {
      if (error !== undone) throw error
    }
    this.#next = before
  }

  #rounds(streams, rounds) {
    return Array.from({ length: rounds }, () => streams.map((stream) => this.#chunk(stream))).flat()
  }

  #transaction(chunks, failure) {
    const append = this.#db.transaction(() => {
      for (const chunk of chunks) this.outputs.append(chunk)
      if (failure) throw failure
    })
    append.immediate()
  }

  /** Appends with write-behind: acknowledged is not committed. */
  queue(stream) {
    const chunk = this.#chunk(stream)
    this.#tell(`queue ${stream}`, () => this.outputs.append(chunk))
  }

  flush() {
    this.#tell('flush', () => this.outputs.flush())
  }
}
