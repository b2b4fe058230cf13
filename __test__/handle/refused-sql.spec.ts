// SQL of callers that would make the file unopenable, or break what other processes rely on.
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, type Database } from '../../index.js'
import {
  copyOfPlanFile,
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
} from '../support/support.js'

function openFilled(path?: string) {
  const stores = openStores(path)
  stores.sessions.create(sampleSession())
  stores.outputs.append(sampleOutput())
  return { ...stores, db: stores.connection.db }
}

const refusal = (message: RegExp) => ({
  type: 'SqliteError',
  code: 'SQLITE_AUTH',
  message: expect.stringMatching(message) as string,
})

/** Every way to run one statement. */
const ways: ((db: Database, sql: string) => unknown)[] = [
  (db, sql) => db.exec(sql),
  (db, sql) => db.exec(`CREATE TABLE made (a); SELECT 1; /* so */ ${sql}; DROP TABLE made`),
  (db, sql) => db.prepare(sql),
  (db, sql) => db.transaction(() => db.exec(sql))(),
]

const refused: [string, RegExp][] = [
  ['PRAGMA user_version = 99', /user_version/],
  ['PRAGMA user_version(99)', /user_version/],
  ['pragma main.user_version = 99', /user_version/],
  ['PRAGMA "main".[User_Version](99)', /user_version/],
  ['PRAGMA MAIN.USER_VERSION = -1', /user_version/],
  ["PRAGMA user_version = ''", /user_version/],
  ['/* so */ PRAGMA user_version=0', /user_version/],
  ['DROP TABLE sessions', /table sessions/],
  ['DROP TABLE IF EXISTS session_outputs', /table session_outputs/],
  ['drop table "Sessions"', /table sessions/],
  ['DROP TABLE [session_outputs]', /table session_outputs/],
  ['DROP TABLE main.`SESSIONS`', /table sessions/],
  ["DROP TABLE 'main'.'sessions'", /table sessions/],
  ['DROP TABLE session_pins', /table session_pins/],
  ['CREATE TEMP TABLE session_outputs AS SELECT 1', /table or view called session_outputs/],
  ['CREATE TABLE temp.Sessions (a)', /table or view called sessions/],
  ['CREATE TEMP VIEW sessions AS SELECT 1', /table or view called sessions/],
  ['CREATE VIRTUAL TABLE temp.session_pins USING fts5(a)', /table or view called session_pins/],
  ['ALTER TABLE sessions RENAME TO old', /"sessions".*missing/],
  ['ALTER TABLE main."SESSION_OUTPUTS" RENAME TO x', /"session_outputs".*missing/],
  ['ALTER TABLE session_pins RENAME TO x', /"session_pins".*missing/],
  ['ALTER TABLE sessions RENAME COLUMN pid TO process', /no column "pid"/],
  ['ALTER TABLE sessions RENAME "Working_Dir" TO folder', /no column "working_dir"/],
  ['ALTER TABLE session_outputs RENAME COLUMN type TO kind', /no column "type"/],
  ['ALTER TABLE sessions DROP COLUMN pid', /no column "pid"/],
  ['ALTER TABLE sessions DROP ended_at', /no column "ended_at"/],
  ['ALTER TABLE session_outputs DROP COLUMN created_at', /no column "created_at"/],
  ['DROP INDEX idx_outputs_session_id', /idx_outputs_session_id/],
  ['DROP INDEX IF EXISTS main."IDX_OUTPUTS_TIMESTAMP"', /idx_outputs_timestamp/],
  ['DROP TRIGGER sessions_updated_at', /sessions_updated_at/],
  ['DROP TRIGGER IF EXISTS main.session_pins_end', /session_pins_end/],
  ['PRAGMA journal_mode = DELETE', /WAL mode/],
  ['PRAGMA main.journal_mode = truncate', /WAL mode/],
  ['PRAGMA journal_mode(persist)', /WAL mode/],
  ["PRAGMA journal_mode = 'mem'", /WAL mode/],
  ["PRAGMA journal_mode = ''", /WAL mode/],
  ['PRAGMA locking_mode = EXCLUSIVE', /locked/],
  ['PRAGMA main.locking_mode(exclusive)', /locked/],
]

