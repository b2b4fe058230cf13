import { describe, expect, test } from 'vitest'
import type { DatabaseConnection } from '../../index.js'
import {
  at,
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryPath,
} from '../support/support.js'

const SESSIONS = `CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  slot INTEGER NOT NULL CHECK (slot IN (1, 2, 3)),
  status TEXT NOT NULL CHECK (status IN ('idle', 'running', 'waiting_checkpoint', 'completed', 'failed')),
  working_dir TEXT NOT NULL,
  current_command TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  pid INTEGER,
  created_at TEXT DEFAULT (datetime('now')),
  updated_at TEXT DEFAULT (datetime('now'))
)`

const SESSION_OUTPUTS = `CREATE TABLE session_outputs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  timestamp TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('stdout', 'stderr')),
  data TEXT NOT NULL,
  created_at TEXT DEFAULT (datetime('now'))
)`

/** The SQL that made `name`, with each run of white space as one space. */
function schemaOf(connection: DatabaseConnection, name: string): string {
  const sql = connection.db
    .prepare('SELECT sql FROM sqlite_schema WHERE name = ?')
    .pluck()
    .get(name)
  return singleSpaced(String(sql))
}

function singleSpaced(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim()
}

describe('the schema of a new file', () => {
  test.each([
    ['sessions', SESSIONS],
    ['session_outputs', SESSION_OUTPUTS],
    [
      'idx_outputs_session_id',
      'CREATE INDEX idx_outputs_session_id ON session_outputs(session_id)',
    ],
    [
      'idx_outputs_timestamp',
      'CREATE INDEX idx_outputs_timestamp ON session_outputs(session_id, timestamp)',
    ],
  ])('a new file has %s as the plan has it', (name, sql) => {
    expect(schemaOf(openConnection(), name)).toBe(singleSpaced(sql))
  })

  test('a new file has nothing else but pins, what an addition brings, and triggers', () => {
    const { db } = openConnection()
    const names = db
      .prepare("SELECT type, name FROM sqlite_schema WHERE type <> 'trigger' ORDER BY type, name")
      .raw()
      .all()
    expect(names).toEqual([
      ['index', 'gsd_sessions_by_start'],
      ['index', 'idx_outputs_session_id'],
      ['index', 'idx_outputs_timestamp'],
      ['index', 'sqlite_autoindex_gsd_session_details_1'],
      ['index', 'sqlite_autoindex_session_pins_1'],
      ['index', 'sqlite_autoindex_sessions_1'],
      ['table', 'gsd_session_changes'],
      ['table', 'gsd_session_details'],
      ['table', 'gsd_session_owners'],
      ['table', 'gsd_session_redactions'],
      ['table', 'gsd_session_sizes'],
      ['table', 'session_outputs'],
      ['table', 'session_pins'],
      ['table', 'sessions'],
      ['table', 'sqlite_sequence'],
    ])
    const triggers = db
      .prepare("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
      .raw()
      .all()
    expect(triggers).toEqual([
      ['gsd_session_changed', 'sessions'],
      ['gsd_session_created', 'sessions'],
      ['gsd_session_detailed', 'gsd_session_details'],
      ['gsd_session_details_changed', 'gsd_session_details'],
      ['gsd_session_removed', 'sessions'],
      ['gsd_session_renamed', 'sessions'],
      ['session_pins_end', 'sessions'],
      ['sessions_updated_at', 'sessions'],
    ])
  })

  test('a database in memory has the schema of a new file', () => {
    const listing = 'SELECT type, name, sql FROM sqlite_schema ORDER BY type, name'
    const inFile = openConnection().db.prepare(listing).all()
    expect(openConnection(':memory:').db.prepare(listing).all()).toEqual(inFile)
  })

  test('a new file has a version of 1 or more, and opening it again leaves that as it is', () => {
    const path = temporaryPath()
    const first = openConnection(path)
    const version = first.db.pragma('user_version', { simple: true })
    expect(version).toBeTypeOf('number')
    expect(version).toBeGreaterThanOrEqual(1)
    first.close()
    expect(openConnection(path).db.pragma('user_version', { simple: true })).toBe(version)
  })
})

describe('the checks of the schema', () => {
  const INSERT =
    'INSERT INTO sessions (id, slot, status, working_dir, started_at) VALUES (?, ?, ?, ?, ?)'

  test.each([
    ['slot 0', ['s-2', 0, 'idle', '/', at(0).toISOString()], 'SQLITE_CONSTRAINT_CHECK'],
    ['slot 4', ['s-2', 4, 'idle', '/', at(0).toISOString()], 'SQLITE_CONSTRAINT_CHECK'],
    ['status paused', ['s-2', 1, 'paused', '/', at(0).toISOString()], 'SQLITE_CONSTRAINT_CHECK'],
    ['no slot', ['s-2', null, 'idle', '/', at(0).toISOString()], 'SQLITE_CONSTRAINT_NOTNULL'],
    [
      'no working folder',
      ['s-2', 1, 'idle', null, at(0).toISOString()],
      'SQLITE_CONSTRAINT_NOTNULL',
    ],
    ['no start', ['s-2', 1, 'idle', '/', null], 'SQLITE_CONSTRAINT_NOTNULL'],
    ['an id twice', ['s-1', 1, 'idle', '/', at(0).toISOString()], 'SQLITE_CONSTRAINT_PRIMARYKEY'],
  ])('the schema refuses a session with %s', (_, values, code) => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    expect(failureOf(() => connection.db.prepare(INSERT).run(values))).toEqual(sqliteFailure(code))
    expect(sessions.list()).toHaveLength(1)
  })

  test('the schema refuses an output that is neither stdout nor stderr', () => {
    const { connection, outputs } = openStores()
    const insert =
      "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('s-1', '2026', 'stdin', '')"
    expect(failureOf(() => connection.db.exec(insert))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_CHECK'),
    )
    expect(outputs.getBySession('s-1')).toEqual([])
  })
})

