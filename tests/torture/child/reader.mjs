// Reads what the others write, and records what it saw, and when. It ends at once on a fault that it can see by itself.

import { setImmediate } from 'node:timers/promises'
import { OutputStore, SessionStore } from '../../../index.js'
import {
  chunkOf,
  faultOfChunk,
  faultOfSession,
  idOf,
  sequenceOf,
  streamOf,
} from '../lib/content.mjs'
import { now } from '../lib/journal.mjs'
import { sleep } from './pause.mjs'

export async function run({ job: { seed }, connection, journal, random, control }) {
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection)
  const saw = (from, what) => journal.saw(from, now(), what)

  while (!control.stopping) {
    const from = now()
    const list = sessions.list()
    saw(from, `sessions ${list.map(({ id, pid }) => `${streamOf(id)}:${pid}`).join(',')}`)
    checkList(seed, list)
    for (const { id } of random.some(list, 3 / list.length).filter(Boolean)) {
      const stream = streamOf(id)
      const read = random.pick([newest, since, whole])
      const before = now()
      const rows = read({ outputs, stream, random, seed })
      saw(before, `${read === newest ? 'newest' : 'rows'} ${stream} ${rows.join(' ')}`)
    }
    await setImmediate()
    sleep(random.between(0, 4))
  }
}

function fail(fault) {
  if (fault) throw new Error(`a reader saw: ${fault}`)
}

function checkList(seed, list) {
  list.forEach((session, index) => {
    fail(faultOfSession(seed, session))
    if (index > 0 && list[index - 1].startedAt < session.startedAt)
      fail(`${session.id} out of order`)
  })
}

/** Checks that chunks follow each other, and gives the first number and the one after the last. */
function span(seed, stream, chunks) {
  if (chunks.length === 0) return ['none']
  const first = sequenceOf(chunks[0].data)
  chunks.forEach((chunk, index) => fail(faultOfChunk(seed, stream, first + index, chunk)))
  return [first, first + chunks.length]
}

function newest({ outputs, stream, random, seed }) {
  const limit = random.integer(1, 100)
  const chunks = outputs.getBySession(idOf(stream), limit)
  if (chunks.length > limit) fail(`${chunks.length} outputs, more than the limit of ${limit}`)
  return span(seed, stream, chunks.toReversed())
}

function since({ outputs, stream, seed }) {
  return span(seed, stream, outputs.getBySessionSince(idOf(stream), new Date(0)))
}

/** The whole output in one string, which must be the chunks, one after the other. */
function whole({ outputs, stream, seed }) {
  const text = outputs.getFullOutput(idOf(stream), { separator: '' })
  if (text === '') return ['none']
  const first = sequenceOf(text)
  let [next, at] = [first, 0]
  for (; at < text.length; next++) {
    const { data } = chunkOf(seed, stream, next)
    if (!text.startsWith(data, at))
      fail(`the full output of ${idOf(stream)} without output ${next}`)
    at += data.length
  }
  return [first, next]
}
