'use strict'
// `OutputStore`; see `session-store.js`.

const {
  optionalFunction,
  optionalSignal,
  optionsOf,
  requireArray,
  requireObject,
  show,
} = require('./arguments.js')
const { endedAtOnce, listener, settled } = require('./background.js')
const blocks = require('./blocks.js')
const { connectionOf } = require('./connection.js')
const errors = require('./errors.js')
const { follow } = require('./follow.js')
const { playerOf } = require('./player.js')
const { Redacting, redactOf } = require('./redact.js')
const {
  beginChunks,
  beginMatches,
  beginOutputs,
  finish,
  native: tables,
  notes,
} = require('./rows.js')
const { commandsOf, screenOf } = require('./terminal.js')

const native = tables.outputs

// Kept from the load of this file: a test may replace the globals with fake ones later.
const { setImmediate } = globalThis

const EXPORT_OPTIONS = ['format', 'columns', 'rows', 'player', 'redact', 'onProgress', 'signal']

const SEARCH_OPTIONS = [
  'sessionId',
  'regex',
  'caseSensitive',
  'drawnOver',
  'since',
  'until',
  'limit',
  'context',
  'command',
]

// Those that decide which blocks a search reads.
const WHAT_IS_READ = SEARCH_OPTIONS.filter((name) => name !== 'limit')

const TEXT_OPTIONS = ['lines', 'characters', 'from', 'to', 'columns', 'rows', 'command']

// Fields of many chunks that are handed over at a time.
const GATHERED = 4 * 4096

// Chunks that a follower reads at a time.
const FOLLOWED = 256

// Nothing is held between two steps, so that others may write and the caller may leave the loop.
function* chunksOf(walk, sessionId) {
  for (;;) {
    beginChunks(sessionId)
    const chunks = finish(native.step(walk))
    if (chunks.length === 0) return
    yield* chunks
  }
}

const STOPS = [null, 'limit', 'timeLimit']

function pageOf(search) {
  beginMatches()
  const matches = finish(tables.search.page(search))
  const stoppedBy = STOPS[notes[0]]
  return { matches, complete: stoppedBy === null, stoppedBy, next: () => pageOf(search) }
}

/** The arguments of a search. */
function searched(store, pattern, o) {
  const { sessionId, regex, caseSensitive, drawnOver, since, until } = o
  const { limit, context, timeLimit, command } = o
  const flags = [regex, caseSensitive, drawnOver]
  return [store, pattern, sessionId, ...flags, since, until, limit, context, timeLimit, command]
}

// How long a search of a database in memory, which no thread can read, keeps the event loop, in milliseconds.
const TURN = 10

/** The matches of a search on all cores. */
async function* matchesOf(store, search, limit, abort, stop) {
  let left = limit
  abort?.addEventListener('abort', stop)
  try {
    for (;;) {
      abort?.throwIfAborted()
      beginMatches()
      const matches = finish(tables.search.found(search, store))
      const isEnd = notes[0] === 1
      for (const match of matches) {
        yield match
        abort?.throwIfAborted()
        if (--left === 0) return
      }
      if (isEnd) return
      if (matches.length === 0) await settled(tables.search.more(search))
    }
  } finally {
    abort?.removeEventListener('abort', stop)
    stop()
  }
}

/** The matches of a search on the event loop, which others have between its turns. */
async function* inTurns(store, pattern, o, limit, abort) {
  let left = limit
  abort?.throwIfAborted()
  let page = pageOf(tables.search.search(...searched(store, pattern, { ...o, timeLimit: TURN })))
  for (;;) {
    for (const match of page.matches) {
      yield match
      abort?.throwIfAborted()
      if (--left === 0) return
    }
    if (page.complete) return
    await new Promise((resume) => void setImmediate(resume))
    abort?.throwIfAborted()
    page = page.next()
  }
}

const exportProgress = ([outputs, totalOutputs, bytes]) => ({ outputs, totalOutputs, bytes })

function open(connection, writeBehind, redact) {
  const how = [redact?.redactor, redact?.onRedact !== undefined]
  if (writeBehind === false) return native.open(connection, ...how)
  const name = 'options.writeBehind'
  if (writeBehind !== true && (typeof writeBehind !== 'object' || Array.isArray(writeBehind))) {
    errors.wrongType(
      `OutputStore: ${name} must be a boolean or an object; received ${show(writeBehind)}`,
    )
  }
  const options = writeBehind === true ? undefined : writeBehind
  const { maxDelay, maxBytes, onError } = optionsOf(
    'OutputStore',
    options,
    ['maxDelay', 'maxBytes', 'onError'],
    name,
  )
  const told = optionalFunction('OutputStore', `${name}.onError`, onError)
  const tell = told && ((code, message) => told(new errors.SqliteError(message, code)))
  return native.openWriteBehind(connection, maxDelay, maxBytes, tell, ...how)
}

function read(store, sessionId, after, limit) {
  beginChunks(sessionId)
  const outputs = finish(native.read(store, sessionId, after, limit))
  return { outputs, cursor: notes[0], more: notes[1] === 1, gap: notes[2] === 1 }
}

// A wrong receiver throws at once; every other mistake rejects the promise.
async function exportTo(store, sessionId, file, options) {
  const call = 'OutputStore.exportTo'
  requireObject(call, 'options', options)
  const o = optionsOf(call, options, EXPORT_OPTIONS)
  const { format, columns, rows } = o
  const player = playerOf(call, o)
  const tell = listener(call, o, exportProgress)
  const how = [format, columns, rows, player, redactOf(call, o.redact)?.redactor]
  const written = tables.exports.exportTo(store, sessionId, file, ...how, tell)
  return exportProgress(await settled(written))
}

