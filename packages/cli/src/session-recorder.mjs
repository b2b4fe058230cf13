// Storing what a command does. It never throws: a store that fails must not end what it records.

import { StringDecoder } from 'node:string_decoder'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { complain } from './streams.mjs'

/** Stores one session and its output. Prints one warning if that fails, and goes on. */
export class SessionRecorder {
  #connection
  #sessions
  #outputs
  #id
  #warned = false
  // A chunk may end in the middle of a character.
  #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }

  /** Opens the database, and creates it where there is none. */
  constructor(path, options) {
    this.#attempt(() => {
      this.#connection = new DatabaseConnection(path, options)
      this.#sessions = new SessionStore(this.#connection)
      this.#outputs = new OutputStore(this.#connection, {
        writeBehind: { onError: (error) => this.#warn(error) },
      })
    })
  }

  /** Stores the session. What it prints is not stored where this fails: the id may be another's. */
  start(session) {
    this.#attempt(() => {
      this.#sessions?.create({ ...session, status: 'running' })
      this.#id = session.id
    })
  }

  /** Stores bytes that the command wrote to `type`. */
  append(type, bytes) {
    this.#store(type, this.#decoders[type].write(bytes))
  }

  /** Stores how it ended. */
  end(status) {
    for (const [type, decoder] of Object.entries(this.#decoders)) this.#store(type, decoder.end())
    if (this.#id === undefined) return
    // Output is committed first, so that a reader who sees the end has all of it.
    this.#attempt(() => this.#outputs.flush())
    this.#attempt(() => this.#sessions.update(this.#id, { status, endedAt: new Date() }))
  }

  /** Closes the database. Gives the session as it is stored. */
  close() {
    let stored
    this.#attempt(() => {
      stored = this.#id === undefined ? undefined : this.#sessions.get(this.#id)
    })
    this.#attempt(() => this.#connection?.close())
    return stored
  }

  #store(type, data) {
    if (data === '' || this.#id === undefined) return
    this.#attempt(() => {
      this.#outputs.append({ sessionId: this.#id, timestamp: new Date(), type, data })
    })
  }

  #attempt(action) {
    try {
      action()
    } catch (error) {
      this.#warn(error)
    }
  }

  #warn(error) {
    if (this.#warned) return
    this.#warned = true
    complain(`this is not recorded, or not completely: ${error.message}`)
  }
}
