import { describe, expect, test } from 'vitest'
import { openConnection } from '../support/support.js'

describe('the shape of the rows of one statement', () => {
  function peopleOf() {
    const { db } = openConnection()
    db.exec(
      "CREATE TABLE people (id INTEGER PRIMARY KEY, name); INSERT INTO people VALUES (1, 'Ada')",
    )
    return { db, statement: db.prepare<[], unknown>('SELECT * FROM people') }
  }

  test('the shape of the rows of a statement can change at every call, also back to an earlier one', () => {
    const { statement } = peopleOf()
    for (let round = 0; round < 3; round++) {
      expect(statement.get()).toEqual({ id: 1, name: 'Ada' })
      expect(statement.raw().get()).toEqual([1, 'Ada'])
      expect(statement.pluck().all()).toEqual([1])
      expect(statement.raw().safeIntegers().all()).toEqual([[1n, 'Ada']])
      expect(statement.expand().get()).toEqual({ people: { id: 1n, name: 'Ada' } })
      expect(statement.safeIntegers(false).pluck(false).get()).toEqual({
        people: { id: 1, name: 'Ada' },
      })
      expect([...statement.expand(false).iterate()]).toEqual([{ id: 1, name: 'Ada' }])
    }
  })

  test('rows have the columns of the table as it is now, in every shape that was used before', () => {
    const { db, statement } = peopleOf()
    const seen = () => [
      statement.raw().get(),
      statement.raw(false).get(),
      statement.expand().get(),
      statement.pluck().get(),
      statement.pluck(false).get(),
    ]
    const of = (row: object) => [Object.values(row), row, { people: row }, 1, row]
    expect(seen()).toEqual(of({ id: 1, name: 'Ada' }))
    db.exec('ALTER TABLE people ADD COLUMN born DEFAULT 1815')
    expect(seen()).toEqual(of({ id: 1, name: 'Ada', born: 1815 }))
    db.exec('ALTER TABLE people RENAME COLUMN name TO nickname')
    expect(seen()).toEqual(of({ id: 1, nickname: 'Ada', born: 1815 }))
    db.exec('ALTER TABLE people DROP COLUMN born')
    expect(seen()).toEqual(of({ id: 1, nickname: 'Ada' }))
  })

  test('rows lose a column again when the transaction that added it is undone', () => {
    const { db, statement } = peopleOf()
    const add = db.transaction(() => {
      db.exec('ALTER TABLE people ADD COLUMN born')
      expect(statement.raw().get()).toEqual([1, 'Ada', null])
      throw new Error('undo')
    })
    expect(add).toThrow('undo')
    expect(statement.get()).toEqual([1, 'Ada'])
    expect(statement.raw(false).get()).toEqual({ id: 1, name: 'Ada' })
  })
})

describe('values of every kind in rows of every shape', () => {
  const integers = [
    0n,
    -1n,
    1n,
    2n ** 53n + 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    // Their bits are those of infinities and of numbers that are not one.
    0x7ff0_0000_0000_0000n,
    0x7ff0_0000_0000_0001n,
    BigInt.asIntN(64, 0xfff0_0000_0000_0000n),
    BigInt.asIntN(64, 0xfff8_dead_beef_0001n),
  ]

  test('safe integers of 64 bits keep every bit', () => {
    const { db } = openConnection()
    db.exec('CREATE TABLE n (value INTEGER)')
    const insert = db.prepare('INSERT INTO n VALUES (?)')
    for (const integer of integers) insert.run(integer)
    const read = db.prepare('SELECT value FROM n ORDER BY rowid').safeIntegers()
    expect(read.pluck().all()).toEqual(integers)
    expect([...read.raw().iterate()]).toEqual(integers.map((integer) => [integer]))
    expect(read.raw(false).all()).toEqual(integers.map((value) => ({ value })))
  })

  test('thousands of rows with blobs, long texts, bigints and NULL are those that were stored', () => {
    const { db } = openConnection()
    db.exec('CREATE TABLE mixed (a, b, c, d)')
    const rows = Array.from({ length: 3000 }, (_, i): unknown[] => [
      BigInt(i) * 3_037_000_499n,
      Buffer.alloc(i % 70, i),
      i % 3 === 0 ? 'é'.repeat(i % 1500) : `text ${i}`,
      i % 2 === 0 ? null : i / 4 + 0.1,
    ])
    const insert = db.prepare('INSERT INTO mixed VALUES (?, ?, ?, ?)')
    db.transaction(() => {
      for (const row of rows) insert.run(...row)
    })()
    const read = db
      .prepare<[], unknown[]>('SELECT * FROM mixed ORDER BY rowid')
      .raw()
      .safeIntegers()
    expect(read.all()).toEqual(rows)
    expect([...read.iterate()]).toEqual(rows)
  })

  test('each blob has memory of its own', () => {
    const { db } = openConnection()
    const blobs = db.prepare("SELECT x'0102' UNION ALL SELECT x'0304'").pluck().all() as Buffer[]
    expect(blobs.map(({ buffer, byteOffset }) => [buffer.byteLength, byteOffset])).toEqual([
      [2, 0],
      [2, 0],
    ])
  })
})
