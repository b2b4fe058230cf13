// The sound files that are damaged later. Their bytes are the same each time, and every text is in them once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sealed } from './log.mjs'
import { randomOf } from './random.mjs'

/**
 * The ids of the sessions. The last one has output but no session. Ids differ in more than one bit, so that a flipped
 * bit never turns one into another.
 */
export const IDS = ['s-1', 'second', 'the third', 'orphan']

const START = Date.parse('2026-03-01T10:00:00.000Z')

/** The texts of `count` chunks. Each names its session and place; some need several pages. */
function chunks(count, first) {
  return Array.from({ length: count }, (_, index) => {
    const number = first + index
    const random = randomOf(number)
    const sessionId = IDS[number % IDS.length]
    const length = number % 60 === 7 ? 9_000 + random.below(9_000) : random.below(180)
    const filler = random.bytes(length).toString('base64')
    return {
      sessionId,
      timestamp: new Date(START + Math.floor(number / 3)),
      type: number % 7 === 0 ? 'stderr' : 'stdout',
      data: `${sessionId}#${number}#${filler}é`,
    }
  })
}

/** The text that no other session has in this place. */
export const workingDirOf = (id) => `/srv/of/${id}`

function fill({ DatabaseConnection, SessionStore, OutputStore }, path) {
  const connection = new DatabaseConnection(path)
  const sessions = new SessionStore(connection)
  for (const [index, id] of IDS.slice(0, 3).entries()) {
    sessions.create({
      id,
      slot: index + 1,
      status: ['running', 'idle', 'failed'][index],
      workingDir: workingDirOf(id),
      currentCommand: index === 0 ? null : `command ${id}`,
      startedAt: new Date(START + index),
      endedAt: index === 2 ? new Date(START + 99) : null,
      pid: 4_000_000_000 + index,
    })
  }
  new OutputStore(connection).appendMany(chunks(260, 0))
  // For free pages, and a freelist.
  new OutputStore(connection).appendMany(
    chunks(40, 1_000).map((chunk) => ({ ...chunk, sessionId: 'gone' })),
  )
  new OutputStore(connection).deleteBySession('gone')
  settle(connection)
  return connection
}

/** Removes everything from the file that depends on the time at which it was made. */
function settle(connection) {
  connection.db.exec(`
    UPDATE sessions SET created_at = '2026-03-01 10:00:00', updated_at = '2026-03-01 10:00:00';
    UPDATE session_outputs SET created_at = '2026-03-01 10:00:00' WHERE created_at <> '2026-03-01 10:00:00'`)
}

/** A log whose salts are always the same. */
function salted(log) {
  log.writeUInt32BE(0x1234_5678, 16)
  log.writeUInt32BE(0x9abc_def0, 20)
  return sealed(log)
}

/**
 * Makes the files in `folder`, and gives their bytes by name, and the owner of every text in them.
 *
 * @param {typeof import('../../../index.js')} pkg
 * @param {string} folder
 */
export function makeBases(pkg, folder) {
  const at = (name) => join(folder, name)
  const closed = at('closed.db')
  fill(pkg, closed).close()

  // As the better-sqlite3 version left it: it is brought up to date when it is opened.
  fill(pkg, at('old.db')).close()
  const other = new pkg.DatabaseConnection(':memory:')
  other.db.prepare('ATTACH ? AS old').run(at('old.db'))
  other.db.exec('DROP TRIGGER old.sessions_updated_at; PRAGMA old.user_version = 0')
  other.close()

  const live = fill(pkg, at('live.db'))
  live.db.pragma('wal_checkpoint(TRUNCATE)')
  // An open reader keeps all later writes in the log.
  const reader = new pkg.DatabaseConnection(at('live.db'))
  reader.db.exec('BEGIN; SELECT count(*) FROM sessions')
  const outputs = new pkg.OutputStore(live)
  const later = chunks(60, 260)
  for (const chunk of later.slice(0, 20)) outputs.append(chunk)
  outputs.appendMany(later.slice(20))
  new pkg.SessionStore(live).update('second', {
    status: 'completed',
    endedAt: new Date(START + 77),
  })
  settle(live)
  const files = (name) => ({ db: readFileSync(at(name)) })
  const bases = {
    closed: files('closed.db'),
    old: files('old.db'),
    live: {
      ...files('live.db'),
      wal: salted(readFileSync(at('live.db-wal'))),
      shm: readFileSync(at('live.db-shm')),
    },
  }
  reader.close()
  live.close()
  const owners = new Map(chunks(320, 0).map(({ data, sessionId }) => [data, sessionId]))
  return { bases, owners }
}
