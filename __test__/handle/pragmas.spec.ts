import { describe, expect, test } from 'vitest'
import { failureOf, openConnection, sqliteFailure } from '../support/support.js'

describe('a connection', () => {
  test.each([
    ['journal_mode', 'wal'],
    ['synchronous', 1],
    ['busy_timeout', 5_000],
    ['cache_size', -16_000],
    ['foreign_keys', 0],
    ['trusted_schema', 0],
  ])('a connection has PRAGMA %s = %o', (pragma, value) => {
    expect(openConnection().db.pragma(pragma, { simple: true })).toBe(value)
  })

  test('a connection in memory has the same pragmas, except for the journal mode', () => {
    const { db } = openConnection(':memory:')
    expect(db.pragma('foreign_keys', { simple: true })).toBe(0)
    expect(db.pragma('trusted_schema', { simple: true })).toBe(0)
    expect(db.pragma('busy_timeout', { simple: true })).toBe(5_000)
    expect(db.pragma('cache_size', { simple: true })).toBe(-16_000)
    expect(db.pragma('journal_mode', { simple: true })).toBe('memory')
  })

  test('a connection uses a SQLite without the WAL-reset bug', () => {
    const version = String(openConnection().db.prepare('SELECT sqlite_version()').pluck().get())
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
    expect(major * 1_000_000 + minor * 1_000 + patch).toBeGreaterThanOrEqual(3_051_003)
  })

  test('a connection takes double quotes for names only', () => {
    const { db } = openConnection()
    expect(failureOf(() => db.prepare('SELECT "no_such_column"'))).toEqual(
      sqliteFailure('SQLITE_ERROR'),
    )
    expect(failureOf(() => db.exec('CREATE INDEX quoted ON sessions ("no_such_column")'))).toEqual(
      sqliteFailure('SQLITE_ERROR'),
    )
    expect(db.prepare('SELECT "id" FROM sessions').all()).toEqual([])
  })

  test('a connection cannot load extensions', () => {
    const { db } = openConnection()
    expect(failureOf(() => db.prepare("SELECT load_extension('mod_spatialite')").get())).toEqual({
      type: 'SqliteError',
      code: 'SQLITE_ERROR',
      message: expect.stringMatching(/no such function: load_extension|not authorized/) as string,
    })
    expect('loadExtension' in db).toBe(false)
  })

  test('a connection cannot write the schema as a table, because of defensive mode', () => {
    const { db } = openConnection()
    db.pragma('writable_schema = ON')
    expect(failureOf(() => db.exec("DELETE FROM sqlite_schema WHERE name = 'sessions'"))).toEqual(
      sqliteFailure('SQLITE_ERROR'),
    )
    expect(
      db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'sessions'").pluck().get(),
    ).toBe(1)
  })

  test('a connection cannot turn the journal off, because of defensive mode', () => {
    const { db } = openConnection(':memory:')
    db.pragma('journal_mode = OFF')
    expect(db.pragma('journal_mode', { simple: true })).toBe('memory')
  })
})
