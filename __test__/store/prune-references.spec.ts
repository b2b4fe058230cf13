// What `prune()`, `delete()` and `referencedBy()` do about rows and triggers of others.
import { describe, expect, test } from 'vitest'
import type { PruneReport } from '../../index.js'
import {
  at,
  everyRow,
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryPath,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

/** More chunks than one transaction of `prune()` removes. */
const MANY = 6_000

/** Sessions `a`, `b` and `c` that are over, with some output, and what `sql` adds. */
function openThree({ foreignKeys = true, sql = '', count = 5, path = temporaryPath() } = {}) {
  const stores = openStores(path, { foreignKeys })
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    const endedAt = at(index * 1000)
    stores.sessions.create(sampleSession({ id, status: 'completed', startedAt: at(0), endedAt }))
    const chunks = id === 'a' ? count : 5
    const output = sampleOutput({ sessionId: id, data: 'x'.repeat(200) })
    stores.outputs.appendMany(Array.from({ length: chunks }, () => output))
  }
  stores.connection.db.exec(sql)
  return stores
}

const ids = ({ connection }: Stores) =>
  connection.db.prepare('SELECT id FROM sessions ORDER BY rowid').pluck().all()

const chunksOf = ({ connection }: Stores, id: string) =>
  connection.db
    .prepare<[string]>('SELECT count(*) FROM session_outputs WHERE session_id = ?')
    .pluck()
    .get(id)

const dangling = ({ connection }: Stores) => connection.db.pragma('foreign_key_check')

const kept = ({ kept: found }: PruneReport) => found.map(({ id }) => id)

/** Text that holds every one of the words. */
const reason = (...words: string[]) =>
  expect.stringMatching(new RegExp(words.map((word) => `(?=[^]*${word})`).join(''))) as string

const FIRST_CHUNK = "(SELECT min(id) FROM session_outputs WHERE session_id = 'a')"
const LAST_CHUNK = "(SELECT max(id) FROM session_outputs WHERE session_id = 'a')"

