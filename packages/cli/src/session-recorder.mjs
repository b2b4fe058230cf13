// Storing what a command does. It never throws: a store that fails must not end what it records.

import { statSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { databasePath } from './command.mjs'
import { complain } from './streams.mjs'

/** How often it is looked whether the database is still there, in milliseconds. */
const LOOK = 250

/** What was appended so long ago is in the file, in milliseconds: it is written after a few. */
const WRITTEN = 2_000

/** How much of that is kept at most, in characters, where no new file can be made. */
const MOST = 64 << 20

/** What a file is, whatever its name; nothing where there is none. */
function fileAt(path) {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

/** Stores one session and its output. Prints one warning if that fails, and goes on. */
export class SessionRecorder {
  #connection
  #sessions
  #outputs
  #id
  #warned = false
  #path
  #options
  #session
  // The database that was opened.
  #file
  // What may not be in the file yet, and when it was appended.
  #latest = []
  #length = 0
  #looks
  #told = false
  // A chunk may end in the middle of a character.
  #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }

  /** Opens the database, and creates it where there is none. */
  constructor(path, options) {
    this.#path = databasePath({ db: path })
    this.#options = options
    this.#attempt(() => this.#open())
    this.#looks = setInterval(() => this.#attempt(() => this.#look()), LOOK).unref()
  }

  #open() {
    const connection = new DatabaseConnection(this.#path, this.#options)
    this.#file = fileAt(this.#path)
    this.#connection = connection
    this.#sessions = new SessionStore(connection)
    this.#outputs = new OutputStore(connection, {
      writeBehind: {
        onError: (error) => {
          // It comes again in the new file.
          if (connection === this.#connection && !this.#isReplaced()) this.#warn(error)
        },
      },
    })
  }

  // Windows lets nobody move or remove an open file.
  #isReplaced() {
    try {
      return process.platform !== 'win32' && fileAt(this.#path) !== this.#file
    } catch {
      // Nobody knows, such as for a folder that may not be read.
      return false
    }
  }

  /** Goes on in a new file where the database was moved, removed or replaced. */
  #look() {
    if (this.#file === undefined) return
    if (!this.#isReplaced()) {
      const written = Date.now() - WRITTEN
      this.#forget(({ timestamp }) => timestamp.getTime() <= written)
      return
    }
    if (!this.#told) {
      this.#told = true
      complain('the database was moved, removed or replaced; recording goes on in a new file')
    }
    // The old connection is left as it is: what it has queued cannot be stored.
    this.#open()
    this.#told = false
    if (this.#id === undefined) return
    // A backup that took its place may have the session already.
    const known = this.#sessions.get(this.#id)
    if (known === undefined) this.#sessions.create(this.#session)
    else if (known.startedAt.getTime() !== this.#session.startedAt.getTime()) {
      this.#id = undefined
      throw new Error(`there is another session ${known.id} in the new file`)
    }
    for (const output of this.#latest) this.#outputs.append(output)
  }

  /** Forgets the oldest of what was appended, for as long as `isOver`. */
  #forget(isOver) {
    let count = 0
    while (count < this.#latest.length && isOver(this.#latest[count])) {
      this.#length -= this.#latest[count++].data.length
    }
    this.#latest.splice(0, count)
  }

  /** Stores the session. What it prints is not stored where this fails: the id may be another's. */
  start(session) {
    this.#attempt(() => {
      const running = { ...session, status: 'running' }
      this.#sessions?.create(running)
      this.#session = running
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
    this.#attempt(() => this.#look())
    // Output is committed first, so that a reader who sees the end has all of it.
    this.#attempt(() => this.#outputs.flush())
    this.#attempt(() => this.#sessions.update(this.#id, { status, endedAt: new Date() }))
  }

  /** Closes the database. Gives the session as it is stored. */
  close() {
    clearInterval(this.#looks)
    let stored
    this.#attempt(() => {
      stored = this.#id === undefined ? undefined : this.#sessions.get(this.#id)
    })
    this.#attempt(() => this.#connection?.close())
    return stored
  }

  #store(type, data) {
    if (data === '' || this.#id === undefined) return
    const output = { sessionId: this.#id, timestamp: new Date(), type, data }
    this.#latest.push(output)
    this.#length += data.length
    this.#forget(() => this.#length > MOST)
    // Where it goes on in a new file, that has it already.
    this.#attempt(() => this.#outputs.append(output), false)
  }

  /** Does something; in the new file where the old one is gone, if `again`. */
  #attempt(action, again = true) {
    try {
      action()
    } catch (error) {
      const isGone = error.code === 'SQLITE_READONLY_DBMOVED' && this.#isReplaced()
      if (!isGone) this.#warn(error)
      else {
        this.#attempt(() => this.#look(), false)
        if (again && !this.#isReplaced()) this.#attempt(action, false)
      }
    }
  }

  #warn(error) {
    if (this.#warned) return
    this.#warned = true
    complain(`this is not recorded, or not completely: ${error.message}`)
  }
}
