// Where the handle differs from better-sqlite3, this spec says what it does. The reasons stand in
// differential/differences.mjs.
import { describe, expect, test } from 'vitest'
import type { Database } from '../../index.js'
import { failureOf, invalidState, openConnection, sqliteFailure } from '../support/support.js'

function open(): Database {
  const { db } = openConnection()
  db.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1), (2), (3)')
  return db
}

function count(db: Database): unknown {
  return db.prepare('SELECT count(*) FROM t').pluck().get()
}

describe('a commit that fails', () => {
  const calls: Record<string, (db: Database, sql: string) => unknown> = {
    run: (db, sql) => db.prepare(sql).run(),
    get: (db, sql) => db.prepare(sql).get(),
    all: (db, sql) => db.prepare(sql).all(),
    'an iterator, to its end': (db, sql) => [...db.prepare(sql).iterate()],
    'an iterator that is left': (db, sql) => {
      for (const row of db.prepare(sql).iterate()) return row
      return undefined
    },
    'an iterator that is returned': (db, sql) => {
      const rows = db.prepare(sql).iterate()
      rows.next()
      return rows.return?.()
    },
    exec: (db, sql) => db.exec(sql),
  }

  test.each(Object.entries(calls))(
    'the error of a commit that fails reaches the caller of %s',
    (_, call) => {
      const db = open()
      db.exec(`
      PRAGMA foreign_keys = ON;
      CREATE TABLE parent (id INTEGER PRIMARY KEY);
      CREATE TABLE child (parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`)
      const insert = 'INSERT INTO child VALUES (9) RETURNING parent'
      expect(failureOf(() => call(db, insert))).toEqual(
        sqliteFailure('SQLITE_CONSTRAINT_FOREIGNKEY'),
      )
      expect(db.prepare('SELECT * FROM child').all()).toEqual([])
      expect(db.inTransaction).toBe(false)
      db.exec('INSERT INTO parent VALUES (9)')
      expect(failureOf(() => call(db, insert))).toBeUndefined()
      expect(db.prepare('SELECT * FROM child').all()).toEqual([{ parent: 9 }])
    },
  )
})

describe('while a statement is iterated', () => {
  const writes: Record<string, (db: Database) => unknown> = {
    get: (db) => db.prepare('INSERT INTO t VALUES (4) RETURNING n').get(),
    all: (db) => db.prepare('UPDATE t SET n = 0 RETURNING n').all(),
    iterate: (db) => [...db.prepare('DELETE FROM t RETURNING n').iterate()],
    run: (db) => db.prepare('DELETE FROM t').run(),
    exec: (db) => db.exec('DELETE FROM t'),
  }

  test.each(Object.entries(writes))(
    'a write by %s is refused while a statement is iterated',
    (method, write) => {
      const db = open()
      const rows = db.prepare('SELECT n FROM t ORDER BY n').pluck().iterate()
      expect(failureOf(() => write(db))).toEqual(invalidState(method))
      expect([...rows]).toEqual([1, 2, 3])
      expect(count(db)).toBe(3)
      expect(failureOf(() => write(db))).toBeUndefined()
    },
  )
})

describe('values', () => {
  test('columns and tables called __proto__ become own properties of the row', () => {
    const db = open()
    db.exec('CREATE TABLE "__proto__" (a); INSERT INTO "__proto__" VALUES (5)')
    const row = db.prepare<[], object>('SELECT 1 AS __proto__, 2 AS b').get()
    expect(Object.entries(row ?? {})).toEqual([
      ['__proto__', 1],
      ['b', 2],
    ])
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
    const expanded = db.prepare<[], object>('SELECT a FROM "__proto__"').expand().get()
    expect(Object.entries(expanded ?? {})).toEqual([['__proto__', { a: 5 }]])
  })

  test('a DataView is bound as its bytes', () => {
    const { buffer } = new Uint8Array([1, 2, 3, 4])
    const value = open()
      .prepare('SELECT ?')
      .pluck()
      .get(new DataView(buffer, 1, 2))
    expect(value).toEqual(Buffer.from([2, 3]))
  })

  test("a value inside SQL may be longer than JavaScript's longest string", () => {
    expect(open().prepare('SELECT length(zeroblob(600000000))').pluck().get()).toBe(600_000_000)
  })

  test('a bound statement shows its values in full, as SQL that runs', () => {
    const db = open()
    const values = ["it's ".repeat(20), Buffer.alloc(100, 7), Buffer.alloc(0), null, 1.5, 7n]
    for (const value of values) {
      const sql = String(db.prepare('SELECT ? AS v').bind(value))
      const read = db
        .prepare(sql)
        .pluck()
        .safeIntegers(typeof value === 'bigint')
        .get()
      expect(read).toEqual(value)
    }
  })
})

describe('parameters', () => {
  test('parameters are an array where Array.isArray says so', () => {
    const row = open()
      .prepare('SELECT ?, ?')
      .raw()
      .get(new Proxy([1, 2], {}) as unknown[])
    expect(row).toEqual([1, 2])
  })

  test('parameters may have Tcl names, such as $a::b and $c(d)', () => {
    const names = { 'a::b': 1, 'c(d)': 2 }
    expect(open().prepare('SELECT $a::b, $c(d)').raw().get(names)).toEqual([1, 2])
  })

  test('all parameters are read before the first one is bound', () => {
    const statement = open().prepare<[object]>('SELECT :a, :b').raw()
    const nested = {
      a: 'kept',
      get b() {
        return JSON.stringify(statement.get({ a: 1, b: 2 }))
      },
    }
    expect(statement.get(nested)).toEqual(['kept', '[1,2]'])
    const own = new Error('of the caller')
    const hostile = new Proxy(
      {},
      {
        getPrototypeOf() {
          throw own
        },
      },
    )
    expect(() => statement.get(hostile)).toThrow(own)
  })
})

describe('arguments', () => {
  test('an argument that is undefined counts as left out', () => {
    const db = open()
    expect(db.prepare('SELECT 5').pluck(undefined).get()).toBe(5)
    expect(db.prepare('SELECT 5').raw(undefined).get()).toEqual([5])
    expect(db.prepare('SELECT 5').pluck().safeIntegers(undefined).get()).toBe(5n)
    expect(db.pragma('user_version', { simple: undefined })).toHaveLength(1)
    expect(db.pragma('user_version', { simple: null } as never)).toHaveLength(1)
  })

  test('prepare() accepts after the statement only what SQLite ignores', () => {
    const db = open()
    expect(db.prepare('SELECT 5; \u{feff} -- so').pluck().get()).toBe(5)
    expect(failureOf(() => db.prepare('SELECT 5;\v'))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
  })
})

test('DELETE with LIMIT is refused, and a subquery takes its place', () => {
  const db = open()
  expect(failureOf(() => db.exec('DELETE FROM t LIMIT 1'))).toEqual(sqliteFailure('SQLITE_ERROR'))
  db.exec('DELETE FROM t WHERE rowid IN (SELECT rowid FROM t ORDER BY n LIMIT 2)')
  expect(db.prepare('SELECT n FROM t').pluck().all()).toEqual([3])
})

test('the handle has none of the methods that the docs leave out', () => {
  const absent = ['function', 'aggregate', 'table', 'loadExtension', 'unsafeMode']
  const others = ['explain', 'backup', 'serialize']
  expect([...absent, ...others].filter((name) => name in open())).toEqual([])
})