describe('a session that rows of others keep', () => {
  test.each<[string, string, string[]]>([
    [
      'refer to it',
      `CREATE TABLE notes (session_id TEXT NOT NULL REFERENCES sessions(id));
       INSERT INTO notes VALUES ('a')`,
      ['"notes"'],
    ],
    [
      'refer to it, and have an index',
      `CREATE TABLE notes (session_id TEXT REFERENCES sessions(id) ON DELETE RESTRICT);
       CREATE INDEX of_notes ON notes (session_id); INSERT INTO notes VALUES ('a'), (NULL)`,
      ['"notes"'],
    ],
    [
      'refer to it in other words',
      `CREATE TABLE "no ""tes" ("a b" STRING REFERENCES SESSIONS); INSERT INTO "no ""tes" VALUES ('a')`,
      ['no .*"tes'],
    ],
    [
      'refer to it until the end of a transaction',
      `CREATE TABLE notes (session_id REFERENCES sessions(id) DEFERRABLE INITIALLY DEFERRED);
       INSERT INTO notes VALUES ('a')`,
      ['"notes"'],
    ],
    [
      'refer to rows that would be removed with it',
      `CREATE TABLE notes (id INTEGER PRIMARY KEY, session_id REFERENCES sessions ON DELETE CASCADE);
       CREATE TABLE pages (note INTEGER REFERENCES notes ON DELETE RESTRICT);
       INSERT INTO notes VALUES (7, 'a'), (8, 'b'); INSERT INTO pages VALUES (7)`,
      ['"pages"', '"notes"'],
    ],
    [
      'refer to rows that would be removed with it, until the end of a transaction',
      `CREATE TABLE notes (id INTEGER PRIMARY KEY, session_id REFERENCES sessions ON DELETE CASCADE);
       CREATE TABLE pages (note INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED);
       INSERT INTO notes VALUES (7, 'a'), (8, 'b'); INSERT INTO pages VALUES (7)`,
      ['"pages"', '"notes"'],
    ],
    [
      'refer to its last chunk',
      `CREATE TABLE bookmarks (output INTEGER REFERENCES session_outputs(id));
       INSERT INTO bookmarks SELECT ${LAST_CHUNK}`,
      ['"bookmarks"', 'output'],
    ],
    [
      'have a chunk of it as their key',
      `CREATE TABLE bookmarks (output INTEGER PRIMARY KEY REFERENCES session_outputs);
       INSERT INTO bookmarks SELECT ${LAST_CHUNK}`,
      ['"bookmarks"', 'output'],
    ],
    [
      'refer to several of its columns',
      `CREATE UNIQUE INDEX of_slots ON sessions (slot, id);
       CREATE TABLE notes (id, slot, FOREIGN KEY (slot, id) REFERENCES sessions (slot, id));
       INSERT INTO notes VALUES ('a', 1), ('b', NULL)`,
      ['"notes"'],
    ],
    [
      'refer to another column of it',
      `ALTER TABLE sessions ADD COLUMN name TEXT; UPDATE sessions SET name = 'name of ' || id;
       CREATE UNIQUE INDEX names ON sessions (name);
       CREATE TABLE notes (session TEXT REFERENCES sessions (name)); INSERT INTO notes VALUES ('name of a')`,
      ['"notes"'],
    ],
    [
      'must refer to something',
      `CREATE TABLE notes (session_id TEXT NOT NULL REFERENCES sessions ON DELETE SET NULL);
       INSERT INTO notes VALUES ('a')`,
      ['"notes"', 'NOT NULL'],
    ],
    [
      'would refer to a default that there is not',
      `CREATE TABLE notes (session_id TEXT DEFAULT 'none' REFERENCES sessions ON DELETE SET DEFAULT);
       INSERT INTO notes VALUES ('a')`,
      ['FOREIGN KEY'],
    ],
  ])('stays whole, and the others go, where they %s', async (_, sql, words) => {
    const stores = openThree({ sql, count: MANY })
    const report = await stores.connection.prune({ keepLast: 0 })
    expect(report).toMatchObject({ sessions: ['b', 'c'], outputs: 10 })
    expect(report.kept).toEqual([{ id: 'a', reason: reason(...words) }])
    expect(chunksOf(stores, 'a')).toBe(MANY)
    expect(ids(stores)).toEqual(['a'])
    expect(dangling(stores)).toEqual([])
    expect(kept(await stores.connection.prune({ olderThan: at(5000) }))).toEqual(['a'])
    expect(kept(await stores.connection.prune({ maxBytes: 0 }))).toEqual(['a'])
    expect(chunksOf(stores, 'a')).toBe(MANY)
    expect(failureOf(() => stores.sessions.delete('a'))).toMatchObject({ type: 'SqliteError' })
    expect(chunksOf(stores, 'a')).toBe(MANY)
  })

  test('goes with rows that SQLite removes or changes', async () => {
    const stores = openThree({
      count: MANY,
      sql: `CREATE TABLE notes (id INTEGER PRIMARY KEY, session_id REFERENCES sessions ON DELETE CASCADE);
        CREATE TABLE pages (note REFERENCES notes ON DELETE CASCADE);
        CREATE TABLE marks (output REFERENCES session_outputs ON DELETE SET NULL);
        INSERT INTO notes VALUES (7, 'a'), (8, 'c'); INSERT INTO pages VALUES (7), (8);
        INSERT INTO marks SELECT ${FIRST_CHUNK}`,
    })
    const report = await stores.connection.prune({ keepLast: 1 })
    expect(report).toMatchObject({ sessions: ['a', 'b'], kept: [], outputs: MANY + 5 })
    const rows = (table: string) =>
      stores.connection.db.prepare(`SELECT * FROM ${table}`).raw().all()
    expect(rows('notes')).toEqual([[8, 'c']])
    expect(rows('pages')).toEqual([[8]])
    expect(rows('marks')).toEqual([[null]])
    expect(dangling(stores)).toEqual([])
  })

  test('goes if its rows refer to each other', async () => {
    const stores = openThree({
      count: MANY,
      sql: `ALTER TABLE sessions ADD COLUMN last INTEGER REFERENCES session_outputs;
        ALTER TABLE session_outputs ADD COLUMN first INTEGER REFERENCES session_outputs;
        UPDATE sessions SET last = ${LAST_CHUNK} WHERE id = 'a';
        UPDATE session_outputs SET first = ${FIRST_CHUNK} WHERE session_id = 'a'`,
    })
    const report = await stores.connection.prune({ keepLast: 0 })
    expect(report).toMatchObject({ sessions: ['a', 'b', 'c'], kept: [], outputs: MANY + 10 })
  })

  test.each([[true], [false]])(
    'stays while another session refers to it, which is at work (foreignKeys: %j)',
    async (foreignKeys) => {
      const stores = openThree({
        foreignKeys,
        sql: `ALTER TABLE sessions ADD COLUMN parent TEXT REFERENCES sessions(id) ON DELETE CASCADE;
          UPDATE sessions SET parent = 'a', status = 'running' WHERE id = 'c';
          UPDATE sessions SET parent = 'b' WHERE id = 'b'`,
      })
      const report = await stores.connection.prune({ keepLast: 0 })
      expect({ sessions: report.sessions, kept: kept(report) }).toEqual({
        sessions: ['b'],
        kept: ['a'],
      })
      expect(ids(stores)).toEqual(['a', 'c'])
    },
  )

  test('does not count for keepLast as if it were gone', async () => {
    const sql = `CREATE TABLE notes (session_id REFERENCES sessions); INSERT INTO notes VALUES ('b')`
    const stores = openThree({ sql })
    const report = await stores.connection.prune({ keepLast: 1 })
    expect({ sessions: report.sessions, kept: kept(report) }).toEqual({
      sessions: ['a'],
      kept: ['b'],
    })
  })

  test.each([[true], [false]])(
    'keeps output without a session as well, where rows refer to it (foreignKeys: %j)',
    async (foreignKeys) => {
      const stores = openThree({ foreignKeys: false })
      const orphan = (sessionId: string) =>
        stores.outputs.appendMany(Array.from({ length: MANY }, () => sampleOutput({ sessionId })))
      orphan('lost')
      orphan('gone')
      stores.connection.db.exec(`CREATE TABLE bookmarks (output INTEGER REFERENCES session_outputs);
        INSERT INTO bookmarks SELECT max(id) FROM session_outputs WHERE session_id = 'gone'`)
      const connection = openConnection(stores.connection.path, { foreignKeys })
      const report = await connection.prune({ orphans: true })
      expect(report).toMatchObject({ sessions: [], outputs: MANY })
      expect(report.kept).toEqual([{ id: 'gone', reason: reason('"bookmarks"') }])
      expect([chunksOf(stores, 'lost'), chunksOf(stores, 'gone')]).toEqual([0, MANY])
    },
  )

  test('stays in a database in memory, and in a transaction of the caller', async () => {
    for (const begin of ['', 'BEGIN']) {
      const sql = `CREATE TABLE notes (session_id REFERENCES sessions DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO notes VALUES ('a'); ${begin}`
      const stores = openThree({ sql, path: ':memory:' })
      const report = await stores.connection.prune({ keepLast: 0 })
      expect(report.kept).toEqual([{ id: 'a', reason: reason('"notes"') }])
      if (begin) stores.connection.db.exec('COMMIT')
      expect(ids(stores)).toEqual(['a'])
      expect(chunksOf(stores, 'a')).toBe(5)
    }
  })

  test('stays where a row comes to refer to it while it is removed', async () => {
    const sql = 'CREATE TABLE notes (session_id TEXT REFERENCES sessions(id))'
    const stores = openThree({ sql, count: 30_000 })
    let added = false
    const report = await stores.connection.prune({
      keepLast: 0,
      onProgress: ({ outputs, sessions }) => {
        if (added || outputs === 0 || sessions > 0) return
        added = stores.connection.db
          .transaction(() => {
            if (!stores.sessions.get('a')) return false
            stores.connection.db.exec("INSERT INTO notes VALUES ('a')")
            return true
          })
          .immediate()
      },
    })
    // On a busy machine it may be gone before this process is told.
    expect(kept(report)).toEqual(added ? ['a'] : [])
    expect(ids(stores)).toEqual(added ? ['a'] : [])
    expect(dangling(stores)).toEqual([])
  })
})

