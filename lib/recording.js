'use strict'
// `record`: a command whose output the addon stores, without JavaScript.

const { randomUUID } = require('node:crypto')
const { constants } = require('node:os')
const { optionsOf, requireArray, requireObject, requireString, show } = require('./arguments.js')
const { settled } = require('./background.js')
const { connectionOf } = require('./connection.js')
const { outOfRange, wrongType } = require('./errors.js')
const { OutputStore } = require('./output-store.js')
const { native: tables } = require('./rows.js')

const native = tables.recording

// Kept from the load of this file: a test may replace the globals with fake ones later.
const { process } = globalThis

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
]

const STDIN = ['inherit', 'pipe', 'none']
const STDOUT = ['inherit', 'none']

/** The names of signals by their numbers. */
const SIGNALS = Array.from({ length: 65 }, () => '')
for (const [name, number] of Object.entries(constants.signals)) SIGNALS[number] ||= name

/** What programs take their terminal for where nobody says so. */
const TERM = 'xterm-256color'

const isAbsent = (value) => value === undefined || value === null

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
  const texts = []
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    requireString(call, `options.env.${name}`, value)
    texts.push(name, value)
  }
  if (isTerminal && isAbsent(env.TERM)) texts.push('TERM', TERM)
  return texts
}

function argumentsOf(call, args) {
  if (isAbsent(args)) return []
  requireArray(call, 'options.args', args)
  args.forEach((arg, at) => requireString(call, `options.args[${at}]`, arg))
  return args
}

/** How a command ends. It never rejects. */
async function endOf(exited) {
  const [exitCode, signal] = await settled(exited)
  return { exitCode, signal }
}

class Recording {
  #native
  #outputs
  #id
  #exited

  constructor(started, connection, id) {
    const [recording, exited] = started
    this.#native = recording
    this.#id = id
    this.#outputs = new OutputStore(connection)
    this.#exited = endOf(exited)
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
    return this.#outputs.follow(this.#id, { after: 0 })
  }
}

/** The size of the terminal of this process, if it has one. */
function sizeOfTerminal() {
  const size = native.size()
  return size && { columns: size[0], rows: size[1] }
}

function record(db, options) {
  const call = 'record'
  const connection = connectionOf(call, db)
  requireObject(call, 'options', options)
  const o = optionsOf(call, options, OPTIONS)
  requireString(call, 'options.command', o.command)
  if (o.command === '') outOfRange(`${call}: options.command must not be empty; received ''`)
  const args = argumentsOf(call, o.args)
  const stdin = oneOf(call, 'options.stdin', o.stdin, STDIN) ?? 'pipe'
  const stdout = oneOf(call, 'options.stdout', o.stdout, STDOUT) ?? 'none'
  if (!isAbsent(o.terminal) && typeof o.terminal !== 'boolean') {
    wrongType(`${call}: options.terminal must be a boolean; received ${show(o.terminal)}`)
  }
  for (const name of ['cwd', 'id', 'title']) {
    if (!isAbsent(o[name])) requireString(call, `options.${name}`, o[name])
  }
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
    undefined,
    undefined,
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
  return new Recording(native.start(connection, session, how, SIGNALS), db, id)
}

module.exports = { record }
