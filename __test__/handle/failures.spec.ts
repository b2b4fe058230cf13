import { describe, expect, test } from 'vitest'
import { failureOf, openConnection, openStores, sampleOutput } from '../support/support.js'

const IN_USE = { type: 'TypeError', code: 'ERR_INVALID_STATE' }

describe('a transaction that cannot commit', () => {
  test('a transaction that cannot commit is rolled back despite an open iterator, and later output is kept', () => {
    const { connection, outputs } = openStores()
    const { db } = connection
    db.exec('CREATE TABLE lines (text TEXT); INSERT INTO lines VALUES (1), (2)')
    let iterator: IterableIterator<unknown> | undefined
    const left = db.transaction(() => {
      outputs.append(sampleOutput({ data: 'undone' }))
      iterator = db.prepare('SELECT * FROM lines').iterate()
      iterator.next()
    })
    expect(failureOf(() => left())).toMatchObject(IN_USE)
    expect(db.inTransaction).toBe(false)
    iterator?.return?.()
    outputs.append(sampleOutput({ data: 'kept' }))
    const other = openStores(connection.path)
    expect(other.outputs.getFullOutput('s-1')).toBe('kept')
  })

  test('a transaction throws the error of its function, not that of its rollback', () => {
    const { db } = openConnection()
    const failed = new Error('first')
    const transaction = db.transaction(() => {
      db.exec('ROLLBACK')
      throw failed
    })
    expect(() => transaction()).toThrow(failed)
  })
})

describe('a write with RETURNING', () => {
  const insert = 'INSERT INTO children VALUES (1, 99) RETURNING id'
  const open = () => {
    const { db } = openConnection(undefined, { foreignKeys: true })
    db.exec(`CREATE TABLE parents (id INTEGER PRIMARY KEY);
      CREATE TABLE children (id INTEGER PRIMARY KEY,
        parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`)
    return db
  }

  test.each([
    ['run', () => open().prepare(insert).run()],
    ['get', () => open().prepare(insert).get()],
    ['all', () => open().prepare(insert).all()],
    [
      'iterate, left early',
      () => {
        for (const _ of open().prepare(insert).iterate()) break
      },
    ],
  ])('%s throws when the commit of a write with RETURNING fails', (_, write) => {
    expect(failureOf(write)).toMatchObject({
      type: 'SqliteError',
      code: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    })
  })

  test('a write with RETURNING does all its work when its iterator is left early, and none before the first row', () => {
    const { db } = openConnection()
    db.exec('CREATE TABLE numbers (n INTEGER)')
    const write = db.prepare('INSERT INTO numbers VALUES (1), (2), (3) RETURNING n')
    const count = db.prepare('SELECT count(*) FROM numbers').pluck()
    write.iterate().return?.()
    expect(count.get()).toBe(0)
    for (const _ of write.iterate()) break
    expect(count.get()).toBe(3)
    expect([...write.iterate()]).toHaveLength(3)
    expect(count.get()).toBe(6)
  })

  test('a write with RETURNING is refused while another statement is iterated', () => {
    const { db } = openConnection()
    db.exec('CREATE TABLE numbers (n INTEGER); INSERT INTO numbers VALUES (1), (2)')
    const write = db.prepare('DELETE FROM numbers RETURNING n')
    for (const _ of db.prepare('SELECT n FROM numbers').iterate()) {
      for (const method of ['run', 'get', 'all', 'iterate'] as const) {
        expect(failureOf(() => write[method]())).toMatchObject(IN_USE)
      }
    }
    expect(write.all()).toHaveLength(2)
  })
})

test('pragma() with simple gives undefined for a pragma whose rows have no columns', () => {
  const { db } = openConnection()
  expect(db.pragma('incremental_vacuum', { simple: true })).toBeUndefined()
  expect(db.pragma('incremental_vacuum')).toEqual([])
})
