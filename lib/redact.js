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

function rulesOf(call, rules) {
  if (isAbsent(rules)) return []
  requireArray(call, 'options.redact.rules', rules)
  return rules.flatMap((rule, at) => {
    requireObject(call, 'options.redact.rules', rule, at)
    const { name, pattern } = rule
    requireString(call, `options.redact.rules[${at}].name`, name)
    if (pattern instanceof RegExp) {
      const other = pattern.flags.replace(/[dgisu]/g, '')
      if (other !== '') {
        outOfRange(
          `${call}: options.redact.rules[${at}].pattern must have no flag but i and s; received ${show(String(pattern))}`,
        )
      }
      const { source } = pattern
      return [name, pattern.dotAll ? `(?s:${source})` : source, pattern.ignoreCase]
    }
    requireString(call, `options.redact.rules[${at}].pattern`, pattern)
    return [name, pattern, false]
  })
}

/** Names and values, from an array of values or an object. */
function literalsOf(call, literals) {
  if (isAbsent(literals)) return []
  if (typeof literals !== 'object') {
    wrongType(
      `${call}: options.redact.literals must be an array or an object; received ${show(literals)}`,
    )
  }
  const pairs = Array.isArray(literals)
    ? literals.map((value) => ['literal', value])
    : Object.entries(literals)
  for (const [at, [name, value]] of pairs.entries()) {
    const path = Array.isArray(literals)
      ? `options.redact.literals[${at}]`
      : `options.redact.literals.${name}`
    requireString(call, path, value)
    if (value.length < SHORTEST.given) {
      const length = `${SHORTEST.given} characters at least`
      outOfRange(`${call}: ${path} must have ${length}; received one of ${value.length}`)
    }
  }
  return pairs
}

function environmentOf(call, env, { environment, names }) {
  if (!isAbsent(environment)) requireBoolean(call, 'options.redact.environment', environment)
  if (!isAbsent(names)) {
    requireArray(call, 'options.redact.names', names)
    names.forEach((name, at) => requireString(call, `options.redact.names[${at}]`, name))
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
  const o = optionsOf(call, option === true ? undefined : option, OPTIONS, 'options.redact')
  if (!isAbsent(o.builtin)) requireBoolean(call, 'options.redact.builtin', o.builtin)
  const onRedact = optionalFunction(call, 'options.redact.onRedact', o.onRedact)
  const secrets = [
    ...literalsOf(call, o.literals),
    ...environmentOf(call, env ?? ownEnvironment(), o),
  ]
  const literals = secrets.flatMap(([name, value]) => [nameOf(name), value])
  const rules = rulesOf(call, o.rules)
  const redactor = native.redactor(o.builtin ?? true, rules, literals, o.marker, o.maxDelay, call)
  return { redactor, onRedact }
}

/** Who hears of what a connection redacts, by its native side. */
const LISTENERS = new WeakMap()

/** Has a connection redact. */
function redactConnection(connection, redact) {
  if (redact === undefined) return
  native.redact(connection, redact.redactor, redact.onRedact !== undefined)
  if (redact.onRedact !== undefined) LISTENERS.set(connection, redact.onRedact)
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
    return new Redacting(store, delay, redact ? redact.onRedact : LISTENERS.get(connection))
  }

  follow() {
    this.#tell()
    if (this.#timer === undefined && native.holds(this.#store)) this.#wait()
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

function isHeld(store) {
  try {
    return native.holds(store)
  } catch {
    return false
  }
}

/** Rules and how often each has found something. */
const countsOf = (counts) => Object.fromEntries(pairsOf(counts))

module.exports = { Redacting, countsOf, redactConnection, redactOf }