describe('without foreignKeys', () => {
  const NOTES = `CREATE TABLE notes (session_id REFERENCES sessions(id) ON DELETE CASCADE);
    INSERT INTO notes VALUES ('a')`

  test.each([
    ['to it', NOTES, ['"notes"', 'refer to it,']],
    [
      'to its output',
      `CREATE TABLE marks (output INTEGER REFERENCES session_outputs ON DELETE SET NULL);
       INSERT INTO marks SELECT ${LAST_CHUNK}`,
      ['"marks"', 'its output'],
    ],
    [
      'to both',
      `${NOTES}; CREATE TABLE marks (output INTEGER REFERENCES session_outputs);
       CREATE INDEX of_marks ON marks (output); INSERT INTO marks SELECT ${LAST_CHUNK}`,
      ['"notes" and "marks"', 'it and its output'],
    ],
  ])('prune() removes no session where rows refer %s', async (_, sql, words) => {
    const stores = openThree({ foreignKeys: false, sql, count: MANY })
    const before = everyRow(stores.connection)
    const expected = {
      sessions: ['b', 'c'],
      kept: [{ id: 'a', reason: reason(...words, 'does not enforce foreign keys') }],
      outputs: 10,
    }
    expect(await stores.connection.prune({ keepLast: 0, dryRun: true })).toMatchObject(expected)
    expect(everyRow(stores.connection)).toEqual(before)
    expect(await stores.connection.prune({ keepLast: 0 })).toMatchObject(expected)
    expect(chunksOf(stores, 'a')).toBe(MANY)
    expect(dangling(stores)).toEqual([])
  })

  test('prune() goes by whether the connection enforces them now', async () => {
    const stores = openThree({ foreignKeys: false, sql: NOTES })
    stores.connection.db.pragma('foreign_keys = ON')
    expect(await stores.connection.prune({ keepLast: 0 })).toMatchObject({ kept: [] })
    expect(dangling(stores)).toEqual([])
  })

  test('prune() is not kept from its work by keys that refer to nothing', async () => {
    const stores = openThree({
      foreignKeys: false,
      sql: `CREATE TABLE notes (a REFERENCES sessions (absent), b REFERENCES sessions);
        INSERT INTO notes VALUES ('a', 'gone'), ('b', NULL)`,
    })
    expect(await stores.connection.prune({ keepLast: 0 })).toMatchObject({
      sessions: ['a', 'b', 'c'],
      kept: [],
    })
  })

  test('delete() removes a session that rows refer to, as ever', () => {
    const stores = openThree({ foreignKeys: false, sql: NOTES })
    stores.sessions.delete('a')
    expect(ids(stores)).toEqual(['b', 'c'])
  })
})

