'use strict'
// What is redacted: the options, and the clock of what is held back.

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
const { listener, settled } = require('./background.js')
const { outOfRange, wrongType } = require('./errors.js')
const { native: tables, pairsOf } = require('./rows.js')

const native = tables.redact

const OPTIONS = [
  'builtin',
  'rules',
  'literals',
  'environment',
  'names',
  'marker',
  'maxDelay',
  'onRedact',
]

// Kept from the load of this file: a test may replace the globals with fake ones later.
const { process, setTimeout } = globalThis

/** The names of variables whose values are secrets. */
const NAMES =
  /(?:^|_)(?:SECRETS?|TOKENS?|PASS(?:WORD|WD|PHRASE)?|PWD|API_?KEY|ACCESS_?KEY|SECRET_?KEY|PRIVATE_?KEY|ENCRYPTION_?KEY|AUTH_?KEY|CREDENTIALS?|DSN)(?:_|$)/i

/** Names that look so, and are none. */
const NO_NAMES = /^(?:PWD|OLDPWD)$|_(?:FILE|PATH|DIR|URL|URI|ENDPOINT|NAME|ID|TYPE|EXPIR\w*)$/i

/** The shortest secret of the environment, and the shortest one that is given. Shorter ones stand in ordinary text. */
const SHORTEST = { found: 8, given: 4 }

/** Values that look like no secret: numbers, paths, addresses, words. */
const ORDINARY =
  /^(?:[\d.,:_-]+|[~./\\].*|[a-z][\w+.-]*:\/\/[^@]*|true|false|yes|no|null|none|undefined|[a-z]{1,12})$/i

/** Bits of a text by how often its characters stand in it. */
function entropyOf(text) {
  const counts = new Map()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length)
  return bits
}

/** The least bits of a secret of the environment: those of eight characters that are all different. */
const LEAST_BITS = 20

const nameOf = (text) => text.replace(/[^\w.-]/g, '_').slice(0, 64) || 'secret'

/** The secrets of an environment, as names and values. */
function secretsOf(env, names) {
  const wanted = new Set(names)
  const isSecret = (name, value) =>
    wanted.has(name)
      ? value.length >= SHORTEST.given
      : NAMES.test(name) &&
        !NO_NAMES.test(name) &&
        value.length >= SHORTEST.found &&
        !ORDINARY.test(value) &&
        entropyOf(value) >= LEAST_BITS
  return Object.entries(env).filter(
    ([name, value]) => typeof value === 'string' && isSecret(name, value),
  )
}

function rulesOf(call, options, rules) {
  if (isAbsent(rules)) return []
  requireArray(call, `${options}.rules`, rules)
  return rules.flatMap((rule, at) => {
    requireObject(call, `${options}.rules`, rule, at)
    const { name, pattern } = rule
    requireString(call, `${options}.rules[${at}].name`, name)
    if (pattern instanceof RegExp) {
      const other = pattern.flags.replace(/[dgisu]/g, '')
      if (other !== '') {
        outOfRange(
          `${call}: ${options}.rules[${at}].pattern must have no flag but i and s; received ${show(String(pattern))}`,
        )
      }
      const { source } = pattern
      return [name, pattern.dotAll ? `(?s:${source})` : source, pattern.ignoreCase]
    }
    requireString(call, `${options}.rules[${at}].pattern`, pattern)
    return [name, pattern, false]
  })
}

/** Names and values, from an array of values or an object. */
function literalsOf(call, options, literals) {
  if (isAbsent(literals)) return []
  if (typeof literals !== 'object') {
    wrongType(
      `${call}: ${options}.literals must be an array or an object; received ${show(literals)}`,
    )
  }
  const pairs = Array.isArray(literals)
    ? literals.map((value) => ['literal', value])
    : Object.entries(literals)
  for (const [at, [name, value]] of pairs.entries()) {
    const path = Array.isArray(literals)
      ? `${options}.literals[${at}]`
      : `${options}.literals.${name}`
    requireString(call, path, value)
    if (value.length < SHORTEST.given) {
      const length = `${SHORTEST.given} characters at least`
      outOfRange(`${call}: ${path} must have ${length}; received one of ${value.length}`)
    }
  }
  return pairs
}

function environmentOf(call, options, env, { environment, names }) {
  if (!isAbsent(environment)) requireBoolean(call, `${options}.environment`, environment)
  if (!isAbsent(names)) {
    requireArray(call, `${options}.names`, names)
    names.forEach((name, at) => requireString(call, `${options}.names[${at}]`, name))
  }
  return environment === false ? [] : secretsOf(env, names ?? [])
}

/** JavaScript has the latest say on the environment. A runtime may not let it be read. */
function ownEnvironment() {
  try {
    return process?.env ?? {}
  } catch {
    return {}
  }
}