describe('whichever call runs it', () => {
  test.each(refused)('%s is refused, and the file opens again', (sql, message) => {
    const { connection, db, sessions, outputs } = openFilled()
    for (const run of ways) {
      expect(failureOf(() => run(db, sql))).toEqual(refusal(message))
      db.exec('DROP TABLE IF EXISTS made')
    }
    outputs.append(sampleOutput({ data: 'after' }))
    sessions.update('s-1', { pid: 7 })
    connection.close()
    const again = openStores(connection.path)
    expect(again.outputs.getFullOutput('s-1')).toBe('hello\nafter')
    expect(again.sessions.get('s-1')?.pid).toBe(7)
    expect(again.connection.verify().ok).toBe(true)
  })
})

test.each([
  ['user_version = 5', /user_version .*table/],
  ['main.user_version(5)', /user_version/],
  ['journal_mode = delete', /WAL/],
  ['locking_mode = exclusive', /locked/],
])('pragma(%o) is refused with what to do instead', (source, message) => {
  const { db } = openConnection()
  expect(failureOf(() => db.pragma(source))).toEqual(refusal(message))
  expect(failureOf(() => db.pragma(source, { simple: true }))).toEqual(refusal(message))
  expect(db.pragma('user_version', { simple: true })).toBe(
    openConnection().db.pragma('user_version', { simple: true }),
  )
})

test('a refused statement leaves those before it done, as any other error of exec() does', () => {
  const { db } = openFilled()
  const sql = 'CREATE TABLE notes (a); DROP TABLE sessions; CREATE TABLE more (a)'
  expect(failureOf(() => db.exec(sql))).toEqual(refusal(/^Database\.exec: table sessions/))
  const made = db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('notes', 'more')")
  expect(made.pluck().all()).toEqual(['notes'])
})

test.each([
  'user_version',
  'main.user_version',
  'journal_mode',
  'locking_mode',
  'journal_mode = WAL',
  'locking_mode = NORMAL',
  'application_id = 5',
  'auto_vacuum = 1',
  'schema_version',
  'foreign_keys = ON',
  'synchronous = FULL',
  'wal_checkpoint(PASSIVE)',
  'table_info(sessions)',
])('PRAGMA %s stays allowed', (source) => {
  const { connection, db } = openFilled()
  expect(failureOf(() => db.pragma(source))).toBeUndefined()
  connection.close()
  expect(openStores(connection.path).sessions.list()).toHaveLength(1)
})

test('user_version is read as a table, too', () => {
  const { db } = openConnection()
  const version = db.pragma('user_version', { simple: true })
  expect(db.prepare('SELECT user_version FROM pragma_user_version').pluck().get()).toBe(version)
})

test('all of it stays allowed for an attached database and for temporary tables', () => {
  const { connection, db } = openFilled()
  db.prepare('ATTACH ? AS other').run(join(temporaryFolder(), 'other.db'))
  db.exec(`
    PRAGMA other.user_version = 7;
    PRAGMA other.journal_mode = DELETE;
    PRAGMA other.locking_mode = EXCLUSIVE;
    CREATE TABLE other.sessions (id, pid);
    CREATE TABLE other.session_outputs (id);
    CREATE INDEX other.idx_outputs_session_id ON session_outputs (id);
    CREATE TRIGGER other.sessions_updated_at AFTER DELETE ON sessions BEGIN SELECT 1; END;
    DROP INDEX other.idx_outputs_session_id;
    DROP TRIGGER other.sessions_updated_at;
    ALTER TABLE other.sessions RENAME COLUMN pid TO process;
    ALTER TABLE other.sessions DROP COLUMN process;
    ALTER TABLE other.sessions RENAME TO old;
    DROP TABLE other.session_outputs;
    CREATE TEMP TABLE my_sessions (a);
    PRAGMA temp.user_version = 3;
    ALTER TABLE my_sessions ADD COLUMN b;
    DROP TABLE temp.my_sessions`)
  expect(db.pragma('other.user_version', { simple: true })).toBe(7)
  db.exec('DETACH other')
  expect(openConnection(connection.path).verify().ok).toBe(true)
})

test('a column of one’s own is added, renamed and dropped, also by statements of before', () => {
  const { db, sessions } = openFilled()
  const add = db.prepare('ALTER TABLE sessions ADD COLUMN note TEXT')
  db.exec('CREATE TABLE other (a)')
  add.run()
  const rename = db.prepare('ALTER TABLE sessions RENAME COLUMN note TO remark')
  db.exec('DROP TABLE other')
  rename.run()
  db.exec('CREATE INDEX mine ON sessions (remark); DROP INDEX mine')
  db.exec('CREATE TRIGGER own AFTER DELETE ON sessions BEGIN SELECT 1; END; DROP TRIGGER own')
  db.prepare('ALTER TABLE sessions DROP COLUMN remark').run()
  expect(sessions.list()).toHaveLength(1)
})

