import { describe, expect, test } from 'vitest'
import type { DatabaseConnection } from '../../index.js'
import {
  copyOfPlanFile,
  everyRow,
  failureOf,
  openConnection,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  slotCheck,
  sqliteFailure,
  temporaryPath,
} from '../support/support.js'

const INSERT =
  "INSERT INTO sessions (id, slot, status, working_dir, started_at) VALUES (?, ?, 'idle', '/', '2026')"

function schemaOf({ db }: DatabaseConnection): unknown[] {
  return db
    .prepare(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'sessions' ORDER BY name",
    )
    .all()
}

describe('a new file', () => {
  test('a new file has three slots', () => {
    const { connection, sessions } = openStores()
    expect(slotCheck(connection)).toBe('1, 2, 3')
    sessions.create(sampleSession({ slot: 3 }))
    expect(failureOf(() => sessions.create(sampleSession({ id: 's-2', slot: 4 })))).toEqual(
      outOfRange('SessionStore', 'slot', '4'),
    )
    expect(sessions.list().map(({ slot }) => slot)).toEqual([3])
  })

  test('a new file has as many slots as it is asked for', () => {
    const { connection, sessions } = openStores(temporaryPath(), { slots: 5 })
    expect(slotCheck(connection)).toBe('1, 2, 3, 4, 5')
    sessions.create(sampleSession({ slot: 5 }))
    expect(sessions.get('s-1')?.slot).toBe(5)
    expect(failureOf(() => sessions.create(sampleSession({ id: 's-2', slot: 6 })))).toEqual(
      outOfRange('SessionStore', 'slot', '6'),
    )
    expect(failureOf(() => connection.db.prepare(INSERT).run('s-2', 6))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_CHECK'),
    )
  })

  test('a new database in memory has as many slots as it is asked for', () => {
    const { sessions } = openStores(':memory:', { slots: 4 })
    sessions.create(sampleSession({ slot: 4 }))
    expect(sessions.get('s-1')?.slot).toBe(4)
  })
})