describe('created_at and updated_at', () => {
  const LONG_AGO = '2001-01-01 00:00:00'

  /** A store with session `s-1` that was created, and updated last, long ago. */
  function openWithOldSession() {
    const opened = openStores()
    opened.connection.db
      .prepare(
        `INSERT INTO sessions (id, slot, status, working_dir, started_at, created_at, updated_at)
         VALUES ('s-1', 1, 'running', '/', ?, ?, ?)`,
      )
      .run(at(0).toISOString(), LONG_AGO, LONG_AGO)
    const times = () =>
      opened.connection.db.prepare('SELECT created_at, updated_at FROM sessions').raw().get()
    return { ...opened, times }
  }

  test('created_at and updated_at are the time of creation at first', () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    const times = `SELECT created_at FROM sessions UNION ALL SELECT updated_at FROM sessions
      UNION ALL SELECT created_at FROM session_outputs`
    const stored = connection.db.prepare(times).pluck().all()
    expect(stored).toHaveLength(3)
    for (const time of stored) expect(time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  })

  test('an update by the store changes updated_at only', () => {
    const { sessions, times } = openWithOldSession()
    expect(times()).toEqual([LONG_AGO, LONG_AGO])
    sessions.update('s-1', { status: 'completed' })
    expect(times()).toEqual([
      LONG_AGO,
      expect.stringMatching(/^(?!2001)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    ])
  })

  test('an update by other SQL changes updated_at too, and counts as one change', () => {
    const { connection, times } = openWithOldSession()
    expect(
      connection.db.prepare("UPDATE sessions SET pid = 7 WHERE id = 's-1'").run().changes,
    ).toBe(1)
    expect(times()).toEqual([LONG_AGO, expect.stringMatching(/^(?!2001)/)])
  })

  test('an update of no field changes neither created_at nor updated_at', () => {
    const { sessions, times } = openWithOldSession()
    sessions.update('s-1', {})
    sessions.update('s-1', { status: undefined, pid: undefined })
    expect(times()).toEqual([LONG_AGO, LONG_AGO])
  })

  test('the trigger for updated_at does not call itself where triggers are recursive', () => {
    const { connection, sessions, times } = openWithOldSession()
    connection.db.pragma('recursive_triggers = ON')
    sessions.update('s-1', { pid: 9 })
    expect(sessions.get('s-1')?.pid).toBe(9)
    expect(times()).toEqual([LONG_AGO, expect.stringMatching(/^(?!2001)/)])
  })

  test('an update changes updated_at of that session only', () => {
    const { connection, sessions } = openWithOldSession()
    connection.db.exec(`INSERT INTO sessions (id, slot, status, working_dir, started_at, updated_at)
      VALUES ('s-2', 2, 'idle', '/', '2026-03-01T10:00:00.000Z', '${LONG_AGO}')`)
    sessions.update('s-1', { pid: 9 })
    expect(
      connection.db.prepare("SELECT updated_at FROM sessions WHERE id = 's-2'").pluck().get(),
    ).toBe(LONG_AGO)
  })
})
