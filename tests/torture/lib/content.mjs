// What is written. All of it follows from the seed and a number, so that a reader finds every wrong byte without
// knowing what the writer did.

import { Random, hash } from './random.mjs'

const START = Date.parse('2026-03-01T10:00:00.000Z')
const STATUSES = ['idle', 'running', 'waiting_checkpoint', 'completed', 'failed']
const LONGEST = 9_000
const NOISE = noise(1 << 14)

/** A secret, and what is stored in its place. What is known of it begins as no other text does, so that nothing is held back. */
const SECRET = 'QZ7.a-secret-of-the-torture'
const MARKER = '[REDACTED:torture]'

/** How those redact that are given the secret. */
export const REDACT = { builtin: false, environment: false, literals: { torture: SECRET } }

/** What somebody who redacts is given: the secret in the places in which it is not to be found. */
export function withSecrets(text) {
  return text?.replaceAll(MARKER, SECRET)
}

/** Whether bytes have a part of the secret. */
export function hasSecret(bytes) {
  return bytes.includes(SECRET.slice(0, 12)) || bytes.includes(SECRET.slice(12))
}

/** Text that is hard for terminals and encodings. It has no surrogates, so that it can be cut anywhere. */
function noise(length) {
  const random = new Random(1)
  const alphabet = 'abcdefghij klmnop\n\r\n\t\0\u001b[0m\u00e9\u4e2d\u2028\ufeff'
  return Array.from({ length }, () => random.pick(alphabet)).join('')
}

function lengthOf(bits) {
  const kind = bits % 256
  if (kind === 0) return 4_000 + ((bits >>> 8) % (LONGEST - 4_000))
  return (bits >>> 8) % (kind < 16 ? 1_000 : 120)
}

/** The id of a session by its number. */
export function idOf(stream) {
  return `s-${stream}`
}

/** The number of a session by its id. */
export function streamOf(id) {
  return /^s-\d+$/.test(id) ? Number(id.slice(2)) : Number.NaN
}

/** The chunk of output that a session's terminal prints as its `sequence`th. */
export function chunkOf(seed, stream, sequence) {
  const bits = hash(seed, stream, sequence)
  const length = lengthOf(bits)
  const from = hash(bits, length) % (NOISE.length - LONGEST)
  const end = bits & 0x40000000 ? '\u{1f642}' : ''
  return {
    sessionId: idOf(stream),
    // Several chunks a millisecond, as from a real terminal.
    timestamp: new Date(START + Math.floor(sequence / 5)),
    type: bits & 0x20000000 ? 'stderr' : 'stdout',
    data: `${stream}.${sequence}|${bits & 0x18000000 ? '' : MARKER}${NOISE.slice(from, from + length)}${end}`,
  }
}

/** The sequence number that a chunk's text begins with; NaN where it does not. */
export function sequenceOf(data) {
  const dot = data.indexOf('.')
  return dot < 0 ? Number.NaN : Number.parseInt(data.slice(dot + 1, dot + 16), 10)
}

/** A session as it is after so many updates. */
export function sessionOf(seed, stream, version) {
  const bits = hash(seed, stream, version, 7)
  return {
    id: idOf(stream),
    slot: (stream % 3) + 1,
    status: STATUSES[bits % STATUSES.length],
    workingDir: `/srv/${stream}`,
    currentCommand:
      bits & 0x100 ? undefined : `make ${stream}.${version} ${bits & 0x800 ? '' : MARKER}`,
    // Some start in the same millisecond.
    startedAt: new Date(START + Math.floor(stream / 4)),
    endedAt: bits & 0x200 ? undefined : new Date(START + (bits >>> 10)),
    pid: version,
  }
}

/** Why a session is not one that was ever written; `undefined` if it is. */
export function faultOfSession(seed, session) {
  const stream = streamOf(session.id)
  const expected = sessionOf(seed, stream, session.pid)
  const wrong = Object.keys(expected).find(
    (key) => expected[key]?.valueOf() !== session[key]?.valueOf(),
  )
  if (Number.isNaN(stream)) return `session '${session.id}' is unknown`
  return wrong && `${session.id}: ${wrong} is ${session[wrong]} instead of ${expected[wrong]}`
}

/** Why a chunk is not the session's `sequence`th; `undefined` if it is. */
export function faultOfChunk(seed, stream, sequence, chunk) {
  const expected = chunkOf(seed, stream, sequence)
  if (chunk.data !== expected.data) {
    return (
      `output ${sequence} of ${idOf(stream)} is ${JSON.stringify(chunk.data.slice(0, 60))}` +
      ` (${chunk.data.length} long) instead of ${JSON.stringify(expected.data.slice(0, 60))}`
    )
  }
  const same =
    chunk.type === expected.type && chunk.timestamp.getTime() === expected.timestamp.getTime()
  return same ? undefined : `output ${sequence} of ${idOf(stream)} has a wrong type or timestamp`
}