describe('an older file that is opened with more slots', () => {
  /** A file with three slots and, after `prepare`, whatever a test adds; opened again with four. */
  function widened(prepare: (opened: ReturnType<typeof openStores>) => void) {
    const path = temporaryPath()
    const before = openStores(path)
    prepare(before)
    const kept = { rows: everyRow(before.connection), schema: schemaOf(before.connection) }
    before.connection.close()
    return { path, kept, ...openStores(path, { slots: 4 }) }
  }

  test('a widened file takes sessions in the new slot', () => {
    const { connection, sessions } = widened(({ sessions: older }) => older.create(sampleSession()))
    expect(slotCheck(connection)).toBe('1, 2, 3, 4')
    sessions.create(sampleSession({ id: 's-2', slot: 4 }))
    expect(sessions.get('s-2')?.slot).toBe(4)
    expect(failureOf(() => sessions.create(sampleSession({ id: 's-3', slot: 5 })))).toEqual(
      outOfRange('SessionStore', 'slot', '5'),
    )
    expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
  })

  test('a widened file keeps every row, and the order of sessions that started at once', () => {
    const ids = ['m', 'z', 'a', 'q', 'b']
    const { connection, sessions, kept } = widened(({ sessions: older, outputs }) => {
      for (const id of ids) older.create(sampleSession({ id }))
      older.delete('z')
      outputs.appendMany([sampleOutput({ sessionId: 'm' }), sampleOutput({ sessionId: 'unknown' })])
    })
    expect(sessions.list().map(({ id }) => id)).toEqual(['b', 'q', 'a', 'm'])
    expect(everyRow(connection)).toEqual(kept.rows)
  })

  test('a widened file keeps the rest of the schema, and what users made on sessions', () => {
    const { connection, kept } = widened(({ connection: { db } }) => {
      db.exec(`
        CREATE INDEX by_status ON sessions (status, started_at DESC);
        CREATE UNIQUE INDEX one_pid ON sessions (pid) WHERE pid IS NOT NULL;
        CREATE INDEX by_folder ON sessions (lower(working_dir));
        CREATE TABLE audit (line TEXT);
        CREATE TRIGGER audit_insert AFTER INSERT ON sessions BEGIN INSERT INTO audit VALUES ('+' || NEW.id); END;
        CREATE TRIGGER audit_delete AFTER DELETE ON sessions BEGIN INSERT INTO audit VALUES ('-' || OLD.id); END;
        CREATE TRIGGER on_output AFTER INSERT ON session_outputs BEGIN
          UPDATE sessions SET current_command = NEW.data WHERE id = NEW.session_id;
        END;
        CREATE VIEW live AS SELECT id, slot FROM sessions WHERE status = 'running';
        CREATE VIEW live_outputs AS SELECT o.data FROM session_outputs o JOIN sessions s ON s.id = o.session_id;
        CREATE TRIGGER on_live INSTEAD OF INSERT ON live BEGIN
          INSERT INTO sessions (id, slot, status, working_dir, started_at)
          VALUES (NEW.id, NEW.slot, 'running', '/', '2026-03-01T10:00:00.000Z');
        END;
        CREATE VIEW broken AS SELECT * FROM no_such_table;
        CREATE TABLE notes (session_id TEXT REFERENCES sessions(id) ON DELETE CASCADE, note TEXT);
      `)
    })
    expect(schemaOf(connection)).toEqual(kept.schema)
  })

  test('a file that is widened calls no trigger of the user, and each one afterwards', () => {
    const { connection, sessions } = widened(({ connection: { db }, sessions: older }) => {
      db.exec(`
        CREATE TABLE audit (line TEXT);
        CREATE TRIGGER audit_insert AFTER INSERT ON sessions BEGIN INSERT INTO audit VALUES ('+' || NEW.id); END;
        CREATE TRIGGER audit_delete AFTER DELETE ON sessions BEGIN INSERT INTO audit VALUES ('-' || OLD.id); END;
      `)
      older.create(sampleSession())
    })
    const audit = () => connection.db.prepare('SELECT line FROM audit').pluck().all()
    expect(audit()).toEqual(['+s-1'])
    sessions.create(sampleSession({ id: 's-2', slot: 4 }))
    sessions.delete('s-1')
    expect(audit()).toEqual(['+s-1', '+s-2', '-s-1'])
  })

  test('a widened file keeps its views at work', () => {
    const { connection, sessions } = widened(({ connection: { db } }) => {
      db.exec("CREATE VIEW live AS SELECT id, slot FROM sessions WHERE status = 'running'")
    })
    sessions.create(sampleSession({ slot: 4 }))
    expect(connection.db.prepare('SELECT * FROM live').raw().all()).toEqual([['s-1', 4]])
  })

  test('a widened file keeps the trigger that changes updated_at', () => {
    const { connection, sessions } = widened(({ connection: { db } }) => {
      db.exec(`INSERT INTO sessions (id, slot, status, working_dir, started_at, updated_at)
        VALUES ('s-1', 1, 'idle', '/', '2026-03-01T10:00:00.000Z', '2001-01-01 00:00:00')`)
    })
    const updatedAt = connection.db.prepare('SELECT updated_at FROM sessions').pluck()
    expect(updatedAt.get()).toBe('2001-01-01 00:00:00')
    sessions.update('s-1', { status: 'running' })
    expect(updatedAt.get()).toMatch(/^(?!2001)\d{4}-/)
  })

  test('a widened file loses no output where foreign keys cascade', () => {
    const path = temporaryPath()
    const before = openStores(path, { foreignKeys: true })
    before.sessions.create(sampleSession())
    before.outputs.append(sampleOutput())
    before.connection.close()
    const after = openStores(path, { foreignKeys: true, slots: 4 })
    expect(after.outputs.getFullOutput('s-1')).toBe('hello')
    expect(after.connection.db.pragma('foreign_keys', { simple: true })).toBe(1)
    expect(failureOf(() => after.outputs.append(sampleOutput({ sessionId: 'unknown' })))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_FOREIGNKEY'),
    )
  })

  test('a connection that widened a file has the pragmas of any other', () => {
    const { connection } = widened(() => undefined)
    const pragmas = [
      'foreign_keys',
      'legacy_alter_table',
      'writable_schema',
      'trusted_schema',
      'busy_timeout',
    ]
    expect(pragmas.map((pragma) => connection.db.pragma(pragma, { simple: true }))).toEqual([
      0, 0, 0, 0, 5_000,
    ])
  })

  test('a file of the better-sqlite3 version can be widened', () => {
    const { connection, sessions } = openStores(copyOfPlanFile(), { slots: 4 })
    expect(slotCheck(connection)).toBe('1, 2, 3, 4')
    expect(sessions.list().map(({ id }) => id)).toEqual(['alpha', 'zulu', 'middle', 'oldest'])
    expect(
      connection.db.prepare('SELECT started_at, updated_at FROM sessions').raw().get(),
    ).toEqual(['2025-01-10 09:15:00', '2025-01-10 09:45:30'])
    expect(connection.db.prepare('SELECT count(*) FROM session_outputs').pluck().get()).toBe(6)
    sessions.create(sampleSession({ slot: 4 }))
    expect(sessions.get('s-1')?.slot).toBe(4)
  })

  test('a connection that was open while the file was widened goes on working', () => {
    const path = temporaryPath()
    const older = openStores(path)
    older.sessions.create(sampleSession())
    const newer = openStores(path, { slots: 4 })
    newer.sessions.create(sampleSession({ id: 's-2', slot: 4 }))
    expect(older.sessions.list().map(({ id, slot }) => [id, slot])).toEqual([
      ['s-2', 4],
      ['s-1', 1],
    ])
    older.sessions.update('s-2', { status: 'failed' })
    expect(newer.sessions.get('s-2')?.status).toBe('failed')
  })
})

