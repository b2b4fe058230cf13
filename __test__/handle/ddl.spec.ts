import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection } from '../../index.js'
import {
  at,
  everyRow,
  failureOf,
  fileMode,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryPath,
  writeForeignFile,
} from '../support/support.js'

/** Stores with one session and one output. */
function openFilled(path = temporaryPath()) {
  const stores = openStores(path)
  stores.sessions.create(sampleSession({ pid: 5 }))
  stores.outputs.append(sampleOutput())
  return { ...stores, db: stores.connection.db, path }
}

const error = (message: string) => ({ ...sqliteFailure('SQLITE_ERROR'), message })

describe('tables of other stores', () => {
  test('tables of other stores are there after a reopen, with their rows, indexes, triggers and views', () => {
    const { connection, db, path } = openFilled()
    db.exec(`
      CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, session_id TEXT REFERENCES sessions (id), text TEXT);
      CREATE UNIQUE INDEX checkpoints_session ON checkpoints (session_id) WHERE text IS NULL;
      CREATE TABLE checkpoint_log (text TEXT);
      CREATE TRIGGER log_checkpoint AFTER INSERT ON checkpoints
        BEGIN INSERT INTO checkpoint_log VALUES (new.session_id); END;
      CREATE VIEW waiting AS
        SELECT s.id, c.text FROM sessions s JOIN checkpoints c ON c.session_id = s.id;
      CREATE VIRTUAL TABLE search USING fts5(text);
      INSERT INTO checkpoints (session_id, text) VALUES ('s-1', NULL);
      INSERT INTO search VALUES ('some words')`)
    const read = (on: typeof db) => ({
      checkpoints: on.prepare('SELECT * FROM checkpoints').all(),
      log: on.prepare('SELECT text FROM checkpoint_log').pluck().all(),
      waiting: on.prepare('SELECT * FROM waiting').all(),
      found: on.prepare("SELECT text FROM search WHERE search MATCH 'word*'").pluck().all(),
      unique: failureOf(() => on.exec("INSERT INTO checkpoints (session_id) VALUES ('s-1')"))?.code,
      check: on.pragma('integrity_check', { simple: true }),
    })
    const before = read(db)
    expect(before).toEqual({
      checkpoints: [{ id: 1, session_id: 's-1', text: null }],
      log: ['s-1'],
      waiting: [{ id: 's-1', text: null }],
      found: ['some words'],
      unique: 'SQLITE_CONSTRAINT_UNIQUE',
      check: 'ok',
    })
    connection.close()
    expect(read(openConnection(path).db)).toEqual(before)
  })

  test('tables of other stores may have reserved or Unicode names, and may be temporary', () => {
    const { db, sessions, outputs } = openFilled()
    db.exec('CREATE TABLE "order" ("group" TEXT); CREATE TABLE "naïve 🚀" (a)')
    db.exec('CREATE TEMP TABLE scratch AS SELECT * FROM sessions')
    expect(db.prepare('SELECT count(*) FROM scratch').pluck().get()).toBe(1)
    expect([sessions.list().length, outputs.getFullOutput('s-1')]).toEqual([1, 'hello'])
  })

  test('tables of other stores may be in an attached file, which gets mode 0600 too', () => {
    const { db, path } = openFilled()
    const file = join(dirname(path), 'other.db')
    db.prepare('ATTACH ? AS other').run(file)
    db.exec('CREATE TABLE other.notes (text); INSERT INTO other.notes SELECT id FROM sessions')
    expect(db.prepare('SELECT text FROM notes').pluck().all()).toEqual(['s-1'])
    expect(process.platform === 'win32' ? '0600' : fileMode(file)).toBe('0600')
    db.exec('DETACH other')
  })

  test('ATTACH takes a path that looks like a URI for a plain file name', () => {
    const { db, path } = openFilled()
    const name = 'file:other.db?mode=memory'
    db.prepare('ATTACH ? AS other').run(join(dirname(path), 'plain.db'))
    db.exec('CREATE TABLE other.t (a)')
    expect(existsSync(join(dirname(path), 'plain.db'))).toBe(true)
    // As a URI this would be a database in memory, which exists.
    const reader = openConnection(path, { readonly: true })
    expect(failureOf(() => reader.db.prepare('ATTACH ? AS uri').run(name))).toEqual(
      sqliteFailure('SQLITE_CANTOPEN'),
    )
  })
})

