import { describe, expect, test } from 'vitest'
import { openAll, refuseOutput } from './support.js'
import { at, failureOf, sampleOutput, sampleSession, sqliteFailure } from '../support/support.js'

const NOTHING = { sessions: [], output: '', notes: [] }
const EVERYTHING = { sessions: ['s-1'], output: 'hello', notes: ['a note'] }

describe('stores in a transaction of the handle', () => {
  function saveAll({ sessions, outputs, notes }: ReturnType<typeof openAll>): void {
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    notes.save('n-1', 'a note')
  }

  test.each(['default', 'deferred', 'immediate', 'exclusive'] as const)(
    'all stores commit together in a transaction of the handle: %s',
    (variant) => {
      const all = openAll()
      const run = all.db.transaction(() => {
        saveAll(all)
        return { seen: all.seen(), committed: all.committed() }
      })
      expect(run[variant]()).toEqual({ seen: EVERYTHING, committed: NOTHING })
      expect(all.committed()).toEqual(EVERYTHING)
    },
  )

  test('all stores are rolled back together when the transaction throws', () => {
    const all = openAll()
    const own = new Error('of the caller')
    const run = all.db.transaction(() => {
      saveAll(all)
      throw own
    })
    expect(run).toThrow(own)
    expect([all.seen(), all.committed(), all.db.inTransaction]).toEqual([NOTHING, NOTHING, false])
    saveAll(all)
    expect(all.committed()).toEqual(EVERYTHING)
  })

  test('all stores are rolled back together when SQLite refuses a statement of any of them', () => {
    const all = openAll()
    all.notes.save('n-0', 'before')
    const failing = [
      () => all.sessions.create(sampleSession()),
      () => all.notes.save('n-1', 'again'),
      () => all.db.exec('INSERT INTO nowhere VALUES (1)'),
    ]
    for (const fail of failing) {
      const run = all.db.transaction(() => {
        saveAll(all)
        fail()
      })
      expect(failureOf(run)).toMatchObject({ type: 'SqliteError' })
      expect([all.committed(), all.db.inTransaction]).toEqual([
        { ...NOTHING, notes: ['before'] },
        false,
      ])
    }
  })

  test('stores follow BEGIN, COMMIT and ROLLBACK written as SQL', () => {
    const all = openAll()
    all.db.exec('BEGIN')
    saveAll(all)
    expect([all.seen(), all.committed()]).toEqual([EVERYTHING, NOTHING])
    all.db.exec('ROLLBACK')
    expect(all.seen()).toEqual(NOTHING)
    all.db.exec('BEGIN IMMEDIATE')
    saveAll(all)
    all.db.exec('COMMIT')
    expect(all.committed()).toEqual(EVERYTHING)
  })

  test('stores follow the savepoints of nested transactions', () => {
    const all = openAll()
    const inner = all.db.transaction((id: string, fails: boolean) => {
      all.sessions.create(sampleSession({ id }))
      all.outputs.append(sampleOutput({ data: id }))
      if (fails) throw new Error('undone')
    })
    all.db.transaction(() => {
      inner('s-1', false)
      expect(() => inner('s-2', true)).toThrow('undone')
      inner('s-3', false)
    })()
    expect(all.committed()).toEqual({ sessions: ['s-3', 's-1'], output: 's-1\ns-3', notes: [] })
  })

  test('every reading method of the stores gives what the transaction has not committed yet', () => {
    const { db, sessions, outputs } = openAll()
    db.transaction(() => {
      sessions.create(sampleSession({ pid: 1 }))
      sessions.update('s-1', { pid: 2, status: 'waiting_checkpoint' })
      outputs.appendMany([sampleOutput(), sampleOutput({ timestamp: at(1), data: 'later' })])
      expect(sessions.get('s-1')).toMatchObject({ pid: 2, status: 'waiting_checkpoint' })
      expect(sessions.findRunning()).toHaveLength(1)
      expect(sessions.listByStatus('waiting_checkpoint')).toHaveLength(1)
      expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual(['later', 'hello'])
      expect(outputs.getBySessionSince('s-1', at(0)).map(({ data }) => data)).toEqual(['later'])
      outputs.deleteBySession('s-1')
      expect(outputs.getFullOutput('s-1')).toBe('')
      sessions.delete('s-1')
      expect(sessions.list()).toEqual([])
    })()
  })

  test('stores see what the handle wrote in the transaction, and the handle sees what they wrote', () => {
    const { db, sessions, outputs } = openAll()
    db.transaction(() => {
      sessions.create(sampleSession())
      db.prepare("UPDATE sessions SET pid = 77 WHERE id = 's-1'").run()
      expect(sessions.get('s-1')?.pid).toBe(77)
      outputs.append(sampleOutput())
      const data = db.prepare('SELECT data FROM session_outputs').pluck()
      expect(data.all()).toEqual(['hello'])
    })()
  })
})

