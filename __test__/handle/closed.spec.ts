import { describe, expect, test } from 'vitest'
import type { Database, PreparedStatement } from '../../index.js'
import { failureOf, invalidState, openConnection } from '../support/support.js'

/** Every method of an object's class. */
function methodsOf(object: object): Set<string> {
  const prototype = Object.getPrototypeOf(object) as object
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(prototype))
  return new Set(
    descriptors
      .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
      .map(([name]) => name),
  )
}

const ON_DATABASE: Record<string, (db: Database) => unknown> = {
  prepare: (db) => db.prepare('SELECT 1'),
  exec: (db) => db.exec('SELECT 1'),
  pragma: (db) => db.pragma('user_version'),
  transaction: (db) => db.transaction(() => 1),
  defaultSafeIntegers: (db) => db.defaultSafeIntegers(),
}

const ON_STATEMENT: Record<string, (statement: PreparedStatement) => unknown> = {
  run: (statement) => statement.run(),
  get: (statement) => statement.get(),
  all: (statement) => statement.all(),
  iterate: (statement) => statement.iterate(),
  bind: (statement) => statement.bind(),
  pluck: (statement) => statement.pluck(),
  raw: (statement) => statement.raw(),
  expand: (statement) => statement.expand(),
  safeIntegers: (statement) => statement.safeIntegers(),
  columns: (statement) => statement.columns(),
}

/** Functions that prepare one statement of each kind. */
const STATEMENTS: Record<string, (db: Database) => PreparedStatement> = {
  'a statement': (db) => db.prepare('SELECT 1 AS one'),
  'a statement that was used': (db) => {
    const statement = db.prepare('SELECT 1 AS one')
    statement.all()
    return statement
  },
  'a statement that was iterated': (db) => {
    const statement = db.prepare('SELECT 1 AS one')
    for (const _ of statement.iterate()) break
    return statement
  },
  'a statement with parameters': (db) => db.prepare('SELECT ?, :a'),
  'a bound statement': (db) => db.prepare('SELECT ? AS one').bind(5),
  'a statement that returns nothing': (db) => db.prepare('DELETE FROM sessions'),
}

/** A closed handle. */
function closed(): Database {
  const { db } = openConnection()
  return db.close()
}

describe('a closed handle', () => {
  test('this spec calls every method of the handle and of a statement', () => {
    const { db } = openConnection()
    expect(methodsOf(db)).toEqual(new Set([...Object.keys(ON_DATABASE), 'close']))
    expect(methodsOf(db.prepare('SELECT 1'))).toEqual(
      new Set([...Object.keys(ON_STATEMENT), 'toString']),
    )
  })

  test.each(Object.entries(ON_DATABASE))('Database.%s throws on a closed handle', (name, call) => {
    expect(failureOf(() => call(closed()))).toEqual(invalidState(`Database.${name}`))
  })

  test('a closed handle is not open, not in a transaction, not in memory and not readonly', () => {
    const { open, inTransaction, memory, readonly } = closed()
    expect({ open, inTransaction, memory, readonly }).toEqual({
      open: false,
      inTransaction: false,
      memory: false,
      readonly: false,
    })
    const db = closed()
    expect(db.close().close()).toBe(db)
  })

  test('every variant of a transaction function throws on a closed handle, and does not run', () => {
    const { db } = openConnection()
    let runs = 0
    const run = db.transaction(() => (runs += 1))
    run()
    db.close()
    for (const variant of [run, run.default, run.deferred, run.immediate, run.exclusive]) {
      expect(failureOf(variant)).toEqual(invalidState('Database.transaction'))
    }
    expect(runs).toBe(1)
  })

  test('an iterator that has ended stays ended after close()', () => {
    const { db } = openConnection()
    const rows = db.prepare('SELECT 1').iterate()
    expect([...rows]).toHaveLength(1)
    db.close()
    const end = { value: undefined, done: true }
    expect([rows.next(), rows.return?.(), [...rows]]).toEqual([end, end, []])
  })

  describe.each(Object.entries(STATEMENTS))('%s of a closed handle', (what, prepare) => {
    test.each(Object.entries(ON_STATEMENT))(
      `Statement.%s of ${what} throws after close()`,
      (name, call) => {
        const { db } = openConnection()
        const statement = prepare(db)
        db.close()
        expect(failureOf(() => call(statement))).toEqual(invalidState(`Statement.${name}`))
      },
    )

    test(`Statement.run of ${what} names the closed connection, whatever the parameters are`, () => {
      const { db } = openConnection()
      const statement = prepare(db)
      db.close()
      for (const parameters of [[1], [1, 2, 3], [true], [{ a: 1 }], [[]]]) {
        expect(failureOf(() => statement.run(...parameters))).toEqual(invalidState('Statement.run'))
      }
    })

    test(`${what} keeps its source, reader, readonly and database after close()`, () => {
      const { db } = openConnection()
      const statement = prepare(db)
      const { source, reader, readonly } = statement
      db.close()
      expect(statement).toMatchObject({ source, reader, readonly, busy: false })
      expect(statement.database).toBe(db)
      expect(String(statement)).toBe(source)
    })
  })
})
