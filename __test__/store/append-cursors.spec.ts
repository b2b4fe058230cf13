import { describe, expect, test } from 'vitest'
import { OutputStore, type OutputChunk } from '../../index.js'
import { at, openStores, sampleOutput } from '../support/support.js'

const cursors = (chunks: Iterable<OutputChunk>) => Array.from(chunks, ({ cursor }) => cursor)

/** Stores on a file with a table of another store, whose rowids are far from those of output. */
function openWithLog(trigger: string) {
  const stores = openStores()
  stores.connection.db.exec(`
    CREATE TABLE log (id INTEGER PRIMARY KEY, text);
    INSERT INTO log VALUES (1000, 'first');
    ${trigger}`)
  return { ...stores, db: stores.connection.db }
}

describe('append', () => {
  test('append() returns the cursor of the chunk, from which read() goes on', () => {
    const { outputs } = openStores()
    const first = outputs.append(sampleOutput({ data: 'a' }))
    outputs.append(sampleOutput({ sessionId: 'another' }))
    const third = outputs.append(sampleOutput({ data: 'b', timestamp: at(-5) }))
    expect(cursors(outputs.read('s-1').outputs)).toEqual([first, third])
    expect(outputs.read('s-1', { after: first }).outputs).toMatchObject([{ data: 'b' }])
    expect(outputs.read('s-1', { after: third })).toMatchObject({ outputs: [], gap: false })
    expect(outputs.tail('s-1', { chunks: 1 }).cursor).toBe(third)
  })

  test('append() returns the cursor inside a transaction', () => {
    const { connection, outputs } = openStores()
    const run = connection.db.transaction(() => [
      outputs.append(sampleOutput()),
      outputs.appendMany([sampleOutput(), sampleOutput()]),
    ])
    expect(run()).toEqual([1, 3])
    expect(cursors(outputs.read('s-1').outputs)).toEqual([1, 2, 3])
  })

  test('append() returns the cursor while a statement is iterated and others write', () => {
    const { connection, outputs, sessions } = openStores()
    outputs.append(sampleOutput())
    const others = openStores(connection.path)
    const rows = connection.db.prepare('SELECT * FROM session_outputs').iterate()
    rows.next()
    others.sessions.create({ id: 'x', slot: 1, status: 'idle', workingDir: '/', startedAt: at(0) })
    expect(others.outputs.append(sampleOutput())).toBe(2)
    expect(outputs.append(sampleOutput())).toBe(3)
    expect(outputs.appendMany([sampleOutput()])).toBe(4)
    rows.return?.()
    expect(sessions.get('x')?.id).toBe('x')
    expect(cursors(outputs.read('s-1').outputs)).toEqual([1, 2, 3, 4])
  })

  test('append() never returns a cursor twice, also where the last chunks were removed', () => {
    const { outputs } = openStores()
    expect(outputs.append(sampleOutput())).toBe(1)
    expect(outputs.append(sampleOutput())).toBe(2)
    outputs.deleteBySession('s-1')
    expect(outputs.append(sampleOutput())).toBe(3)
  })
})

describe('appendMany', () => {
  test.each([1, 2, 15, 16, 17, 32, 33, 5000])(
    'appendMany() with %i chunks returns the cursor of the last one',
    (count) => {
      const { outputs } = openStores()
      outputs.append(sampleOutput({ sessionId: 'another' }))
      const chunks = Array.from({ length: count }, (_, i) => sampleOutput({ data: `${i}` }))
      const last = outputs.appendMany(chunks)
      expect(last).toBe(count + 1)
      expect(outputs.tail('s-1', { chunks: 1 })).toMatchObject({
        cursor: last,
        outputs: [{ data: `${count - 1}`, cursor: last }],
      })
    },
  )

  test('appendMany() without chunks returns undefined', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput())
    expect(outputs.appendMany([])).toBeUndefined()
  })
})

describe('with write-behind', () => {
  function openBehind() {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
    return { connection, outputs }
  }

  test('append() returns undefined where the chunk is only queued', () => {
    const { outputs } = openBehind()
    expect(outputs.append(sampleOutput())).toBeUndefined()
    expect(outputs.append(sampleOutput())).toBeUndefined()
    expect(cursors(outputs.read('s-1').outputs)).toEqual([1, 2])
  })

  test('append() returns the cursor inside a transaction, where it writes directly', () => {
    const { connection, outputs } = openBehind()
    outputs.append(sampleOutput())
    const run = connection.db.transaction(() => outputs.append(sampleOutput()))
    expect(run()).toBe(2)
    expect(outputs.append(sampleOutput())).toBeUndefined()
  })

  test('appendMany() returns the cursor of its last chunk, behind those that were queued', () => {
    const { outputs } = openBehind()
    outputs.append(sampleOutput())
    expect(outputs.appendMany([sampleOutput(), sampleOutput()])).toBe(3)
    expect(outputs.appendMany([])).toBeUndefined()
  })

  test('append() returns the cursor for a database in memory, which is written directly', () => {
    const { connection } = openStores(':memory:')
    const outputs = new OutputStore(connection, { writeBehind: true })
    expect(outputs.append(sampleOutput())).toBe(1)
  })
})

