// What the page asks for, and the answers.

import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure, lastMoment, moment, STATUSES } from 'gsd-sessions'
import { Events, untilGone } from './events.mjs'
import { chunksBefore, chunksBehind, sent } from './output.mjs'

/** Sessions of a page, and matches of a search, at most. */
const MOST = 500
const MOST_MATCHES = 5_001

/** Reads a parameter by `read`; undefined where it is not there. */
function parameter(url, name, read = (text) => text) {
  const text = url.searchParams.get(name)
  return text === null || text === '' ? undefined : checked(name, text, read)
}

/** Reads a text by `read`. A wrong one is told with its name. */
function checked(name, text, read) {
  try {
    const value = read(text)
    if (value !== undefined) return value
  } catch (error) {
    throw new Failure(`${name} cannot be ${JSON.stringify(text)}: ${error.message}`)
  }
  throw new Failure(`${name} cannot be ${JSON.stringify(text)}`)
}

const integer = (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined)
const flag = (text) => (text === '1' ? true : undefined)
const oneOf = (values) => (text) => (values.includes(text) ? text : undefined)

/** The id of a request. */
function idOf(url) {
  const id = parameter(url, 'id')
  if (id === undefined) throw new Failure('id is missing')
  return id
}

/** Which sessions a request means. */
const filterOf = (url) => ({
  status: parameter(url, 'status', oneOf(STATUSES)),
  command: parameter(url, 'command'),
  dir: parameter(url, 'dir'),
  host: parameter(url, 'host'),
  since: parameter(url, 'since', moment),
  until: parameter(url, 'until', lastMoment),
})

/** Runs `work` with the stores of the session of a request. */
async function withSession({ history, url }, work) {
  const opened = await history.open(idOf(url))
  try {
    return await work(opened)
  } finally {
    opened.close()
  }
}

async function about({ history, rights }) {
  const { kind, where } = history
  return { kind, where, rights }
}

async function sessions({ history, url }) {
  const limit = Math.min(parameter(url, 'limit', integer) ?? 100, MOST)
  const before = parameter(url, 'before')
  const found = await history.list({ ...filterOf(url), before, limit: limit + 1 })
  const page = found.slice(0, limit)
  const cursor = page.length === 0 ? undefined : history.cursorOf(page.at(-1))
  return { sessions: await history.withLastOutput(page), cursor, more: found.length > limit }
}

function session(how) {
  return withSession(how, async ({ outputs, id }) => {
    const found = await how.history.get(idOf(how.url))
    const [first] = outputs.read(id, { limit: 1 }).outputs
    const [last] = outputs.tail(id, { chunks: 1 }).outputs
    return {
      ...found,
      sizes: outputs.sizes(id),
      firstOutput: first?.timestamp,
      lastOutput: last?.timestamp,
    }
  })
}

function output(how) {
  const after = parameter(how.url, 'after', integer)
  const before = parameter(how.url, 'before', integer)
  return withSession(how, (opened) =>
    after === undefined ? chunksBefore(opened, before) : chunksBehind(opened, after),
  )
}

/** How often a reader is told at most what has become of a session, in milliseconds. */
const TOLD = 1_000

/** What a session prints, as it comes, and what becomes of it. A reader that was cut off goes on behind what it has. */
async function follow({ history, request, response, url }) {
  const id = idOf(url)
  const last = integer(String(request.headers['last-event-id'] ?? ''))
  const after = last ?? parameter(url, 'after', integer) ?? 0
  // What fails at once is answered as a failure.
  let found = await history.get(id)
  const events = new Events(response)
  const { signal } = events
  const stop = tellChanges(history, id, events)
  const pace = new Pace()
  try {
    for (let cursor = after; found !== undefined; found = await history.get(id)) {
      cursor = await sendUntilLate({ history, id, events, pace }, cursor)
      if (cursor === undefined) break
      await sleep(GLANCE, undefined, { signal })
      const page = await withSession({ history, url }, (opened) =>
        chunksBefore(opened, undefined, END),
      )
      await events.send('skip', page, page.cursor)
      cursor = page.cursor
    }
    const [end] = await told(history, id)
    await (end === undefined ? events.send('gone', null) : events.send('over', end))
    events.end()
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    stop()
  }
}

/** What a reader is told of a session. */
async function told(history, id) {
  const found = await history.get(id)
  return found === undefined ? [] : history.withLastOutput([found])
}

/** Tells a reader what becomes of a session. Returns what ends it. */
function tellChanges(history, id, events) {
  let timer
  const tell = async () => {
    timer = undefined
    const [found] = await told(history, id).catch(() => [])
    if (found !== undefined) await events.send('session', found)
  }
  const stop = history.watch((ids) => {
    // A fleet does not tell which.
    if (ids.length === 0 || ids.includes(id)) timer ??= setTimeout(tell, TOLD)
  })
  return () => {
    stop()
    clearTimeout(timer)
  }
}

/** Characters that a reader is sent at once, and in a second on the whole. Of more it is shown the end. Nobody reads so fast. */
const BURST = 1 << 20
const RATE = 512 << 10

/** Characters of that end, and how long it is shown at least, in milliseconds. */
const END = 64 << 10
const GLANCE = 200

