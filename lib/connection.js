'use strict'
// `DatabaseConnection`, and the connection to the default file.

const {
  DISPOSE,
  isAbsent,
  optionsOf,
  requireArray,
  requireFunction,
  show,
} = require('./arguments.js')
const { listener, settled } = require('./background.js')
const { NATIVE, makeDatabase, nativeOf: nativeOfHandle } = require('./database.js')
const { invalidState, wrongType } = require('./errors.js')
const { hurry, watch } = require('./follow.js')
const { countsOf, redactConnection, redactOf, redactStored } = require('./redact.js')
const { RealDate, native: tables, pairsOf } = require('./rows.js')
const { seal, sealAfterOf, sealBehind, unseal } = require('./sealing.js')

const native = tables.connection

const OPTIONS = [
  'readonly',
  'fileMustExist',
  'timeout',
  'synchronous',
  'foreignKeys',
  'slots',
  'walLimit',
  'redact',
  'sealAfter',
]

// An error while a warning is emitted must not make the opening of a database fail.
function warn([message, isFolder]) {
  const code = isFolder ? 'GSD_SESSION_STORE_FOLDER' : 'GSD_SESSION_STORE_MODE'
  try {
    globalThis.process?.emitWarning(message, { code })
  } catch {}
}

/** The options as the addon takes them. */
function settingsOf(call, options) {
  const o = optionsOf(call, options, OPTIONS)
  const { readonly, fileMustExist, timeout, synchronous, foreignKeys, slots, walLimit } = o
  return [readonly, fileMustExist, timeout, synchronous, foreignKeys, slots, walLimit]
}

// JavaScript has the latest say on the environment: in a Worker it has one of its own. A runtime may not let it be read.
function pathOfEnvironment() {
  try {
    return globalThis.process?.env.GSD_SESSIONS_DB
  } catch {
    return undefined
  }
}

function openNative(open, call, dbPath, options) {
  const settings = settingsOf(call, options)
  const redact = redactOf(call, options?.redact)
  const sealAfter = sealAfterOf(call, options?.sealAfter)
  const opened = open(dbPath, isAbsent(dbPath) ? pathOfEnvironment() : undefined, ...settings)
  redactConnection(opened, redact)
  if (sealAfter !== undefined) sealBehind(opened, sealAfter)
  for (const warning of native.exposures(opened)) warn(warning)
  return opened
}

const backupProgress = ([totalPages, remainingPages]) => ({ totalPages, remainingPages })

const pruneProgress = ([sessions, outputs, bytes, fileBytes, freeBytes, scannedBytes]) => ({
  sessions,
  outputs,
  bytes,
  fileBytes,
  freeBytes,
  scannedBytes,
})

// Without output there is no date.
const dateOf = (millis) => (Number.isNaN(millis) ? undefined : new RealDate(millis))

const amountOf = ([outputs, bytes, oldest, newest]) => ({
  outputs,
  bytes,
  oldest: dateOf(oldest),
  newest: dateOf(newest),
})

// A wrong receiver throws at once; every other mistake rejects the promise.

async function backup(connection, path, options) {
  const call = 'DatabaseConnection.backup'
  const tell = listener(call, optionsOf(call, options, ['onProgress', 'signal']), backupProgress)
  return backupProgress(await settled(tables.maintenance.backup(connection, path, tell)))
}

async function prune(connection, options) {
  const call = 'DatabaseConnection.prune'
  const o = optionsOf(call, options, [
    'olderThan',
    'maxBytes',
    'keepLast',
    'statuses',
    'orphans',
    'scrub',
    'dryRun',
    'onProgress',
    'signal',
  ])
  const { olderThan, maxBytes, keepLast, statuses, orphans, scrub, dryRun } = o
  const pruned = tables.retention.prune(
    connection,
    olderThan,
    maxBytes,
    keepLast,
    statuses,
    orphans,
    scrub,
    dryRun,
    listener(call, o, pruneProgress),
    options,
  )
  const [
    sessions,
    kept,
    outputs,
    bytes,
    before,
    fileBytes,
    freeBytes,
    givesSpaceBack,
    cleanedPages,
  ] = await settled(pruned)
  return {
    sessions: [...sessions],
    kept: pairsOf(kept).map(([id, reason]) => ({ id, reason })),
    outputs,
    bytes,
    fileBytesBefore: before,
    fileBytes,
    freeBytes,
    givesSpaceBack,
    cleanedPages,
  }
}

/** Whom the constructor opens the connection for: `getDatabase`. */
const DEFAULT = Symbol('default')

let nativeOfConnection
class DatabaseConnection {
  #native
  #db

  constructor(dbPath, options, opener = undefined) {
    this.#native =
      opener === DEFAULT
        ? openNative(native.openDefault, 'getDatabase', dbPath, options)
        : openNative(native.open, 'DatabaseConnection', dbPath, options)
  }

