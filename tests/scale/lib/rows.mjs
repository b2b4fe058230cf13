// A million rows of sessions that print at the same time.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { byPages, contentOf, matchesOf, readable, START } from './walks.mjs'

const ROWS = 1_000_000
const SESSIONS = 20
const KEPT = 5
const BATCH = 10_000

/** One row in this many has the word that is searched for. */
const RARE = 4_001

const idOf = (session) => `session-${session}`
const FILLER = 'a line as programs print it, some longer and some shorter '.repeat(4)

/** The row with this number. Times repeat, and some rows have an earlier time than the row before them. */
function rowOf(number) {
  const color = `\x1B[3${number % 8}m`
  const word = number % RARE === 0 ? `nee${color}dle` : 'straw'
  const place = Math.floor(number / SESSIONS)
  return {
    sessionId: idOf(number % SESSIONS),
    timestamp: new Date(START + Math.floor(number / 70) - (number % 11 === 0 ? 5 : 0)),
    type: number % 9 === 0 ? 'stderr' : 'stdout',
    data: `${place} ${color}${word}\x1B[0m ${FILLER.slice(0, number % 200)}\r\n`,
  }
}

/** The place of a row among those of its session, read from its text. */
const placeOf = ({ data }) => Number.parseInt(data, 10)

/** Makes the file of this part, and checks every way to read it. */
export async function rows({ connection, sessions, outputs, folder, scale, check }) {
  const each = Math.max(KEPT, Math.round((ROWS * scale) / SESSIONS))
  const count = each * SESSIONS
  const ids = Array.from({ length: SESSIONS }, (_, session) => idOf(session))
  const stored = { bytes: 0, wanted: [] }

  await check('appendMany', () => {
    for (const [session, id] of ids.entries()) {
      const startedAt = new Date(START + session)
      const fields = { slot: 1, status: 'completed', workingDir: '/src', endedAt: startedAt }
      sessions.create({ id, startedAt, ...fields })
    }
    for (let first = 0; first < count; first += BATCH) {
      const length = Math.min(BATCH, count - first)
      const batch = Array.from({ length }, (_, i) => rowOf(first + i))
      for (const { data } of batch) stored.bytes += Buffer.byteLength(data)
      outputs.appendMany(batch)
    }
    for (let number = 0; number < count; number += RARE) {
      stored.wanted.push(`${idOf(number % SESSIONS)} ${Math.floor(number / SESSIONS)}`)
    }
    return `${readable(count)} rows, ${readable(stored.bytes)} bytes`
  })

  const walkAll = (walk) => () => {
    let seen = 0
    for (const id of ids) {
      let next = 0
      for (const chunk of walk(id)) {
        assert.equal(placeOf(chunk), next, `${id} has another row at place ${next}`)
        next++
      }
      seen += next
    }
    assert.equal(seen, count)
  }
  await check(
    'read, by pages of 1000',
    walkAll((id) => byPages(outputs, id, 1000)),
  )
  await check(
    'iterate',
    walkAll((id) => outputs.iterate(id)),
  )

  await check('tail', () => {
    for (const id of ids) {
      const places = outputs.tail(id, { lines: 10 }).outputs.map(placeOf)
      const last = Math.min(10, each)
      assert.deepEqual(
        places,
        Array.from({ length: last }, (_, i) => each - last + i),
      )
    }
  })

  await check('stats', () => {
    const found = connection.stats({ sessions: 3 })
    assert.equal(found.outputs, count)
    assert.equal(found.bytes, stored.bytes)
    assert.equal(found.sessions.completed, SESSIONS)
    assert.equal(found.orphanedOutputs, 0)
    assert.equal(found.largest.length, 3)
  })

  await check('search', () => {
    const found = []
    for (const { sessionId, line } of matchesOf(outputs, 'needle', { limit: 50 })) {
      found.push(`${sessionId} ${Number.parseInt(line, 10)}`)
    }
    assert.deepEqual(found.toSorted(), stored.wanted.toSorted())
    return `${found.length} matches`
  })

  await check('exportTo, ndjson', async () => {
    const file = join(folder, 'export.ndjson')
    for (const id of ids.slice(0, KEPT)) {
      const done = await outputs.exportTo(id, file, { format: 'ndjson' })
      assert.equal(done.outputs, each)
      const { size, lines } = await contentOf(file)
      assert.deepEqual({ size, lines }, { size: done.bytes, lines: each })
    }
  })

  await check('prune', async () => {
    const report = await connection.prune({ keepLast: KEPT })
    assert.deepEqual(report.sessions, ids.slice(0, -KEPT))
    assert.equal(report.outputs, count - KEPT * each)
    assert.equal(connection.stats().outputs, KEPT * each)
    return `${readable(report.outputs)} rows, ${readable(report.fileBytesBefore)} to ${readable(report.fileBytes)} bytes`
  })

  await check('verify', () => {
    assert.deepEqual(connection.verify().problems, [])
    for (const id of ids.slice(-KEPT)) {
      let place = 0
      for (const chunk of byPages(outputs, id, 1000)) assert.equal(placeOf(chunk), place++)
      assert.equal(place, each)
    }
  })
}
