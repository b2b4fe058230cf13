'use strict'
// Waiting for what others commit: a look at a counter every so often, for all who wait on a connection.

const { setMaxListeners } = require('node:events')
const fs = require('node:fs')
const { endedAtOnce } = require('./background.js')
const { native: tables } = require('./rows.js')

const native = tables.follow

// Kept from the load of this file: a test may replace the globals with fake ones later.
const { setTimeout, clearTimeout, process } = globalThis

// A chunk may take twice this time to reach its reader. The other half is left for a busy event loop.
const POLL_MS = 20

// After this many looks without a change the log is watched instead, which costs nothing while nothing is written.
// While much is written, looking is cheaper: the system reports every commit several times. Windows reports late.
const IDLE_POLLS = 25
const CAN_WATCH = ['linux', 'darwin'].includes(process.platform)

// The longest wait until the next look, in case the system does not report a write.
const SAFETY_MS = 1000

// Looking at what has changed takes at most a twentieth of the time.
const SHARE = 20

// The pollers by the native side of their connections, and those that somebody waits for.
const pollers = new WeakMap()
const atWork = new Set()

class Poller {
  #connection
  #waiters = new Set()
  #timer
  #watcher
  #idle = 0
  #last

  constructor(connection) {
    this.#connection = connection
  }

  add(waiter) {
    this.#waiters.add(waiter)
    atWork.add(this)
    this.#arm()
  }

  remove(waiter) {
    this.#waiters.delete(waiter)
    if (this.#waiters.size > 0) return
    this.#disarm()
    atWork.delete(this)
  }

  // Looks as soon as the code that runs now is done.
  hurry() {
    this.#disarm()
    this.#timer = setTimeout(() => this.#look(), 0)
  }

  // `undefined` once the connection is closed: there is nothing more to wait for.
  #changes() {
    try {
      return native.changes(this.#connection)
    } catch {
      return undefined
    }
  }

  #look() {
    this.#disarm()
    const now = this.#changes()
    this.#idle = now === this.#last ? this.#idle + 1 : 0
    this.#last = now
    for (const waiter of this.#waiters) {
      if (now !== waiter.seen) waiter.wake()
    }
    if (this.#waiters.size > 0) this.#arm()
  }

  #arm() {
    if (this.#timer !== undefined) return
    const watching = this.#idle >= IDLE_POLLS && CAN_WATCH && this.#watch()
    this.#timer = setTimeout(() => this.#look(), watching ? SAFETY_MS : POLL_MS)
  }

  #watch() {
    try {
      const log = native.log(this.#connection)
      if (log === undefined) return false
      const told = () => {
        this.#idle = 0
        this.#look()
      }
      this.#watcher = fs.watch(log, told)
      this.#watcher.on('error', told)
      // A change between the last look and the start of the watcher was not reported.
      return this.#changes() === this.#last
    } catch {
      return false
    }
  }

  #disarm() {
    clearTimeout(this.#timer)
    this.#watcher?.close()
    this.#timer = this.#watcher = undefined
  }
}

// Resolves when the counter is no longer what was `seen`, the connection is closed, or a signal aborts.
async function changed(connection, seen, ...signals) {
  let poller = pollers.get(connection)
  if (poller === undefined) pollers.set(connection, (poller = new Poller(connection)))
  const waiter = { seen }
  const woken = new Promise((wake) => {
    waiter.wake = wake
  })
  try {
    for (const signal of signals) signal.addEventListener('abort', waiter.wake)
    if (signals.some((signal) => signal.aborted)) return
    poller.add(waiter)
    await woken
  } finally {
    poller.remove(waiter)
    for (const signal of signals) signal.removeEventListener('abort', waiter.wake)
  }
}

/** Makes all waiters look again. After a connection was closed, this ends the waits on it. */
function hurry() {
  for (const poller of atWork) poller.hurry()
}

// The chunks that `read(after)` gives, and then new ones, until `statusNow()` says that the session has ended.
async function* chunksOf(connection, read, statusNow, after, ...signals) {
  let cursor = after
  let known = false
  const isOver = () => signals.some((signal) => signal.aborted)
  const goesOn = () => !isOver() && tables.connection.isOpen(connection)
  while (goesOn()) {
    // A change from here on is seen by the next round of the loop.
    const seen = native.changes(connection)
    const now = statusNow()
    known ||= now !== undefined
    for (let more = true; more;) {
      const page = read(cursor)
      let { gap } = page
      more = page.more
      for (const chunk of page.outputs) {
        if (isOver()) return
        cursor = chunk.cursor
        yield { ...chunk, gap }
        gap = false
      }
      if (!goesOn()) return
    }
    if (now === 'completed' || now === 'failed' || (known && now === undefined)) return
    await changed(connection, seen, ...signals)
  }
}

/**
 * The chunks of a session as they come: those that `read(cursor)` gives, until `statusNow()` says that it has ended.
 */
function follow(connection, read, statusNow, after, signal) {
  const stop = new AbortController()
  const signals = signal === undefined ? [stop.signal] : [stop.signal, signal]
  // One signal may end any number of followers, without a warning. It may be of a kind of its own.
  try {
    setMaxListeners(0, ...signals)
  } catch {}
  const chunks = chunksOf(connection, read, statusNow, after, ...signals)
  return endedAtOnce(chunks, () => stop.abort())
}

/** Calls back with the sessions, and those of the named tables, that have changed, until it is stopped or the connection is closed. */
function watch(connection, callback, names) {
  const stop = new AbortController()
  const seen = native.seen(connection, names ?? [])
  let counter = native.changes(connection)

  function look() {
    if (stop.signal.aborted || !tables.connection.isOpen(connection)) return
    const start = performance.now()
    let news = [[], []]
    try {
      const now = native.changes(connection)
      news = native.news(connection, seen)
      counter = now
    } catch {
      // A lock that is held for long, for example. The next look finds the change as well.
    }
    // Reading a long table takes time, so the next look waits longer and leaves the event loop free.
    const pause = Math.max(POLL_MS, (performance.now() - start) * SHARE)
    setTimeout(() => void changed(connection, counter, stop.signal).then(look), pause)
    // Arrays of this realm.
    const [sessions, changedTables] = news.map((some) => [...some])
    if (sessions.length + changedTables.length === 0) return
    callback(names === undefined ? { sessions } : { sessions, tables: changedTables })
  }

  void changed(connection, counter, stop.signal).then(look)
  return () => stop.abort()
}

module.exports = { follow, watch, hurry }
