'use strict'
// `record`: a command whose output the addon stores, without JavaScript.

const { randomUUID } = require('node:crypto')
const { statSync } = require('node:fs')
const { constants } = require('node:os')
const { isAbsolute, resolve } = require('node:path')
const {
  isAbsent,
  optionalFunction,
  optionsOf,
  requireArray,
  requireBoolean,
  requireObject,
  requireString,
  show,
} = require('./arguments.js')
const { settled } = require('./background.js')
const { DatabaseConnection, connectionOf } = require('./connection.js')
const { SqliteError, invalidState, outOfRange, wrongType } = require('./errors.js')
const { OutputStore } = require('./output-store.js')
const { SessionStore } = require('./session-store.js')
const { redactOf } = require('./redact.js')
const { native: tables } = require('./rows.js')

const native = tables.recording

// Kept from the load of this file: a test may replace the globals with fake ones later.
const { clearInterval, process, setInterval } = globalThis

const OPTIONS = [
  'command',
  'args',
  'cwd',
  'env',
  'columns',
  'rows',
  'terminal',
  'id',
  'slot',
  'title',
  'stdin',
  'stdout',
  'onError',
  'redact',
]

const STDIN = ['inherit', 'pipe', 'none']
const STDOUT = ['inherit', 'none']

/** The names of signals by their numbers. */
const SIGNALS = Array.from({ length: 65 }, () => '')
for (const [name, number] of Object.entries(constants.signals)) SIGNALS[number] ||= name

/** What programs take their terminal for where nobody says so. */
const TERM = 'xterm-256color'

function oneOf(call, name, value, known) {
  if (isAbsent(value)) return undefined
  if (!known.includes(value)) {
    const values = known.map((one) => `'${one}'`).join(', ')
    outOfRange(`${call}: ${name} must be one of ${values}; received ${show(value)}`)
  }
  return value
}