describe('a session that a trigger of others keeps', () => {
  test.each<[string, string, string[]]>([
    [
      'refuses the session',
      `CREATE TRIGGER keeper BEFORE DELETE ON sessions WHEN OLD.id = 'a'
       BEGIN SELECT RAISE(ABORT, 'not this one'); END`,
      ['keeper', 'not this one'],
    ],
    [
      'refuses its last chunk',
      `CREATE TABLE last AS SELECT ${LAST_CHUNK} AS id; CREATE TRIGGER keeper AFTER DELETE ON session_outputs
       WHEN OLD.id = (SELECT id FROM last) BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END`,
      ['keeper', 'not this one'],
    ],
    [
      'silently keeps the session',
      `CREATE TRIGGER keeper BEFORE DELETE ON sessions WHEN OLD.id = 'a' BEGIN SELECT RAISE(IGNORE); END`,
      ['keeper'],
    ],
    [
      'silently keeps its output',
      `CREATE TRIGGER keeper BEFORE DELETE ON session_outputs WHEN OLD.session_id = 'a'
       BEGIN SELECT RAISE(IGNORE); END`,
      ['keeper'],
    ],
    [
      'cannot store what it copies',
      `CREATE TABLE archive (id TEXT CHECK (id <> 'a')); CREATE TRIGGER archives AFTER DELETE ON sessions
       BEGIN INSERT INTO archive VALUES (OLD.id); END`,
      ['CHECK'],
    ],
  ])('stays whole, and the others go, where it %s', async (_, sql, words) => {
    for (const foreignKeys of [false, true]) {
      const stores = openThree({ foreignKeys, sql, count: MANY })
      const report = await stores.connection.prune({ keepLast: 0 })
      expect(report).toMatchObject({ sessions: ['b', 'c'], outputs: 10 })
      expect(report.kept).toEqual([{ id: 'a', reason: reason(...words) }])
      expect(chunksOf(stores, 'a')).toBe(MANY)
      const refused = failureOf(() => stores.sessions.delete('a'))
      expect(refused?.code).toMatch(/^SQLITE_CONSTRAINT_(TRIGGER|CHECK|FOREIGNKEY)$/)
      expect(chunksOf(stores, 'a')).toBe(MANY)
    }
  })

  test('stays where the trigger makes no sense', async () => {
    const sql = 'CREATE TRIGGER t AFTER DELETE ON sessions BEGIN DELETE FROM absent; END'
    const stores = openThree({ sql, count: MANY })
    for (const dryRun of [true, false]) {
      const report = await stores.connection.prune({ keepLast: 0, dryRun })
      expect(kept(report)).toEqual(['a', 'b', 'c'])
      expect(report.kept[0]?.reason).toContain('absent')
    }
    expect(chunksOf(stores, 'a')).toBe(MANY)
  })

  test('goes where the trigger lets it, and its copy is made', async () => {
    const stores = openThree({
      count: MANY,
      sql: `CREATE TABLE archive (id INTEGER); CREATE TRIGGER archives AFTER DELETE ON session_outputs
        BEGIN INSERT INTO archive VALUES (OLD.id); END`,
    })
    const { kept: none, sessions } = await stores.connection.prune({ keepLast: 2 })
    expect({ none, sessions }).toEqual({ none: [], sessions: ['a'] })
    const copied = stores.connection.db.prepare('SELECT count(*) FROM archive').pluck().get()
    expect(copied).toBe(MANY)
  })

  test('prune() still rejects for what is no refusal', async () => {
    const stores = openThree({
      sql: `CREATE TRIGGER endless AFTER DELETE ON sessions BEGIN SELECT 1; END;
        CREATE TABLE notes (session_id REFERENCES sessions); INSERT INTO notes VALUES ('a')`,
    })
    const other = openConnection(stores.connection.path, { timeout: 50, foreignKeys: true })
    stores.connection.db.exec('BEGIN IMMEDIATE')
    const failure = await other.prune({ keepLast: 0 }).then(
      () => undefined,
      (error: unknown) =>
        failureOf(() => {
          throw error
        }),
    )
    stores.connection.db.exec('ROLLBACK')
    expect(failure).toEqual(sqliteFailure('SQLITE_BUSY'))
  })

  test('can be stopped in the middle, and then stays whole', async () => {
    const stores = openThree({
      count: 20_000,
      sql: `CREATE TRIGGER slow BEFORE DELETE ON session_outputs BEGIN
        SELECT count(*) FROM (SELECT 1 FROM session_outputs LIMIT 2000); END`,
    })
    const abort = new AbortController()
    const pruned = stores.connection.prune({ keepLast: 0, signal: abort.signal })
    setTimeout(() => abort.abort(new Error('enough')), 200)
    await expect(pruned).rejects.toThrow('enough')
    expect(chunksOf(stores, 'a')).toBe(20_000)
  })
})