test('a column of one’s own that would need a value is refused', () => {
  const { db } = openConnection()
  db.exec('ALTER TABLE sessions ADD COLUMN note TEXT')
  const sql = 'ALTER TABLE sessions ALTER COLUMN note SET NOT NULL'
  expect(failureOf(() => db.exec(sql))).toEqual(refusal(/"note" needs a value/))
  expect(openStores(db.name).sessions.list()).toEqual([])
})

test.each([
  'ALTER TABLE sessions RENAME COLUMN pid TO slot',
  'ALTER TABLE sessions DROP COLUMN id',
  'ALTER TABLE sessions DROP COLUMN nothing',
  'ALTER TABLE sessions ADD COLUMN pid',
  'DROP TABLE nothing',
])('SQLite says what is wrong with %s', (sql) => {
  expect(failureOf(() => openConnection().db.exec(sql))).toMatchObject({ code: 'SQLITE_ERROR' })
})

test('tables of others are made anew as query builders do it', () => {
  const { connection, db } = openFilled()
  db.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, session_id REFERENCES sessions (id), a)')
  db.exec(`
    PRAGMA foreign_keys = OFF;
    BEGIN;
    CREATE TABLE _temp_alter (id INTEGER PRIMARY KEY, session_id REFERENCES sessions (id), b);
    INSERT INTO _temp_alter SELECT id, session_id, a FROM notes;
    DROP TABLE notes;
    ALTER TABLE _temp_alter RENAME TO notes;
    ALTER TABLE notes RENAME COLUMN b TO c;
    ALTER TABLE notes DROP COLUMN c;
    COMMIT;
    VACUUM;
    DROP TABLE notes`)
  expect(openConnection(connection.path).verify().ok).toBe(true)
})

test('a database in memory refuses what its backup could not be opened with', () => {
  const { db } = openStores(':memory:').connection
  expect(failureOf(() => db.pragma('user_version = 99'))).toEqual(refusal(/user_version/))
  expect(failureOf(() => db.exec('DROP TABLE sessions'))).toEqual(refusal(/table sessions/))
  expect(db.pragma('journal_mode = DELETE', { simple: true })).toBe('memory')
})

test('an older file is migrated, and its slots are widened, as before', () => {
  const path = copyOfPlanFile()
  const connection = new DatabaseConnection(path, { slots: 9 })
  connection.close()
  const { db } = openConnection(path)
  expect(failureOf(() => db.exec('DROP TABLE session_outputs'))).toEqual(refusal(/session_outputs/))
  expect(failureOf(() => db.prepare("SELECT load_extension('x')"))?.code).toBe('SQLITE_ERROR')
})

describe('What would take the place of the stores', () => {
  test('A temporary table may have any other name, and may not get one of ours later', () => {
    const { db } = openFilled()
    db.exec(
      'CREATE TEMP TABLE mine (a); ALTER TABLE mine ADD COLUMN b; ALTER TABLE mine RENAME TO yours',
    )
    expect(failureOf(() => db.exec('ALTER TABLE yours RENAME TO sessions'))).toEqual(
      refusal(/table or view called sessions/),
    )
    expect(db.prepare('SELECT count(*) FROM sessions').pluck().get()).toBe(1)
  })

  test('The file is not attached to itself, by whatever path, nor changed by way of that', () => {
    const { db, connection } = openFilled()
    const link = join(temporaryFolder(), 'link.db')
    symlinkSync(connection.path, link)
    for (const name of [connection.path, link, `file:${connection.path}?mode=ro`]) {
      expect(failureOf(() => db.exec(`ATTACH '${name}' AS me`))).toEqual(refusal(/has open/))
    }
    db.prepare('ATTACH ? AS me').run(link)
    for (const sql of ['DROP TABLE me.session_outputs', 'PRAGMA me.user_version = 8']) {
      expect(failureOf(() => db.exec(sql))).toEqual(refusal(/session_outputs|user_version/))
    }
    db.exec('DETACH me')
    db.exec(
      `ATTACH '${join(temporaryFolder(), 'other.db')}' AS other; CREATE TABLE other.sessions (a)`,
    )
    db.exec('DROP TABLE other.sessions')
  })
})