describe('beside triggers of other stores', () => {
  test.each([
    [
      'inserts elsewhere afterwards',
      'CREATE TRIGGER t AFTER INSERT ON session_outputs BEGIN INSERT INTO log (text) VALUES (new.data); END',
    ],
    [
      'inserts elsewhere before',
      'CREATE TRIGGER t BEFORE INSERT ON session_outputs BEGIN INSERT INTO log (text) VALUES (new.data); END',
    ],
    [
      'fills a full-text index',
      `CREATE VIRTUAL TABLE found USING fts5(text);
       INSERT INTO found (rowid, text) VALUES (5000, 'first');
       CREATE TRIGGER t AFTER INSERT ON session_outputs BEGIN INSERT INTO found (text) VALUES (new.data); END`,
    ],
    [
      'inserts, and leaves the rest of its work',
      `CREATE TRIGGER t AFTER INSERT ON session_outputs
       BEGIN INSERT INTO log (text) VALUES (new.data); SELECT RAISE(IGNORE); END`,
    ],
  ])('append() returns the cursor of the chunk where a trigger %s', (_, trigger) => {
    const { outputs } = openWithLog(trigger)
    expect(outputs.append(sampleOutput())).toBe(1)
    const many = Array.from({ length: 20 }, () => sampleOutput())
    expect(outputs.appendMany(many)).toBe(21)
    expect(cursors(outputs.read('s-1').outputs)).toHaveLength(21)
  })

  test('append() returns undefined where a trigger leaves the chunk out', () => {
    const { outputs, db } = openWithLog(`
      CREATE TRIGGER t BEFORE INSERT ON session_outputs WHEN new.data = 'no'
      BEGIN INSERT INTO log (text) VALUES ('left out'); SELECT RAISE(IGNORE); END`)
    expect(outputs.append(sampleOutput({ data: 'yes' }))).toBe(1)
    expect(outputs.append(sampleOutput({ data: 'no' }))).toBeUndefined()
    expect(db.prepare('SELECT count(*) FROM log').pluck().get()).toBe(2)
    const many = (...data: string[]) => data.map((one) => sampleOutput({ data: one }))
    expect(outputs.appendMany(many('no', 'no'))).toBeUndefined()
    const last = outputs.appendMany(many('yes', 'no', 'yes', 'no'))
    expect(last).toBe(outputs.tail('s-1', { chunks: 1 }).cursor)
    const blocks = Array.from({ length: 40 }, (_, i) => (i < 20 ? 'yes' : 'no'))
    expect(outputs.appendMany(many(...blocks))).toBe(outputs.tail('s-1', { chunks: 1 }).cursor)
  })
})

test('append() returns undefined for a cursor that a number cannot hold', () => {
  const { connection, outputs } = openStores()
  const insert = connection.db.prepare(
    "INSERT INTO session_outputs (id, session_id, timestamp, type, data) VALUES (?, 's-1', '', 'stdout', '')",
  )
  insert.run(BigInt(Number.MAX_SAFE_INTEGER) - 1n)
  expect(outputs.append(sampleOutput())).toBe(Number.MAX_SAFE_INTEGER)
  expect(outputs.append(sampleOutput())).toBeUndefined()
  expect(outputs.appendMany([sampleOutput()])).toBeUndefined()
})

describe('the limit of getBySessionSince()', () => {
  function openTimes() {
    const { outputs } = openStores()
    for (const time of [1, 2, 2, 3, 4])
      outputs.append(sampleOutput({ timestamp: at(time), data: `${time}` }))
    return outputs
  }

  test.each([
    [2, ['2', '2']],
    [0, []],
    [3, ['2', '2', '3']],
    [100, ['2', '2', '3', '4']],
    [Number.MAX_SAFE_INTEGER, ['2', '2', '3', '4']],
    [null, ['2', '2', '3', '4']],
    [undefined, ['2', '2', '3', '4']],
  ])('getBySessionSince() with the limit %o gives the oldest that are newer', (limit, expected) => {
    const chunks = openTimes().getBySessionSince('s-1', at(1), limit)
    expect(chunks.map(({ data }) => data)).toEqual(expected)
  })

  test.each([-1, 1.5, Number.NaN, '2', {}, true, 2n])(
    'getBySessionSince() refuses the limit %o as getBySession() does',
    (limit) => {
      const outputs = openTimes()
      const caught = (call: () => unknown) => {
        try {
          return call()
        } catch (error) {
          return error
        }
      }
      const expected = caught(() => outputs.getBySession('s-1', limit as never))
      const failure = caught(() => outputs.getBySessionSince('s-1', at(1), limit as never))
      expect(expected).toBeInstanceOf(RangeError)
      expect(failure).toBeInstanceOf(RangeError)
      expect((failure as Error).message).toBe(
        (expected as Error).message.replace('getBySession', 'getBySessionSince'),
      )
    },
  )
})