  get db() {
    return (this.#db ??= makeDatabase(this.#native))
  }

  get path() {
    return native.info(this.#native)[0]
  }

  getPath() {
    return native.info(this.#native)[0]
  }

  get isOpen() {
    return native.isOpen(this.#native)
  }

  get journalMode() {
    return native.journalMode(this.#native)
  }

  walStatus() {
    const [size, frames, framesLeft, blockedBy] = native.walStatus(this.#native)
    return { size, frames, framesLeft, blockedBy }
  }

  watch(callback, options) {
    requireFunction('DatabaseConnection.watch', 'callback', callback)
    const { tables: names } = optionsOf('DatabaseConnection.watch', options, ['tables'])
    if (names === undefined || names === null) return watch(this.#native, callback)
    requireArray('DatabaseConnection.watch', 'options.tables', names)
    return watch(this.#native, callback, [...names])
  }

  close() {
    native.close(this.#native)
    hurry()
  }

  verify() {
    const [problems, orphanedOutputs, schemaVersion] = tables.maintenance.verify(this.#native)
    return { ok: problems.length === 0, problems: [...problems], orphanedOutputs, schemaVersion }
  }

  backup(path, options) {
    return backup(this.#native, path, options)
  }

  stats(options) {
    const names = ['sessions', 'every']
    const { sessions: count, every } = optionsOf('DatabaseConnection.stats', options, names)
    const [numbers, amount, sessions, largest, redactions, periods] = tables.retention.stats(
      this.#native,
      count,
      every,
    )
    const [pinned, orphanedOutputs, fileBytes, freeBytes, walBytes] = numbers
    return {
      sessions: Object.fromEntries(pairsOf(sessions)),
      pinned,
      ...amountOf(amount),
      orphanedOutputs,
      largest: pairsOf(largest).map(([sessionId, of]) => ({ sessionId, ...amountOf(of) })),
      periods: pairsOf(periods).map(([start, of]) => ({ start: new Date(start), ...amountOf(of) })),
      redactions: countsOf(redactions),
      fileBytes,
      freeBytes,
      walBytes,
    }
  }

  prune(options) {
    return prune(this.#native, options)
  }

  seal(options) {
    return seal(this.#native, options)
  }

  unseal(options) {
    return unseal(this.#native, options)
  }

  redact(options) {
    return redactStored(this.#native, options)
  }

  [DISPOSE]() {
    this.close()
  }

  get [NATIVE]() {
    return this.#native
  }

  static {
    nativeOfConnection = (value) =>
      typeof value === 'object' && value !== null && #native in value ? value.#native : undefined
  }
}

/** A value that is no connection, for a message: what it is, and what to pass instead. */
function described(value) {
  if (typeof value === 'string') return `${show(value)}; pass new DatabaseConnection(path)`
  // A `Proxy` may throw.
  try {
    if ('$client' in value) return 'a database of drizzle; pass the connection.db under it'
    if ('prepare' in value && 'exec' in value)
      return 'a handle of another SQLite; use new DatabaseConnection(path) for both'
    if (value instanceof Promise) return 'a promise; await it first'
  } catch {}
  return show(value)
}

// An object of another evaluation of this package, in this process or another copy of it, has its native side as a
// property. Any other object may have such a property as well, so the addon checks it.
function nativeOfStranger(call, value) {
  let found
  try {
    found = value[NATIVE]
  } catch {}
  if (found === undefined || found === null) {
    wrongType(`${call}: db must be a DatabaseConnection or its db; received ${described(value)}`)
  }
  if (!native.isNative(found)) {
    wrongType(`${call}: the connection is of another copy of the package`)
  }
  return found
}

/** The native side of the connection that a store is made on: a `DatabaseConnection` or its `db`. */
function connectionOf(call, db) {
  return nativeOfConnection(db) ?? nativeOfHandle(db) ?? nativeOfStranger(call, db)
}

let defaultConnection

function getDatabase(dbPath, options) {
  if (!defaultConnection?.isOpen) {
    const Opened = /** @type {any} */ (DatabaseConnection)
    defaultConnection = new Opened(dbPath, options, DEFAULT)
  } else if (!isAbsent(dbPath) || !isAbsent(options)) {
    const settings = settingsOf('getDatabase', options)
    if (!isAbsent(options?.redact)) {
      invalidState('getDatabase: options.redact cannot be changed until closeDatabase()')
    }
    native.agreesWith(nativeOfConnection(defaultConnection), dbPath, ...settings)
  }
  return defaultConnection
}

function closeDatabase() {
  if (defaultConnection === undefined) return
  native.closeDefault(nativeOfConnection(defaultConnection))
  hurry()
  defaultConnection = undefined
}

async function salvage(path, newPath) {
  const salvaged = await settled(tables.maintenance.salvage(path, newPath))
  const [sessions, outputs, lostSessions, lostOutputs, pages, problems] = salvaged
  const lost = { sessions: lostSessions, outputs: lostOutputs, pages }
  return { sessions, outputs, lost, problems: [...problems] }
}

async function restore(backupPath, path, options) {
  const call = 'restore'
  const tell = listener(call, optionsOf(call, options, ['onProgress', 'signal']), backupProgress)
  const [totalPages, kept] = await settled(tables.maintenance.restore(backupPath, path, tell))
  return { totalPages, kept }
}

module.exports = {
  OPTIONS,
  DatabaseConnection,
  getDatabase,
  closeDatabase,
  restore,
  salvage,
  connectionOf,
}