describe('a file with more slots than asked for', () => {
  test.each([[undefined], [3], [4], [1]])(
    'a file with more slots is never narrowed: slots = %o',
    (slots) => {
      const path = temporaryPath()
      const wide = openStores(path, { slots: 5 })
      wide.sessions.create(sampleSession({ slot: 5 }))
      wide.connection.close()
      const { connection, sessions } = openStores(path, slots === undefined ? {} : { slots })
      expect(slotCheck(connection)).toBe('1, 2, 3, 4, 5')
      expect(sessions.get('s-1')?.slot).toBe(5)
      connection.db.prepare(INSERT).run('s-2', 5)
      expect(sessions.list()).toHaveLength(2)
    },
  )

  test('a file that already has as many slots is left alone', () => {
    const path = temporaryPath()
    openConnection(path, { slots: 4 }).close()
    const first = openConnection(path, { slots: 4 })
    const rootPage = "SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'"
    const version = first.db.pragma('schema_version', { simple: true })
    const page = first.db.prepare(rootPage).pluck().get()
    first.close()
    const second = openConnection(path, { slots: 4 })
    expect(second.db.pragma('schema_version', { simple: true })).toBe(version)
    expect(second.db.prepare(rootPage).pluck().get()).toBe(page)
  })
})

describe('a slot that no session can have', () => {
  test.each([[0], [-1], [4], [1.5], [Number.NaN], [Infinity], [2 ** 40]])(
    'the slot %d is out of range',
    (slot) => {
      const { sessions } = openStores()
      expect(failureOf(() => sessions.create(sampleSession({ slot })))).toEqual(
        outOfRange('SessionStore', 'slot', String(slot)),
      )
      expect(sessions.list()).toEqual([])
    },
  )
})
