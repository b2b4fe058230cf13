'use strict'
// `SessionStore`. The engine reads the fields of an object, and calls a function, faster than Node-API does.

const { optionsOf, requireObject, show } = require('./arguments.js')
const { connectionOf } = require('./connection.js')
const { wrongType } = require('./errors.js')
const { countsOf } = require('./redact.js')
const { beginSessions, finish, finishOne, native: tables, notes, pairsOf } = require('./rows.js')

const native = tables.sessions

const { process } = globalThis
const kill = process?.kill

// Whether there is a process with this pid. Signal 0 asks, and sends nothing.
function isAlive(pid) {
  if (pid < 1 || pid > 0x7fff_ffff) return false
  try {
    kill?.call(process, pid, 0)
    return true
  } catch (error) {
    // A process that this user may not signal exists.
    return /** @type {NodeJS.ErrnoException} */ (error)?.code !== 'ESRCH'
  }
}

/** The options that say which sessions are meant. */
const FILTER = ['status', 'slot', 'workingDir', 'command', 'since', 'until']

/** The pid of an owner. One that is missing would be taken for an owner that is left out. */
function pidOf(call, name, owner) {
  if (owner === undefined || owner === null) return owner
  requireObject(call, name, owner)
  const { pid } = owner
  if (pid === undefined || pid === null) {
    wrongType(`${call}: ${name}.pid must be a number; received ${show(pid)}`)
  }
  return pid
}

class SessionStore {
  #native

  constructor(db) {
    this.#native = native.open(connectionOf('SessionStore', db))
  }

  create(session) {
    requireObject('SessionStore.create', 'session', session)
    native.create(
      this.#native,
      session.id,
      session.slot,
      session.status,
      session.workingDir,
      session.currentCommand,
      session.startedAt,
      session.endedAt,
      session.pid,
      session.title,
      session.exitCode,
      session.signal,
      session.error,
      session.terminal,
      session.columns,
      session.rows,
      pidOf('SessionStore.create', 'session.owner', session.owner),
    )
  }

  get(id) {
    beginSessions()
    return finishOne(native.get(this.#native, id))
  }

  update(id, fields, options) {
    requireObject('SessionStore.update', 'fields', fields)
    const { status, currentCommand, endedAt, pid, title, exitCode, signal, error } = fields
    const { terminal, columns, rows, owner } = fields
    const { ifStatus } = optionsOf('SessionStore.update', options, ['ifStatus'])
    return native.update(
      this.#native,
      id,
      status,
      currentCommand,
      endedAt,
      pid,
      title,
      exitCode,
      signal,
      error,
      terminal,
      columns,
      rows,
      pidOf('SessionStore.update', 'fields.owner', owner),
      ifStatus,
    )
  }

  resize(id, size) {
    requireObject('SessionStore.resize', 'size', size)
    return native.resize(this.#native, id, size.columns, size.rows)
  }

  delete(id, options) {
    const { keepOutputs } = optionsOf('SessionStore.delete', options, ['keepOutputs'])
    native.delete(this.#native, id, keepOutputs)
  }

  list(options) {
    if (options !== undefined) {
      return this.#page(optionsOf('SessionStore.list', options, [...FILTER, 'limit', 'before']))
    }
    beginSessions()
    return finish(native.list(this.#native))
  }

  count(options) {
    const filter = optionsOf('SessionStore.count', options, FILTER)
    return native.count(this.#native, ...FILTER.map((field) => filter[field]))
  }

  changes(options) {
    const { after, limit } = optionsOf('SessionStore.changes', options, ['after', 'limit'])
    const found = []
    const more = native.changes(this.#native, after, limit, found)
    const cursor = notes[0]
    const changes = pairsOf(found).map(([id, removed]) => ({ id, removed }))
    return { changes, cursor, more }
  }

  #page(options) {
    const { limit, before } = options
    const filter = FILTER.map((field) => options[field])
    const hasBefore = before !== undefined && before !== null
    if (hasBefore) requireObject('SessionStore.list', 'options.before', before)
    const id = hasBefore ? before.id : undefined
    const startedAt = hasBefore ? before.startedAt : undefined
    beginSessions()
    return finish(native.page(this.#native, ...filter, limit, hasBefore, id, startedAt))
  }

  listByStatus(status) {
    beginSessions()
    return finish(native.listByStatus(this.#native, status))
  }

  findRunning() {
    beginSessions()
    return finish(native.findRunning(this.#native))
  }

  failOrphans(options) {
    const { dryRun, kill: kills } = optionsOf('SessionStore.failOrphans', options, [
      'dryRun',
      'kill',
    ])
    const gone = native.pidsAtWork(this.#native).filter((pid) => !isAlive(pid))
    beginSessions()
    return finish(native.failOrphans(this.#native, dryRun, kills, gone))
  }

  pin(id) {
    return native.pin(this.#native, id)
  }

  unpin(id) {
    return native.unpin(this.#native, id)
  }

  isPinned(id) {
    return native.isPinned(this.#native, id)
  }

  redactions(id) {
    return countsOf(native.redactions(this.#native, id))
  }

  referencedBy(id) {
    const found = pairsOf(native.referencedBy(this.#native, id))
    return found.map(([table, toOutput]) => ({ table, to: toOutput ? 'output' : 'session' }))
  }
}

module.exports = { SessionStore }