/** A command as one would type it in a shell. */
function commandLine(words) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`
  return words.map((text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text))).join(' ')
}

// No system passes one on.
function requireNoNul(call, name, value) {
  requireString(call, name, value)
  if (value.includes('\0')) {
    outOfRange(`${call}: ${name} must not contain a NUL; received ${show(value)}`)
  }
}

/** The folder of this process. It may have been removed. */
function folderOfProcess() {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** Names and values, one behind the other. */
function environmentOf(call, env, isTerminal) {
  requireObject(call, 'options.env', env)
  if (env instanceof Map) {
    wrongType(
      `${call}: options.env must be an object with a property for each variable; received a Map`,
    )
  }
  const texts = []
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    requireNoNul(call, 'the name of a variable in options.env', name)
    requireNoNul(call, `options.env.${name}`, value)
    texts.push(name, value)
  }
  if (isTerminal && isAbsent(env.TERM)) texts.push('TERM', TERM)
  return texts
}

function argumentsOf(call, args) {
  if (isAbsent(args)) return []
  requireArray(call, 'options.args', args)
  args.forEach((arg, at) => requireNoNul(call, `options.args[${at}]`, arg))
  return args
}

/** How a command ends. It never rejects. */
async function endOf(exited) {
  const [exitCode, signal] = await settled(exited)
  return { exitCode, signal }
}

function isFolder(path) {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** A folder that is given has to be one. */
function requireFolder(call, cwd) {
  requireNoNul(call, 'options.cwd', cwd)
  if (!isFolder(cwd)) outOfRange(`${call}: options.cwd must be a folder; received ${show(cwd)}`)
}

/**
 * The path of a database as it is from now on, whatever folder this process goes to. What never is a database is refused;
 * everything else may become one while the command runs.
 */
function pathOf(call, db) {
  if (db === '' || db === ':memory:') {
    outOfRange(`${call}: db must be the path of a file, or a connection; received ${show(db)}`)
  }
  const path = isAbsolute(db) || folderOfProcess() === undefined ? db : resolve(db)
  if (isFolder(path)) {
    outOfRange(`${call}: db must be the path of a file; received ${show(db)}, a folder`)
  }
  return path
}

/** How often the queue of a database in memory is emptied, in milliseconds. No thread can write to it. */
const EMPTY = 20

const isInMemory = (connection) => tables.follow.log(connection) === undefined

/** Empties the queue of a database in memory until the end. */
async function emptied(outputs, ended) {
  const flush = () => {
    try {
      outputs.flush()
    } catch {
      // It stays queued: every other call of the stores tries again, and says why it cannot.
    }
  }
  const timer = setInterval(flush, EMPTY)
  timer.unref?.()
  const end = await ended
  clearInterval(timer)
  flush()
  return end
}

class Recording {
  #native
  #follow
  #id
  #exited

  constructor(recording, id, exited, follow) {
    this.#native = recording
    this.#id = id
    this.#exited = exited
    this.#follow = follow
  }

  get id() {
    return this.#id
  }

  get pid() {
    return native.pid(this.#native)
  }

  get exited() {
    return this.#exited
  }

  write(data) {
    return native.write(this.#native, data)
  }

  end() {
    native.end(this.#native)
  }

  resize(size) {
    requireObject('Recording.resize', 'size', size)
    native.resize(this.#native, size.columns, size.rows)
  }

  kill(signal = 'SIGTERM') {
    const number = typeof signal === 'string' ? constants.signals[signal] : signal
    if (number === undefined) {
      outOfRange(`Recording.kill: signal must be the name of a signal; received ${show(signal)}`)
    }
    native.kill(this.#native, number)
  }

  attach() {
    native.attach(this.#native)
    const size = sizeOfTerminal()
    if (size !== undefined) this.resize(size)
  }

  [Symbol.asyncIterator]() {
    return this.#follow()
  }
}

/** How often a database that cannot be opened is tried, and whether it is still there is looked at, in milliseconds. */
const LOOK = 250

/** How long opening it waits for a lock meanwhile, in milliseconds. */
const SHORT = 100

/** How long the end of a command waits for a database that cannot be written, in milliseconds. */
const PATIENCE = 4_000

/** What a file is, whatever its name; nothing where there is none. */
function fileAt(path) {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

/**
 * The database of a recording by its path. It is opened as soon as it can be, and again where it was moved, removed or
 * replaced. The recording keeps everything until then.
 */
class Keeper {
  #path
  #slots
  #onError
  #connection
  #outputs
  #file
  #recording
  #looks
  // What is wrong at present, so that it is told once.
  #trouble

  constructor(path, slot, onError) {
    this.#path = path
    this.#slots = typeof slot === 'number' && slot > 3 ? slot : undefined
    this.#onError = onError
  }

  /** The connection, and the output in it, if the database could be opened. */
  get connection() {
    return this.#connection
  }

  get outputs() {
    return this.#outputs
  }

  open() {
    try {
      const options = { slots: this.#slots, timeout: SHORT }
      const connection = new DatabaseConnection(this.#path, options)
      const before = this.#connection
      this.#file = fileAt(this.#path)
      this.#connection = connection
      const onError = (error) => {
        // That the file is another one is told by who looks for that.
        const isTold = error.code === 'SQLITE_READONLY_DBMOVED' && this.#isReplaced()
        if (connection === this.#connection && !isTold) this.#tell(error)
      }
      this.#outputs = new OutputStore(connection, { writeBehind: { onError } })
      before?.close()
    } catch (error) {
      // A wrong option fails for good.
      if (!(error instanceof SqliteError)) throw error
      this.#tell(error)
    }
  }

  /**
   * Stores the session before its command runs, so that nobody else gets its id. Where that is not possible yet, it is stored
   * later.
   */
  reserve(session, redactor) {
    if (this.#connection === undefined) return undefined
    try {
      native.reserve(connectionOf('record', this.#connection), session, redactor)
      return () => new SessionStore(this.#connection).delete(session[0])
    } catch (error) {
      if (!(error instanceof SqliteError) || error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
        throw error
      return undefined
    }
  }

  /** What the recording keeps goes there from now on. */
  keep(recording) {
    this.#recording = recording
    this.#attach()
    this.#looks = setInterval(() => this.#look(), LOOK)
    this.#looks.unref?.()
  }

  #attach() {
    if (this.#connection === undefined) return
    try {
      native.storeIn(this.#recording, connectionOf('record', this.#connection))
      this.#trouble = undefined
    } catch (error) {
      this.#tell(error)
    }
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

  #look() {
    if (this.#connection === undefined || this.#isReplaced()) {
      if (this.#connection !== undefined) {
        const message =
          'the database was moved, removed or replaced; recording goes on in a new file'
        this.#tell(new SqliteError(message, 'SQLITE_READONLY_DBMOVED'))
      }
      this.open()
      if (this.#isReplaced()) return
      this.#attach()
    }
    native.look(this.#recording)
  }

  #tell(error) {
    if (this.#trouble === error.code && error.code !== undefined) return
    this.#trouble = error.code
    this.#onError?.(error)
  }

  /** What became of what was recorded, once the command is over. */
  async finish() {
    clearInterval(this.#looks)
    try {
      this.#look()
    } catch {
      // What is kept goes to the spool file.
    }
    const [spoolFile, lostBytes, why] = await settled(native.finish(this.#recording, PATIENCE))
    if (why !== undefined) this.#onError?.(new Error(`what is not stored cannot be kept: ${why}`))
    return { stored: spoolFile === undefined && lostBytes === 0, spoolFile, lostBytes }
  }

  close() {
    try {
      this.#connection?.close()
    } catch {
      // Nothing is left to be written.
    }
  }

  /** Takes in what earlier recordings had to leave beside the database. */
  async takeIn() {
    if (this.#connection === undefined) return []
    const connection = connectionOf('record', this.#connection)
    const [, ...sessions] = await settled(native.takeIn(this.#recording, connection, this.#path))
    return sessions
  }
}

/** The size of the terminal of this process, if it has one. */
function sizeOfTerminal() {
  const size = native.size()
  return size && { columns: size[0], rows: size[1] }
}

function record(db, options) {
  const call = 'record'
  const isPath = typeof db === 'string'
  const path = isPath ? pathOf(call, db) : undefined
  const connection = isPath ? undefined : connectionOf(call, db)
  requireObject(call, 'options', options)
  const o = optionsOf(call, options, OPTIONS)
  requireNoNul(call, 'options.command', o.command)
  if (o.command === '') outOfRange(`${call}: options.command must not be empty; received ''`)
  const args = argumentsOf(call, o.args)
  const stdin = oneOf(call, 'options.stdin', o.stdin, STDIN) ?? 'pipe'
  const stdout = oneOf(call, 'options.stdout', o.stdout, STDOUT) ?? 'none'
  if (!isAbsent(o.terminal)) requireBoolean(call, 'options.terminal', o.terminal)
  if (!isAbsent(o.cwd)) requireFolder(call, o.cwd)
  for (const name of ['id', 'title']) {
    if (!isAbsent(o[name])) requireString(call, `options.${name}`, o[name])
  }
  const onError = optionalFunction(call, 'options.onError', o.onError)
  const redactor = redactOf(call, o.redact, o.env ?? process.env)?.redactor
  const isTerminal = o.terminal ?? process.platform !== 'win32'
  const size = (isTerminal && stdin === 'inherit' && sizeOfTerminal()) || { columns: 80, rows: 24 }
  const cwd = o.cwd ?? folderOfProcess()
  const id = o.id ?? randomUUID()
  const session = [
    id,
    o.slot ?? 1,
    'running',
    cwd ?? process.env.PWD ?? '/',
    commandLine([o.command, ...args]),
    new Date(),
    undefined,
    undefined,
    o.title,
    undefined,
    undefined,
    undefined,
    isTerminal,
    isTerminal ? (o.columns ?? size.columns) : undefined,
    isTerminal ? (o.rows ?? size.rows) : undefined,
    undefined,
  ]
  const how = [
    o.command,
    args,
    o.cwd ?? undefined,
    environmentOf(call, o.env ?? process.env, isTerminal),
    isTerminal,
    // Only who has a keyboard can stop a command and continue it.
    isTerminal && stdin === 'inherit',
    stdin,
    stdout === 'inherit',
    o.columns ?? size.columns,
    o.rows ?? size.rows,
  ]
  if (!isPath) {
    const started = native.start(connection, session, how, SIGNALS, undefined, redactor)
    const [recording, exited] = started
    const outputs = new OutputStore(db)
    const ended = isInMemory(connection) ? emptied(outputs, endOf(exited)) : endOf(exited)
    return new Recording(recording, id, ended, () => outputs.follow(id, { after: 0 }))
  }
  const keeper = new Keeper(path, o.slot, onError)
  keeper.open()
  let cancel, started
  try {
    cancel = keeper.reserve(session, redactor)
    started = native.start(undefined, session, how, SIGNALS, path, redactor)
  } catch (error) {
    cancel?.()
    keeper.close()
    throw error
  }
  const [recording, exited] = started
  keeper.keep(recording)
  const follow = () => {
    if (keeper.outputs === undefined) invalidState(`${call}: the database is not open yet`)
    return keeper.outputs.follow(id, { after: 0 })
  }
  return new Recording(recording, id, endOfKept(exited, keeper), follow)
}

/** How a command ends that is recorded by the path of a database. */
async function endOfKept(exited, keeper) {
  const taking = keeper.takeIn().catch(() => [])
  const [exitCode, signal] = await settled(exited)
  const finished = await keeper.finish()
  await taking
  keeper.close()
  return { exitCode, signal, ...finished }
}

module.exports = { record }