describe('ALTER TABLE', () => {
  test.each([
    ['a column that may be NULL', 'ALTER TABLE sessions ADD COLUMN note TEXT'],
    ['a column with a default', "ALTER TABLE sessions ADD COLUMN note TEXT NOT NULL DEFAULT 'x'"],
    ['a column for output', 'ALTER TABLE session_outputs ADD COLUMN seq INTEGER'],
    ['a generated column', 'ALTER TABLE sessions ADD COLUMN name AS (slot || id) VIRTUAL'],
  ])('ALTER TABLE adds %s, and the stores work on, at once and after a reopen', (_, sql) => {
    const { connection, db, sessions, outputs, path } = openFilled()
    const columns = db.prepare('SELECT * FROM sessions')
    expect(sessions.list()).toHaveLength(1)
    const before = columns.columns().length
    db.exec(sql)
    sessions.create(sampleSession({ id: 's-2' }))
    sessions.update('s-1', { pid: 6 })
    outputs.append(sampleOutput({ timestamp: at(1), data: 'more' }))
    expect(sessions.list().map(({ id, pid }) => [id, pid])).toEqual([
      ['s-2', undefined],
      ['s-1', 6],
    ])
    expect(columns.all()).toHaveLength(2)
    expect(columns.columns().length - before).toBe(sql.includes('TABLE sessions') ? 1 : 0)
    connection.close()
    const again = openStores(path)
    expect(again.sessions.get('s-1')).toEqual(
      sampleSession({ pid: 6, currentCommand: undefined, endedAt: undefined }),
    )
    expect(again.outputs.getFullOutput('s-1')).toBe('hello\nmore')
    again.sessions.delete('s-1')
    expect(again.sessions.list()).toHaveLength(1)
  })

  test.each([
    [
      'ALTER TABLE sessions RENAME COLUMN pid TO process',
      'ALTER TABLE sessions RENAME COLUMN process TO pid',
    ],
    ['ALTER TABLE sessions RENAME TO moved', 'ALTER TABLE moved RENAME TO sessions'],
  ])('%s by another program makes the stores throw SqliteError until it is undone', (sql, undo) => {
    const { connection, sessions, path } = openFilled()
    const outside = (alteration: string) =>
      writeForeignFile(path, alteration.replace('TABLE ', 'TABLE other.'))
    outside(sql)
    expect(failureOf(() => sessions.list())).toMatchObject({ type: 'SqliteError' })
    expect(failureOf(() => sessions.create(sampleSession({ id: 's-2' })))).toMatchObject({
      type: 'SqliteError',
    })
    connection.close()
    // A file whose tables are not those of the stores is refused, and stays as it is.
    expect(failureOf(() => new DatabaseConnection(path))).toEqual(sqliteFailure('SQLITE_CANTOPEN'))
    outside(undo)
    expect(openStores(path).sessions.get('s-1')?.pid).toBe(5)
  })

  test('an ALTER TABLE that is rolled back leaves the stores as they were', () => {
    const { db, sessions } = openFilled()
    const run = db.transaction(() => {
      db.exec('ALTER TABLE sessions ADD COLUMN note; DELETE FROM session_outputs')
      sessions.update('s-1', { pid: 9 })
      throw new Error('undone')
    })
    expect(run).toThrow('undone')
    expect(sessions.get('s-1')?.pid).toBe(5)
    expect(db.prepare('SELECT * FROM sessions').columns()).toHaveLength(10)
  })
})