class OutputStore {
  #native
  #connection
  #redacting

  constructor(db, options) {
    const o = optionsOf('OutputStore', options, ['writeBehind', 'redact'])
    this.#connection = connectionOf('OutputStore', db)
    const redact = redactOf('OutputStore', o.redact)
    this.#native = open(this.#connection, o.writeBehind ?? false, redact)
    this.#redacting = Redacting.of(this.#native, this.#connection, redact)
  }

  append(output) {
    requireObject('OutputStore.append', 'output', output)
    const { sessionId, timestamp, type, data } = output
    const stored = native.append(this.#native, sessionId, timestamp, type, data)
    return this.#redacting === undefined ? stored : this.#redacting.follow(stored)
  }

  appendMany(outputs) {
    requireArray('OutputStore.appendMany', 'outputs', outputs)
    const { length } = outputs
    let fields = []
    let gathered
    for (let i = 0; i < length; i++) {
      const output = outputs[i]
      requireObject('OutputStore.appendMany', 'outputs', output, i)
      fields.push(output.sessionId, output.timestamp, output.type, output.data)
      if (fields.length >= GATHERED) {
        gathered = native.gather(gathered, fields)
        fields = []
      }
    }
    const stored = native.appendMany(this.#native, gathered, fields)
    return this.#redacting === undefined ? stored : this.#redacting.follow(stored)
  }

  getBySession(sessionId, limit) {
    beginOutputs(sessionId)
    return finish(native.newest(this.#native, sessionId, limit))
  }

  getBySessionSince(sessionId, since, limit) {
    beginOutputs(sessionId)
    return finish(native.since(this.#native, sessionId, since, limit))
  }

  getFullOutput(sessionId, options) {
    const { separator, order } = optionsOf('OutputStore.getFullOutput', options, [
      'separator',
      'order',
    ])
    return native.full(this.#native, sessionId, separator, order)
  }

  text(sessionId, options) {
    const o = optionsOf('OutputStore.text', options, TEXT_OPTIONS)
    const { lines, characters, from, to, columns, rows, command } = o
    return native.text(this.#native, sessionId, lines, characters, from, to, columns, rows, command)
  }

  screen(sessionId, options) {
    const { at, columns, rows } = optionsOf('OutputStore.screen', options, [
      'at',
      'columns',
      'rows',
    ])
    return screenOf(native.screen(this.#native, sessionId, at, columns, rows))
  }

  commands(sessionId) {
    const found = []
    native.commands(this.#native, sessionId, found)
    return commandsOf(found)
  }

  sizes(sessionId) {
    const numbers = native.sizes(this.#native, sessionId)
    const sizes = []
    for (let i = 0; i < numbers.length; i += 3) {
      sizes.push({ after: numbers[i], columns: numbers[i + 1], rows: numbers[i + 2] })
    }
    return sizes
  }

  read(sessionId, options) {
    const { after, limit } = optionsOf('OutputStore.read', options, ['after', 'limit'])
    return read(this.#native, sessionId, after, limit)
  }

  tail(sessionId, options) {
    const { lines, chunks } = optionsOf('OutputStore.tail', options, ['lines', 'chunks'])
    beginChunks(sessionId)
    const outputs = finish(native.tail(this.#native, sessionId, lines, chunks)).reverse()
    return { outputs, cursor: notes[0] }
  }

  iterate(sessionId) {
    return chunksOf(native.walk(this.#native, sessionId), sessionId)
  }

  follow(sessionId, options) {
    const { after, signal } = optionsOf('OutputStore.follow', options, ['after', 'signal'])
    const abort = optionalSignal('OutputStore.follow', signal)
    const store = this.#native
    const from = native.followFrom(store, sessionId, after)
    const next = (cursor) => read(store, sessionId, cursor, FOLLOWED)
    return follow(this.#connection, next, () => native.status(store, sessionId), from, abort)
  }

  search(pattern, options) {
    const o = optionsOf('OutputStore.search', options, [...SEARCH_OPTIONS, 'timeLimit'])
    return pageOf(tables.search.search(...searched(this.#native, pattern, o)))
  }

  searchAsync(pattern, options) {
    const call = 'OutputStore.searchAsync'
    const o = optionsOf(call, options, [...SEARCH_OPTIONS, 'signal'])
    const abort = optionalSignal(call, o.signal)
    const search = tables.search.searchAsync(...searched(this.#native, pattern, o))
    const limit = o.limit ?? Infinity
    if (search === undefined) return inTurns(this.#native, pattern, o, limit, abort)
    const stop = () => tables.search.stop(search)
    return endedAtOnce(matchesOf(this.#native, search, limit, abort, stop), stop)
  }

  blocks(sessionId, options) {
    return blocks.blocks(this.#native, sessionId, options)
  }

  putBlocks(sessionId, given, options) {
    blocks.putBlocks(this.#native, sessionId, given, options)
  }

  searchedBlocks(pattern, options) {
    const o = optionsOf('OutputStore.searchedBlocks', options, WHAT_IS_READ)
    return blocks.searchedBlocks(searched(this.#native, pattern, o))
  }

  searchTerms(pattern, options) {
    const o = optionsOf('OutputStore.searchTerms', options, ['regex', 'caseSensitive'])
    return blocks.searchTerms(searched(this.#native, pattern, o))
  }

  exportTo(sessionId, file, options) {
    return exportTo(this.#native, sessionId, file, options)
  }

  flush() {
    native.flush(this.#native)
  }

  deleteBySession(sessionId) {
    native.delete(this.#native, sessionId)
  }
}

module.exports = { OutputStore }
