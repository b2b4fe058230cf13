import { describe, expect, test } from 'vitest'
import { failureOf, openConnection, openStores, sampleOutput } from '../support/support.js'

const IN_USE = { type: 'TypeError', code: 'ERR_INVALID_STATE' }

describe('a transaction that cannot commit', () => {
  test('is rolled back although an iterator is open, and later output is kept', () => {
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

  test('throws what its function threw, not what undoing it said', () => {
    const { db } = openConnection()
    const failed = new Error('first')
    const transaction = db.transaction(() => {
      db.exec('ROLLBACK')
      throw failed
    })
    expect(() => transaction()).toThrow(failed)
  })
})

describe('a statement that writes and returns rows', () => {
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
  ])('tells by %s that its commit failed', (_, write) => {
    expect(failureOf(write)).toMatchObject({
      type: 'SqliteError',
      code: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    })
  })

  test('does all of its work when its iterator is left early, and none before the first row', () => {
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

  test('is refused while another statement is iterated', () => {
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

test('a pragma whose rows have no columns has no simple answer', () => {
  const { db } = openConnection()
  expect(db.pragma('incremental_vacuum', { simple: true })).toBeUndefined()
  expect(db.pragma('incremental_vacuum')).toEqual([])
})