describe('methods of the stores that are transactions themselves', () => {
  test('appendMany() is a savepoint in a transaction of the handle', () => {
    const all = openAll()
    refuseOutput(all.db, 'bad')
    all.db.transaction(() => {
      all.outputs.append(sampleOutput({ data: 'before' }))
      const many = [sampleOutput({ data: 'lost' }), sampleOutput({ data: 'bad' })]
      expect(failureOf(() => all.outputs.appendMany(many))).toEqual(
        sqliteFailure('SQLITE_CONSTRAINT_TRIGGER'),
      )
      expect(all.db.inTransaction).toBe(true)
      all.outputs.appendMany([sampleOutput({ data: 'behind' }), sampleOutput({ data: 'last' })])
    })()
    expect(all.committed().output).toBe('before\nbehind\nlast')
  })

  test('delete() is a savepoint in a transaction of the handle', () => {
    const all = openAll()
    all.sessions.create(sampleSession())
    all.outputs.append(sampleOutput())
    all.db.exec(`
      CREATE TEMP TRIGGER keep BEFORE DELETE ON sessions
      BEGIN SELECT RAISE(ABORT, 'kept'); END`)
    all.db.transaction(() => {
      all.notes.save('n-1', 'a note')
      expect(failureOf(() => all.sessions.delete('s-1'))).toEqual(
        sqliteFailure('SQLITE_CONSTRAINT_TRIGGER'),
      )
    })()
    expect(all.committed()).toEqual(EVERYTHING)
  })

  test('delete() and appendMany() are undone with the transaction around them', () => {
    const all = openAll()
    all.sessions.create(sampleSession())
    all.outputs.append(sampleOutput())
    all.notes.save('n-1', 'a note')
    const run = all.db.transaction(() => {
      all.sessions.delete('s-1')
      all.outputs.appendMany([sampleOutput({ data: 'x' }), sampleOutput({ data: 'y' })])
      expect(all.seen()).toEqual({ sessions: [], output: 'x\ny', notes: ['a note'] })
      throw new Error('undone')
    })
    expect(run).toThrow('undone')
    expect([all.seen(), all.committed()]).toEqual([EVERYTHING, EVERYTHING])
  })

  test('an error in appendMany() that SQLite answers with a rollback ends the whole transaction', () => {
    const all = openAll()
    refuseOutput(all.db, 'fatal', 'ROLLBACK')
    const run = all.db.transaction(() => {
      all.sessions.create(sampleSession())
      all.outputs.appendMany([sampleOutput(), sampleOutput({ data: 'fatal' })])
    })
    expect(failureOf(run)).toEqual(sqliteFailure('SQLITE_CONSTRAINT_TRIGGER'))
    expect([all.committed(), all.db.inTransaction]).toEqual([NOTHING, false])
    all.outputs.appendMany([sampleOutput()])
    expect(all.committed().output).toBe('hello')
  })
})
