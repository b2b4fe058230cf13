// What a file holds, checked row by row: it is a sound database, every value is one that was written, and the rows
// of a session follow each other.

import { existsSync, readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { DatabaseConnection, OutputStore, SessionStore } from '../../../index.js'
import {
  chunkOf,
  faultOfChunk,
  faultOfSession,
  hasSecret,
  idOf,
  sequenceOf,
  streamOf,
} from './content.mjs'
import { Failure } from './failure.mjs'

/**
 * Opens the file, as after a restart, and gives the states of its sessions by their numbers, the first id of the
 * outputs of each, and how many rows there are.
 */
export function readStored(file, seed, random) {
  for (const name of [file, `${file}-wal`]) {
    check(existsSync(name) && hasSecret(readFileSync(name)) && `a secret is in ${name}`)
  }
  const connection = new DatabaseConnection(file)
  try {
    checkDatabase(connection.db)
    const stored = { states: new Map(), firstIds: new Map(), rows: 0, lastId: 0 }
    readSessions(connection, seed, stored)
    readOutputs(connection, seed, stored)
    checkParents(connection.db, stored)
    readThroughStore(connection, seed, stored, random)
    return stored
  } finally {
    connection.close()
  }
}

function check(fault) {
  if (fault) throw new Failure(fault)
}

function checkDatabase(db) {
  const integrity = db.pragma('integrity_check').map((row) => row.integrity_check)
  check(integrity.join() !== 'ok' && `integrity_check: ${integrity.join('; ')}`)
}

function readSessions(connection, seed, stored) {
  const sessions = new SessionStore(connection).list()
  for (const session of sessions) {
    check(faultOfSession(seed, session))
    const state = { version: session.pid, first: 0, next: 0 }
    check(stored.states.has(streamOf(session.id)) && `${session.id} is there twice`)
    stored.states.set(streamOf(session.id), state)
    stored.rows++
  }
  const bySql = connection.db
    .prepare('SELECT id FROM sessions ORDER BY started_at DESC, rowid DESC')
    .pluck()
    .all()
  check(
    !isDeepStrictEqual(
      bySql,
      sessions.map(({ id }) => id),
    ) && 'list() is out of order',
  )
  const stale = 'SELECT count(*) FROM sessions WHERE updated_at IS NULL OR updated_at < created_at'
  check(connection.db.prepare(stale).pluck().get() > 0 && 'a session without a sound updated_at')
}

function readOutputs(connection, seed, stored) {
  const rows = connection.db
    .prepare('SELECT id, session_id, timestamp, type, data FROM session_outputs ORDER BY id')
    .raw()
    .iterate()
  for (const [id, session, timestamp, type, data] of rows) {
    const stream = streamOf(session)
    check(Number.isNaN(stream) && `output ${id} belongs to '${session}', which is unknown`)
    let state = stored.states.get(stream)
    if (!state) stored.states.set(stream, (state = { version: -1, first: 0, next: 0 }))
    if (!stored.firstIds.has(stream)) {
      stored.firstIds.set(stream, id)
      state.first = state.next = sequenceOf(data)
    }
    check(faultOfChunk(seed, stream, state.next, { data, type, timestamp: new Date(timestamp) }))
    state.next++
    stored.rows++
    stored.lastId = id
  }
}

/** Foreign keys are off, so the stores must make sure of this. */
function checkParents(db, { states }) {
  const orphans = [...states.values()].filter(({ version }) => version < 0)
  const expected = orphans.reduce((rows, { first, next }) => rows + next - first, 0)
  const found = db.pragma('foreign_key_check').length
  check(found !== expected && `foreign_key_check finds ${found} rows instead of ${expected}`)
}

/** The same through the stores, for a few sessions. */
function readThroughStore(connection, seed, { states }, random) {
  const outputs = new OutputStore(connection)
  for (const stream of random.some([...states.keys()], 4 / states.size)) {
    if (stream === undefined) continue
    const { first, next } = states.get(stream)
    const chunks = Array.from({ length: next - first }, (_, i) => chunkOf(seed, stream, first + i))
    const text = outputs.getFullOutput(idOf(stream), { separator: '' })
    check(text !== chunks.map(({ data }) => data).join('') && `getFullOutput of ${idOf(stream)}`)
    const newest = outputs.getBySession(idOf(stream))
    check(!isDeepStrictEqual(newest, chunks.toReversed()) && `getBySession of ${idOf(stream)}`)
  }
}