/** How much a reader was sent, less what it may have looked at since. While it is behind it has had no time to look. */
class Pace {
  #unread = 0
  #since = performance.now()

  get isTooFast() {
    return this.#unread > BURST
  }

  sends(chunks) {
    for (const { data } of chunks) this.#unread += data.length
  }

  isUpToDate() {
    const now = performance.now()
    this.#unread = Math.max(0, this.#unread - (RATE * (now - this.#since)) / 1000)
    this.#since = now
  }
}

/** Sends chunks as they come. Returns where, if the reader is late, or undefined at the end. */
async function sendUntilLate({ history, id, events, pace }, after) {
  let known = 0
  for await (const chunks of history.follow(id, { after, signal: events.signal })) {
    const sizes = await history.sizes(id)
    if (sizes?.length > known) await events.send('sizes', sizes)
    known = sizes?.length ?? 0
    const last = chunks.at(-1)
    if (last === undefined) {
      pace.isUpToDate()
      continue
    }
    await events.send('chunks', chunks.map(sent), last.cursor)
    pace.sends(chunks)
    if (pace.isTooFast) return last.cursor
  }
  return undefined
}

/** Which sessions have changed, as they do. */
async function changes({ history, response }) {
  const events = new Events(response)
  const stop = history.watch((ids) => void events.send('changed', ids))
  events.signal.addEventListener('abort', stop)
}

/** The lines that match, one JSON value a line. */
async function search({ history, response, url }) {
  const pattern = parameter(url, 'q')
  if (pattern === undefined) throw new Failure('q is missing')
  const signal = untilGone(response)
  const { since, until, host } = filterOf(url)
  const options = {
    since,
    until,
    host,
    session: parameter(url, 'id'),
    regex: parameter(url, 'regex', flag),
    caseSensitive: parameter(url, 'case', flag),
    drawnOver: parameter(url, 'drawn', flag),
    context: parameter(url, 'context', integer) ?? 1,
    limit: Math.min(parameter(url, 'limit', integer) ?? 200, MOST_MATCHES),
    signal,
  }
  const found = history.search(pattern, options)
  try {
    // What is wrong with the pattern is told by its first match.
    let next = await found.next()
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' })
    for (; !next.done; next = await found.next()) {
      const isTaken = response.write(`${JSON.stringify(next.value)}\n`)
      if (!isTaken) await once(response, 'drain', { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await found.return()
  }
  response.end()
}

/** A session as a recording, for the player. */
function recording(how) {
  const { response } = how
  const signal = untilGone(response)
  return withSession(how, async ({ outputs, id }) => {
    const folder = mkdtempSync(join(tmpdir(), 'gsd-session-dashboard-'))
    try {
      const file = join(folder, 'recording.cast')
      await outputs.exportTo(id, file, { format: 'asciicast', signal })
      response.writeHead(200, {
        'Content-Type': 'application/x-asciicast',
        'Cache-Control': 'no-store',
      })
      await pipeline(createReadStream(file), response, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

/** The length of a period of output, in milliseconds; a longer one where there would be too many. */
const PERIOD = 3_600_000
const LONG_PERIOD = 24 * PERIOD * 7
const MOST_PERIODS = 5_000

async function stats({ history, url }) {
  const amounts = parameter(url, 'amounts', flag) ?? false
  const by = async (every) => ({ ...(await history.stats({ amounts, every })), every })
  const found = await by(PERIOD)
  return found.periods?.length > MOST_PERIODS ? by(LONG_PERIOD) : found
}

/** What would go that is older, and what packing would give back. */
function savings({ history, url }) {
  const olderThan = parameter(url, 'olderThan', moment)
  if (olderThan === undefined) throw new Failure('olderThan is missing')
  return history.savings({ olderThan })
}

/** Removes a session, for those who were allowed to. */
async function remove({ history, rights, given }) {
  if (!rights.delete) throw new Failure('removing is not allowed: --allow-delete')
  if (typeof given?.id !== 'string') throw new Failure('id must be a string')
  await history.remove(given.id)
  return {}
}

/** Prunes, for those who were allowed to. */
async function prune({ history, rights, given }) {
  if (!rights.prune) throw new Failure('pruning is not allowed: --allow-prune')
  if (typeof given?.olderThan !== 'string') throw new Failure('olderThan must be a string')
  return history.prune({ olderThan: checked('olderThan', given.olderThan, moment) })
}

const ROUTES = {
  'GET /api/about': about,
  'GET /api/sessions': sessions,
  'GET /api/session': session,
  'GET /api/output': output,
  'GET /api/follow': follow,
  'GET /api/changes': changes,
  'GET /api/search': search,
  'GET /api/recording': recording,
  'GET /api/stats': stats,
  'GET /api/savings': savings,
  'POST /api/delete': remove,
  'POST /api/prune': prune,
}

/** Answers a request; undefined where there is no such thing. What sends its answer itself gives anything. */
export async function answer(method, path, how) {
  const route = `${method} ${path}`
  if (!Object.hasOwn(ROUTES, route)) return undefined
  return (await ROUTES[route](how)) ?? {}
}
