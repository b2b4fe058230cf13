// What the page asks for, and the answers.

import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Failure, lastMoment, moment, STATUSES } from 'gsd-sessions'
import { Events } from './events.mjs'
import { chunksBefore, chunksBehind, sent } from './output.mjs'
import { waveOf } from './wave.mjs'

/** Sessions of a page, and matches of a search, at most. */
const MOST = 500
const MOST_MATCHES = 5_001

/** Reads a parameter by `read`; undefined where it is not there. A wrong one is told with its name. */
function parameter(url, name, read = (text) => text) {
  const text = url.searchParams.get(name)
  if (text === null || text === '') return undefined
  try {
    const value = read(text)
    if (value !== undefined) return value
  } catch (error) {
    throw new Failure(`${name}: ${error.message}`)
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
  return { sessions: await history.withLastOutput(page), more: found.length > limit }
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

/** What a session prints, as it comes. A reader that was cut off goes on behind what it has. */
async function follow({ history, request, response, url }) {
  const id = idOf(url)
  const last = integer(String(request.headers['last-event-id'] ?? ''))
  const after = last ?? parameter(url, 'after', integer) ?? 0
  if ((await history.get(id)) === undefined) throw new Failure(`there is no session "${id}"`)
  const events = new Events(request, response)
  const { signal } = events
  try {
    for (let cursor = after; ;) {
      cursor = await sendUntilLate(history.follow(id, { after: cursor, signal }), events)
      if (cursor === undefined) break
      const page = await withSession({ history, url }, (opened) => chunksBefore(opened))
      await events.send('skip', page, page.cursor)
      cursor = page.cursor
    }
    await events.send('over', await history.get(id))
    events.end()
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Characters, and milliseconds, by which a reader may be behind. Who reads slower is shown the end. */
const BEHIND = 1 << 20
const LATE = 2_000

/** Sends chunks as they come. Returns where, if the reader is late, or undefined at the end. */
async function sendUntilLate(followed, events) {
  let unread = 0
  for await (const chunks of followed) {
    const last = chunks.at(-1)
    if (last === undefined) {
      unread = 0
      continue
    }
    await events.send('chunks', chunks.map(sent), last.cursor)
    for (const { data } of chunks) unread += data.length
    if (unread > BEHIND && Date.now() - last.timestamp.getTime() > LATE) return last.cursor
  }
  return undefined
}

/** Which sessions have changed, as they do. */
async function changes({ history, request, response }) {
  const events = new Events(request, response)
  const stop = history.watch((ids) => void events.send('changed', ids))
  events.signal.addEventListener('abort', stop)
}

/** The lines that match, one JSON value a line. */
async function search({ history, request, response, url }) {
  const pattern = parameter(url, 'q')
  if (pattern === undefined) throw new Failure('q is missing')
  const gone = new AbortController()
  request.on('close', () => gone.abort())
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
    signal: gone.signal,
  }
  const found = history.search(pattern, options)
  // What is wrong with the pattern is told by its first match.
  let next = await found.next()
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' })
  try {
    for (; !next.done; next = await found.next()) {
      const isTaken = response.write(`${JSON.stringify(next.value)}\n`)
      if (!isTaken) await once(response, 'drain', { signal: gone.signal })
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error
  }
  response.end()
}

function wave(how) {
  return withSession(how, (opened) => waveOf(opened))
}

/** A session as a recording, for the player. */
function recording(how) {
  return withSession(how, async ({ outputs, id }) => {
    const folder = mkdtempSync(join(tmpdir(), 'gsd-session-dashboard-'))
    try {
      const file = join(folder, 'recording.cast')
      await outputs.exportTo(id, file, { format: 'asciicast' })
      how.response.writeHead(200, {
        'Content-Type': 'application/x-asciicast',
        'Cache-Control': 'no-store',
      })
      await pipeline(createReadStream(file), how.response)
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
  const found = await history.stats({ amounts, every: PERIOD })
  if (!(found.periods?.length > MOST_PERIODS)) return found
  return history.stats({ amounts, every: LONG_PERIOD })
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
  return history.prune({ olderThan: moment(given.olderThan) })
}

const ROUTES = {
  'GET /api/about': about,
  'GET /api/sessions': sessions,
  'GET /api/session': session,
  'GET /api/output': output,
  'GET /api/follow': follow,
  'GET /api/changes': changes,
  'GET /api/search': search,
  'GET /api/wave': wave,
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