describe('a statement that was prepared before ALTER TABLE', () => {
  test('a prepared statement gives the current columns after ALTER TABLE', () => {
    const { db, sessions } = openFilled()
    const select = db.prepare<[], Record<string, unknown>>('SELECT * FROM sessions')
    const names = () => Object.keys(select.get() ?? {})
    const before = names()
    db.exec("ALTER TABLE sessions ADD COLUMN note DEFAULT 'n'")
    expect(names()).toEqual([...before, 'note'])
    db.exec('ALTER TABLE sessions RENAME COLUMN note TO remark')
    expect([...select.iterate()].map((row) => row['remark'])).toEqual(['n'])
    db.exec('ALTER TABLE sessions DROP COLUMN remark')
    expect(names()).toEqual(before)
    expect(select.raw().all()).toEqual([Object.values(select.raw(false).get() ?? {})])
    expect(sessions.list()).toHaveLength(1)
  })
})

describe('SQL that would damage the file', () => {
  test.each([
    ["UPDATE sqlite_schema SET sql = 'nonsense'"],
    ["DELETE FROM sqlite_schema WHERE name = 'sessions'"],
    ["INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (a)')"],
    ['DROP TABLE sqlite_schema'],
    ['DROP TABLE sqlite_sequence'],
    ['CREATE TABLE sqlite_mine (a)'],
  ])('a change of the schema as a table is refused, whatever writable_schema says: %s', (sql) => {
    const { connection, db, path } = openFilled()
    const before = everyRow(connection)
    db.pragma('writable_schema = ON')
    expect(db.pragma('writable_schema', { simple: true })).toBe(0)
    expect(failureOf(() => db.exec(sql))).toEqual(sqliteFailure('SQLITE_ERROR'))
    expect(failureOf(() => db.prepare(sql).run())).toEqual(sqliteFailure('SQLITE_ERROR'))
    connection.close()
    const again = openConnection(path)
    expect(everyRow(again)).toEqual(before)
    expect(again.db.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })

  test('journal_mode = OFF and a new schema_version have no effect', () => {
    const { db } = openFilled()
    const version = db.pragma('schema_version', { simple: true })
    db.pragma('schema_version = 77')
    expect(db.pragma('schema_version', { simple: true })).toBe(version)
    expect(db.pragma('journal_mode = OFF', { simple: true })).not.toBe('off')
  })

  test('the tables behind a virtual table cannot be changed directly', () => {
    const { db } = openFilled()
    db.exec("CREATE VIRTUAL TABLE search USING fts5(text); INSERT INTO search VALUES ('a')")
    for (const sql of ['DELETE FROM search_data', 'DROP TABLE search_content']) {
      expect(failureOf(() => db.exec(sql))).toEqual(sqliteFailure('SQLITE_ERROR'))
    }
    expect(db.prepare('SELECT text FROM search').pluck().all()).toEqual(['a'])
  })
})

describe('SQL that would run foreign code', () => {
  test('extensions cannot be loaded', () => {
    const { db } = openFilled()
    expect(failureOf(() => db.prepare("SELECT load_extension('x')"))).toEqual(
      error('Database.prepare: no such function: load_extension'),
    )
    expect('loadExtension' in db).toBe(false)
  })

  test('a tokenizer cannot be registered by its address', () => {
    const { db } = openFilled()
    const select = () => db.prepare("SELECT fts3_tokenizer('mine', x'0000000000000000')").get()
    expect(failureOf(select)).toMatchObject({ type: 'SqliteError' })
  })
})

describe('a text in double quotes', () => {
  test.each([
    ['SELECT "text"'],
    ['SELECT id FROM sessions WHERE id = "s-1"'],
    ['INSERT INTO sessions (id) VALUES ("s-1")'],
    ['CREATE TABLE t (a DEFAULT ("text"), CHECK (a <> "other"))'],
    ['CREATE INDEX i ON sessions ("nothing")'],
    ['CREATE VIEW v AS SELECT "text" AS a; SELECT * FROM v'],
  ])('a text in double quotes is a name, and an unknown name is refused: %s', (sql) => {
    const { db } = openFilled()
    expect(failureOf(() => db.exec(sql))).toEqual(sqliteFailure('SQLITE_ERROR'))
  })
})