describe('referencedBy', () => {
  test('names the tables whose rows refer to a session or its output', () => {
    for (const foreignKeys of [false, true]) {
      const { sessions } = openThree({
        foreignKeys,
        sql: `CREATE TABLE notes (session_id REFERENCES sessions(id) ON DELETE CASCADE, again REFERENCES sessions);
          CREATE TABLE marks (output INTEGER UNIQUE REFERENCES session_outputs); CREATE TABLE others (x REFERENCES marks (output));
          INSERT INTO notes VALUES ('a', 'a'), ('b', NULL); INSERT INTO marks SELECT ${LAST_CHUNK}`,
      })
      expect(sessions.referencedBy('a')).toEqual([
        { table: 'notes', to: 'session' },
        { table: 'marks', to: 'output' },
      ])
      expect(sessions.referencedBy('b')).toEqual([{ table: 'notes', to: 'session' }])
      expect(sessions.referencedBy('c')).toEqual([])
      expect(sessions.referencedBy('nobody')).toEqual([])
      expect(failureOf(() => sessions.referencedBy(5 as never))).toMatchObject({
        type: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
      })
    }
  })
})

test('deleteBySession() removes nothing where a trigger refuses one chunk and keeps what was done', () => {
  const { connection, outputs } = openStores()
  const data = Array.from({ length: 500 }, (_, i) => (i === 250 ? 'keep' : `${i}`))
  outputs.appendMany(data.map((each) => sampleOutput({ data: each })))
  connection.db.exec(
    "CREATE TRIGGER t BEFORE DELETE ON session_outputs WHEN OLD.data = 'keep' BEGIN SELECT RAISE(FAIL, 'no'); END",
  )
  expect(() => outputs.deleteBySession('s-1')).toThrow('no')
  connection.db.transaction(() => {
    expect(() => outputs.deleteBySession('s-1')).toThrow('no')
  })()
  expect(outputs.getBySession('s-1')).toHaveLength(500)
})

test('prune() removes sessions that refer to each other in one go, those that are referred to last', async () => {
  const stores = openThree({
    foreignKeys: false,
    sql: `ALTER TABLE sessions ADD COLUMN parent TEXT REFERENCES sessions(id);
      UPDATE sessions SET parent = 'a' WHERE id = 'b'; UPDATE sessions SET parent = 'b' WHERE id = 'c'`,
  })
  const report = await stores.connection.prune({ keepLast: 0 })
  expect(report).toMatchObject({ sessions: ['c', 'b', 'a'], kept: [] })
  expect(ids(stores)).toEqual([])
})