/** What an option `redact` says: what is redacted as the addon takes it, and who hears of it. `undefined` without one. */
function redactOf(call, option, env = undefined) {
  if (isAbsent(option) || option === false) return undefined
  if (option !== true && (typeof option !== 'object' || Array.isArray(option))) {
    wrongType(`${call}: options.redact must be a boolean or an object; received ${show(option)}`)
  }
  return redactBy(
    call,
    'options.redact',
    optionsOf(call, option === true ? undefined : option, OPTIONS, 'options.redact'),
    env,
  )
}

/** What options say, which messages call by this name. */
function redactBy(call, options, o, env = undefined) {
  if (!isAbsent(o.builtin)) requireBoolean(call, `${options}.builtin`, o.builtin)
  const onRedact = optionalFunction(call, `${options}.onRedact`, o.onRedact)
  const secrets = [
    ...literalsOf(call, options, o.literals),
    ...environmentOf(call, options, env ?? ownEnvironment(), o),
  ]
  const literals = secrets.flatMap(([name, value]) => [nameOf(name), value])
  const rules = rulesOf(call, options, o.rules)
  const { marker, maxDelay } = o
  const builtin = o.builtin ?? true
  const redactor = native.redactor(builtin, rules, literals, marker, maxDelay, call, options)
  return { redactor, onRedact }
}

/** What a connection redacts, and who hears of it, by its native side. */
const REDACTS = new WeakMap()

/** Has a connection redact. */
function redactConnection(connection, redact) {
  if (redact === undefined) return
  native.redact(connection, redact.redactor, redact.onRedact !== undefined)
  REDACTS.set(connection, redact)
}

/** What follows a chunk of a store that redacts: what is held back is stored in time, and who wants to hears of it. */
class Redacting {
  #store
  #delay
  #onRedact
  #timer

  constructor(store, delay, onRedact) {
    this.#store = store
    this.#delay = delay
    this.#onRedact = onRedact
  }

  /** Of a store, if it redacts. */
  static of(store, connection, redact) {
    const delay = native.delay(store)
    if (delay === undefined) return undefined
    return new Redacting(store, delay, (redact ?? REDACTS.get(connection))?.onRedact)
  }

  /** What was stored, as the addon tells it: the cursor, and whether something is held back. Returns the cursor. */
  follow(stored) {
    this.#tell()
    const isHolding = stored === null || stored < 0
    if (!isHolding) return stored
    if (this.#timer === undefined) this.#wait()
    return stored === null ? undefined : -1 - stored
  }

  #wait() {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      try {
        native.release(this.#store)
      } catch {
        // It stays held back, as while the database is locked. The next call that needs it says why.
        if (isHeld(this.#store)) this.#wait()
      }
      this.#tell()
    }, this.#delay)
    this.#timer.unref?.()
  }

  #tell() {
    if (this.#onRedact === undefined) return
    const found = native.found(this.#store)
    if (found === undefined) return
    for (let i = 0; i < found.length; i += 4) {
      const [sessionId, type, rule, length] = found.slice(i, i + 4)
      this.#onRedact({ sessionId, type, rule, length })
    }
  }
}

const STORED_OPTIONS = [
  'sessionId',
  'since',
  'dryRun',
  'builtin',
  'rules',
  'literals',
  'environment',
  'names',
  'marker',
  'onProgress',
  'signal',
]

const storedProgress = ([sessions, totalSessions, outputs, redactions]) => ({
  sessions,
  totalSessions,
  outputs,
  redactions,
})

/** Where secrets are, from the parts of each. */
function* placesOf(places) {
  for (let i = 0; i < places.length; i += 5) {
    const [sessionId, type, place, rule, length] = places.slice(i, i + 5)
    const at = type === undefined ? { field: place } : { type, cursor: place }
    yield { sessionId, ...at, rule, length }
  }
}

/** Replaces secrets in what is stored. A wrong receiver throws at once; every other mistake rejects the promise. */
async function redactStored(connection, options) {
  const call = 'DatabaseConnection.redact'
  const o = optionsOf(call, options, STORED_OPTIONS)
  const { sessionId, since, dryRun, onProgress, signal, ...what } = o
  const isSaid = Object.values(what).some((value) => !isAbsent(value))
  const of = isSaid ? undefined : REDACTS.get(connection)
  const { redactor } = of ?? redactBy(call, 'options', what)
  const tell = listener(call, { onProgress, signal }, storedProgress)
  const [sessions, outputs, redactions, found] = await settled(
    native.redactStored(connection, redactor, sessionId, since, dryRun, tell),
  )
  return { sessions, outputs, redactions: countsOf(redactions), found: [...placesOf(found)] }
}

function isHeld(store) {
  try {
    return native.holds(store)
  } catch {
    return false
  }
}

/** Rules and how often each has found something. */
const countsOf = (counts) => Object.fromEntries(pairsOf(counts))

module.exports = { Redacting, countsOf, redactConnection, redactOf, redactStored }
