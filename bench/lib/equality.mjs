// Runs every call on every side with the same arguments. The results must be equal before their speed
// is compared.

import { createHash } from 'node:crypto'
import { fillOutputs, fillSessions, momentOf, outputOf, SESSIONS } from './fixtures.mjs'

/** Texts that are easy to get wrong, by the session that holds them. */
const TEXTS = {
  nul: ['\0', 'a\0b', 'é\0b'],
  texts: [
    '',
    '\r\n\r\n',
    '\x1b[2K\x1b[1G\x1b[38;5;208m✔\x1b[0m',
    '日本語 naïve',
    '👩‍👩‍👧 🚀',
    '\ufeffBOM',
    "'; --",
    'é'.repeat(5000),
  ],
}

/** Characters of a result that are shown where two differ. */
const SHOWN = 300

function canonical(value) {
  if (value === undefined) return 'undefined'
  if (value instanceof Date) return `Date(${value.toISOString()})`
  if (Array.isArray(value)) return `[${value.map(canonical).join(',\n')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.keys(value).toSorted()
    return `{${fields.map((key) => `${key}: ${canonical(value[key])}`).join(', ')}}`
  }
  return JSON.stringify(value)
}

/** Results by the call that they came from, each as a digest and its beginning. */
export function readAll(stores, chunks) {
  const { sessions, outputs, db } = stores
  const results = {}
  const add = (call, value) => {
    const text = canonical(value)
    const digest = createHash('sha256').update(text).digest('hex')
    results[call] = { digest, text: text.slice(0, SHOWN), length: text.length }
  }

  fillSessions(stores, 50)
  // Sessions that started in the same millisecond.
  for (const id of ['tie-1', 'tie-2']) {
    const startedAt = new Date('2026-01-01T00:10:00.123Z')
    sessions.create({ id, slot: 1, status: 'idle', workingDir: '/', startedAt })
  }
  sessions.update('session-1', { status: 'completed', endedAt: momentOf(77), pid: null })
  sessions.update('session-2', { currentCommand: null, pid: 2 ** 40 })
  sessions.update('session-3', {})
  sessions.update('nobody', { status: 'failed' })
  fillOutputs(stores, chunks, 6000)
  for (const [id, texts] of Object.entries(TEXTS)) {
    for (const [number, data] of texts.entries()) {
      outputs.append({ ...outputOf(chunks, number, id), data })
    }
  }
  outputs.append(outputOf(chunks, 0, 'gone'))
  sessions.delete('session-50')
  outputs.deleteBySession('gone')

  add('list()', sessions.list())
  add("listByStatus('failed')", sessions.listByStatus('failed'))
  add('findRunning()', sessions.findRunning())
  for (const id of ['session-1', 'session-2', 'session-3', 'session-50', 'nobody']) {
    add(`get('${id}')`, sessions.get(id))
  }
  for (const id of [...SESSIONS, ...Object.keys(TEXTS), 'gone']) {
    add(`getBySession('${id}')`, outputs.getBySession(id))
    add(`getBySession('${id}', 7)`, outputs.getBySession(id, 7))
    add(`getBySessionSince('${id}')`, outputs.getBySessionSince(id, momentOf(3000)))
    add(`getFullOutput('${id}')`, outputs.getFullOutput(id))
  }
  // Without the columns that a library adds, and without the clock.
  const rows = db
    .prepare(
      `SELECT id, session_id, timestamp, type, data FROM session_outputs WHERE session_id <> 'nul'`,
    )
    .all()
  const columns = ({ id, session_id, timestamp, type, data }) => [
    id,
    session_id,
    timestamp,
    type,
    data,
  ]
  add('db.prepare().all()', rows.map(columns))
  const stamped = db.prepare('SELECT count(*) AS n FROM sessions WHERE updated_at IS NOT NULL')
  add('db.prepare().get()', stamped.get().n)
  stores.close()
  return results
}

/**
 * Says where a peer gave other results than the first one, `undefined` where it did not. A peer may
 * be excused for the results about one session.
 */
export function difference(first, peer) {
  const [a, b] = [first.results, peer.results]
  const { excuse } = peer.settings
  const call = Object.keys(a)
    .filter((name) => !excuse || !name.includes(`'${excuse.session}'`))
    .find((name) => a[name].digest !== b[name]?.digest)
  if (call === undefined) return undefined
  const show = ({ name, results }) =>
    `${name}, ${results[call]?.length} characters: ${results[call]?.text}`
  return [`${call} differs.`, show(first), show(peer)].join('\n')
}
