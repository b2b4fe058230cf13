import { describe, expect, test } from 'vitest'
import { OutputStore } from '../../index.js'
import { openAll, refuseOutput } from './support.js'
import {
  everyRow,
  failureOf,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
} from '../support/support.js'

describe('stores while a statement of the handle is iterated', () => {
  test('stores write and commit at once while a statement is iterated', () => {
    const all = openAll()
    for (const id of ['s-1', 's-2', 's-3']) all.sessions.create(sampleSession({ id }))
    const visited: unknown[] = []
    for (const id of all.db.prepare('SELECT id FROM sessions ORDER BY id').pluck().iterate()) {
      visited.push(id)
      all.outputs.append(sampleOutput({ data: `append ${String(id)}` }))
      all.outputs.appendMany([sampleOutput({ data: `many ${String(id)}` })])
      all.sessions.update('s-3', { pid: visited.length })
      expect(all.committed().output.split('\n')).toHaveLength(visited.length * 2)
    }
    expect(visited).toEqual(['s-1', 's-2', 's-3'])
    expect(all.sessions.get('s-3')?.pid).toBe(3)
  })

  test('a store can append to the table that is iterated', () => {
    const { connection, outputs } = openStores()
    outputs.appendMany(Array.from({ length: 200 }, () => sampleOutput()))
    const rows = connection.db.prepare('SELECT id FROM session_outputs WHERE id <= 200').iterate()
    let visited = 0
    while (!rows.next().done) {
      visited += 1
      outputs.append(sampleOutput({ data: 'more' }))
    }
    expect(visited).toBe(200)
    expect(outputs.getBySession('s-1')).toHaveLength(400)
  })

  test('a store can delete the rows that are iterated', () => {
    const { connection, sessions, outputs } = openStores()
    for (const id of ['s-1', 's-2', 's-3']) sessions.create(sampleSession({ id }))
    outputs.append(sampleOutput())
    const ids = connection.db.prepare('SELECT id FROM sessions ORDER BY id').pluck().iterate()
    for (const id of ids) sessions.delete(String(id))
    expect(everyRow(connection)).toEqual({ sessions: [], outputs: [] })
  })

  test('a batch that fails while a statement is iterated is rolled back, and the iteration goes on', () => {
    const { connection, sessions, outputs } = openStores()
    for (const id of ['s-1', 's-2', 's-3']) sessions.create(sampleSession({ id }))
    refuseOutput(connection.db, 'bad')
    const visited = []
    for (const id of connection.db.prepare('SELECT id FROM sessions').pluck().iterate()) {
      visited.push(id)
      const many = [sampleOutput(), sampleOutput({ data: 'bad' })]
      expect(failureOf(() => outputs.appendMany(many))).toMatchObject({ type: 'SqliteError' })
      outputs.append(sampleOutput({ data: String(id) }))
    }
    expect(visited).toHaveLength(3)
    expect(outputs.getFullOutput('s-1')).toBe(visited.join('\n'))
    expect(connection.db.inTransaction).toBe(false)
  })
})

describe('a transaction that throws with an iterator left open', () => {
  function leave(statement: string, alters: boolean) {
    const all = openAll()
    for (const id of ['s-1', 's-2', 's-3']) all.sessions.create(sampleSession({ id }))
    const rows: IterableIterator<unknown>[] = []
    const run = all.db.transaction(() => {
      all.outputs.append(sampleOutput())
      if (alters) all.db.exec('ALTER TABLE sessions ADD COLUMN note')
      const iterator = all.db.prepare(statement).pluck().iterate()
      iterator.next()
      rows.push(iterator)
      throw new Error('of the caller')
    })
    expect(run).toThrow('of the caller')
    expect([all.db.inTransaction, all.committed().output]).toEqual([false, ''])
    return { ...all, rows }
  }

  test.each([
    ['a read', 'SELECT id FROM sessions', false],
    ['a read of a table that was altered', 'SELECT id FROM sessions', true],
    ['a write', 'UPDATE sessions SET pid = 7 RETURNING id', false],
  ])(
    'a transaction that throws is rolled back, and the iterator of %s that it left open can still be ended',
    (_, statement, alters) => {
      const { db, outputs, sessions, rows, seen } = leave(statement, alters)
      outputs.append(sampleOutput({ data: 'meanwhile' }))
      const failure = failureOf(() => [...(rows[0] ?? [])])
      expect([undefined, 'SQLITE_ABORT_ROLLBACK']).toContain(failure?.code)
      expect(db.exec('DELETE FROM notes')).toBe(db)
      expect(sessions.list().map(({ pid }) => pid)).toEqual([undefined, undefined, undefined])
      expect(seen().output).toBe('meanwhile')
    },
  )
})

describe('settings of the handle', () => {
  test('safe integers on the handle do not change what the stores give', () => {
    const { connection, sessions } = openStores()
    connection.db.defaultSafeIntegers()
    sessions.create(sampleSession({ pid: 7 }))
    expect(sessions.get('s-1')).toMatchObject({ pid: 7, slot: 1 })
  })

  test('foreign keys that the handle switches on hold for the stores, and a delete still cascades', () => {
    const { connection, sessions, outputs } = openStores()
    connection.db.pragma('foreign_keys = ON')
    expect(failureOf(() => outputs.append(sampleOutput()))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_FOREIGNKEY'),
    )
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    sessions.delete('s-1')
    expect(everyRow(connection)).toEqual({ sessions: [], outputs: [] })
  })

  test('a connection gives the same handle every time', () => {
    const { connection } = openStores()
    expect(connection.db).toBe(connection.db)
  })
})

describe('two connections', () => {
  test('a connection gets SQLITE_BUSY during a transaction of another one, and can write afterwards', () => {
    const all = openAll()
    const late = new OutputStore(all.witness)
    all.db
      .transaction(() => {
        all.outputs.append(sampleOutput({ data: 'first' }))
        expect(failureOf(() => late.append(sampleOutput()))).toEqual(sqliteFailure('SQLITE_BUSY'))
      })
      .immediate()
    late.append(sampleOutput({ data: 'second' }))
    expect(all.seen().output).toBe('first\nsecond')
  })

  test('a transaction that read before another connection wrote gets SQLITE_BUSY_SNAPSHOT when it writes', () => {
    const all = openAll()
    const late = new OutputStore(all.witness)
    const run = all.witness.db.transaction(() => {
      late.getFullOutput('s-1')
      all.outputs.append(sampleOutput({ data: 'between' }))
      late.append(sampleOutput())
    })
    expect(failureOf(run)).toEqual(sqliteFailure('SQLITE_BUSY_SNAPSHOT'))
    expect(all.witness.db.inTransaction).toBe(false)
    expect(all.committed().output).toBe('between')
  })
})
