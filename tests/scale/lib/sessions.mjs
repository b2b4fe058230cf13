// A hundred thousand sessions.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { matchesOf, readable, START } from './walks.mjs'

const SESSIONS = 100_000
const BATCH = 1_000
const MINUTE = 60_000

/** One session in this many is at work, but its process has ended. */
const LOST = 100

/** One session in this many is pinned. */
const PINNED = 1_000

const idOf = (number) => `session-${number}`
const isLost = (number) => number % LOST === 1
const isPinned = (number) => number % PINNED === 0

/** The start, the output and the end of a session. Ten sessions share each of these times. */
const startOf = (number) => new Date(START + Math.floor(number / 10) * MINUTE)

/** The session with this number. */
function sessionOf(number, pid) {
  const startedAt = startOf(number)
  const common = { id: idOf(number), slot: 1 + (number % 3), workingDir: '/src', startedAt }
  if (isLost(number)) return { ...common, status: 'running', pid }
  const status = number % 4 === 0 ? 'failed' : 'completed'
  return { ...common, status, endedAt: startedAt }
}

/** Makes the file of this part, and checks every way to read it. */
export async function sessions(part) {
  const { connection, sessions: store, outputs, scale, check } = part
  const count = Math.max(BATCH, Math.round((SESSIONS * scale) / BATCH) * BATCH)
  const numbers = Array.from({ length: count }, (_, number) => number)
  // The newest start comes first. Of equal starts, the session that was stored last comes first.
  const newestFirst = numbers.toReversed()
  const { pid } = spawnSync(process.execPath, ['--version'])

  await check('create', () => {
    const createBatch = connection.db.transaction((first) => {
      const batch = numbers.slice(first, first + BATCH)
      for (const number of batch) store.create(sessionOf(number, pid))
      for (const number of batch.filter(isPinned)) store.pin(idOf(number))
      outputs.appendMany(
        batch.map((number) => ({
          sessionId: idOf(number),
          timestamp: startOf(number),
          type: 'stdout',
          data: `this is number ${number}.\n`,
        })),
      )
    })
    for (let first = 0; first < count; first += BATCH) createBatch(first)
    return `${readable(count)} sessions`
  })

  await check('list, by pages of 100', () => {
    let page = store.list({ limit: 100 })
    let seen = 0
    while (page.length > 0) {
      for (const { id } of page) assert.equal(id, idOf(newestFirst[seen++]))
      page = store.list({ limit: 100, before: page.at(-1) })
    }
    assert.equal(seen, count)
  })

  await check('list, by pages of one status', () => {
    const wanted = newestFirst.filter((number) => number % 4 === 0 && !isLost(number))
    let page = store.list({ limit: 100, status: 'failed' })
    let seen = 0
    while (page.length > 0) {
      for (const { id } of page) assert.equal(id, idOf(wanted[seen++]))
      page = store.list({ limit: 100, status: 'failed', before: page.at(-1) })
    }
    assert.equal(seen, wanted.length)
  })

  await check('list', () => {
    assert.deepEqual(
      store.list().map(({ id }) => id),
      newestFirst.map(idOf),
    )
  })

  await check('stats', () => {
    const found = connection.stats({ sessions: 1 })
    const lost = numbers.filter(isLost).length
    assert.equal(found.outputs, count)
    assert.equal(found.sessions.running, lost)
    assert.equal(found.sessions.completed + found.sessions.failed, count - lost)
    assert.equal(found.pinned, numbers.filter(isPinned).length)
  })

  await check('search', () => {
    const last = count - 1
    const found = [...matchesOf(outputs, `number ${last}.`)].map(({ sessionId }) => sessionId)
    assert.deepEqual(found, [idOf(last)])
  })

  await check('failOrphans', () => {
    const found = store.failOrphans().map(({ id }) => id)
    assert.deepEqual(found.toSorted(), numbers.filter(isLost).map(idOf).toSorted())
    assert.deepEqual(store.findRunning(), [])
    return `${readable(found.length)} sessions`
  })

  await check('prune', async () => {
    const keepLast = count / 10
    const { sessions: gone } = await connection.prune({ keepLast })
    const left = newestFirst.filter(
      (number) => isPinned(number) || unpinnedRank(number, count) < keepLast,
    )
    assert.deepEqual(
      store.list().map(({ id }) => id),
      left.map(idOf),
    )
    assert.equal(gone.length, count - left.length)
    const { problems, orphanedOutputs } = connection.verify()
    assert.deepEqual({ problems, orphanedOutputs }, { problems: [], orphanedOutputs: 0 })
    return `${readable(gone.length)} sessions`
  })
}

/** How many sessions that are not pinned are newer than this one. */
function unpinnedRank(number, count) {
  const newer = count - 1 - number
  const pinned = Math.floor((count - 1) / PINNED) - Math.floor(number / PINNED)
  return newer - pinned
}
