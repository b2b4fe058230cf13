import { describe, expect, onTestFinished, test } from 'vitest'
import {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  type SqliteError,
  type WriteBehindOptions,
} from '../../index.js'
import {
  at,
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  storedData,
  temporaryPath,
} from '../support/support.js'

/** A store that writes behind so late that only a call that needs the output can write it. */
function openBehind(options: WriteBehindOptions = { maxDelay: 60_000 }, path?: string) {
  const stores = openStores(path)
  return { ...stores, outputs: new OutputStore(stores.connection.db, { writeBehind: options }) }
}

async function eventually<T>(look: () => T, wanted: T): Promise<void> {
  await expect.poll(look, { timeout: 20_000 }).toEqual(wanted)
}

describe('queued output', () => {
  test('queued output is stored after a while without a further call', async () => {
    const { connection, outputs } = openBehind({ maxDelay: 200 })
    outputs.append(sampleOutput({ data: 'a' }))
    expect(storedData(connection.path)).toEqual([])
    await eventually(() => storedData(connection.path), ['a'])
  })

  test.each([
    ['getBySession', ({ outputs }) => outputs.getBySession('s-1').length],
    ['getBySessionSince', ({ outputs }) => outputs.getBySessionSince('s-1', at(-1)).length],
    ['getFullOutput', ({ outputs }) => outputs.getFullOutput('s-1').length],
    ['flush', ({ outputs, connection }) => (outputs.flush(), storedData(connection.path).length)],
    ['another store', ({ connection }) => new OutputStore(connection).getBySession('s-1').length],
    [
      'get of a statement',
      ({ connection }) =>
        connection.db.prepare('SELECT count(*) FROM session_outputs').pluck().get() as number,
    ],
    [
      'iterate of a statement',
      ({ connection }) =>
        [...connection.db.prepare('SELECT 1 FROM session_outputs').iterate()].length,
    ],
    [
      'exec',
      ({ connection }) => {
        connection.db.exec('CREATE TABLE copied AS SELECT * FROM session_outputs')
        return connection.db.prepare('SELECT count(*) FROM copied').pluck().get() as number
      },
    ],
    [
      'a transaction that holds the write lock',
      ({ connection, outputs }) =>
        connection.db.transaction(() => outputs.getBySession('s-1').length).immediate(),
    ],
  ] satisfies [string, (stores: ReturnType<typeof openBehind>) => number][])(
    'queued output is seen by %s',
    (_, look) => {
      const stores = openBehind()
      stores.outputs.append(sampleOutput({ data: '1' }))
      expect(look(stores)).toBe(1)
    },
  )

  test('queued output is removed by delete() and deleteBySession()', () => {
    const { sessions, outputs } = openBehind()
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    sessions.delete('s-1')
    outputs.append(sampleOutput({ sessionId: 's-2' }))
    outputs.deleteBySession('s-2')
    outputs.flush()
    expect(outputs.getBySession('s-1')).toEqual([])
    expect(outputs.getBySession('s-2')).toEqual([])
  })

  test('a transaction that is undone takes back its own output, not what was appended before it', () => {
    const { connection, outputs } = openBehind()
    outputs.append(sampleOutput({ data: 'before' }))
    const failed = new Error('undone')
    const transaction = connection.db.transaction(() => {
      outputs.append(sampleOutput({ data: 'inside' }))
      expect(outputs.getFullOutput('s-1')).toBe('before\ninside')
      throw failed
    })
    expect(() => transaction()).toThrow(failed)
    expect(outputs.getFullOutput('s-1')).toBe('before')
  })
})

test('ids follow the order of append, whichever call or thread writes', () => {
  const { connection, outputs } = openBehind({ maxDelay: 1 })
  const expected = Array.from({ length: 20_000 }, (_, i) => `${i} ${'x'.repeat(i % 300)}`)
  for (const [i, data] of expected.entries()) {
    outputs.append(sampleOutput({ data, timestamp: at(0) }))
    if (i % 1_777 === 0) outputs.getBySession('s-1', 1)
    if (i % 2_999 === 0) outputs.appendMany([])
  }
  connection.close()
  expect(storedData(connection.path)).toEqual(expected)
})

test('output that cannot be written yet is not overtaken by later output', () => {
  const { connection, outputs } = openBehind()
  const direct = new OutputStore(connection)
  const { db } = connection
  // Full for a long chunk, with room for a short one.
  db.pragma(`max_page_count = ${Number(db.pragma('page_count', { simple: true }))}`)
  const first = 'x'.repeat(100_000)
  outputs.append(sampleOutput({ data: first }))
  for (const append of [
    () => outputs.appendMany([sampleOutput({ data: 'overtakes' })]),
    () => direct.append(sampleOutput({ data: 'overtakes' })),
  ])
    expect(failureOf(append)).toMatchObject({ code: 'SQLITE_FULL' })
  db.pragma('max_page_count = 1000000')
  outputs.appendMany([sampleOutput({ data: 'second' })])
  direct.append(sampleOutput({ data: 'third' }))
  expect(storedData(connection.path)).toEqual([first, 'second', 'third'])
})

test('a queue without room makes append wait, and drops nothing', () => {
  const { connection, outputs } = openBehind({ maxBytes: 65_536 })
  const expected = Array.from({ length: 2_000 }, (_, i) => `${i} ${'x'.repeat(500)}`)
  for (const data of expected) outputs.append(sampleOutput({ data }))
  outputs.append(sampleOutput({ data: 'x'.repeat(200_000) }))
  connection.close()
  expect(storedData(connection.path)).toEqual([...expected, 'x'.repeat(200_000)])
})

describe('while another process keeps the file locked', () => {
  const open = (options: WriteBehindOptions) => {
    const path = temporaryPath()
    const locker = openConnection(path)
    const connection = new DatabaseConnection(path, { timeout: 20 })
    onTestFinished(() => connection.close())
    return { locker, connection, outputs: new OutputStore(connection, { writeBehind: options }) }
  }

  test('a locked file makes rows wait, and onError hears of it once until they are stored', async () => {
    const errors: SqliteError[] = []
    const { locker, connection, outputs } = open({
      maxDelay: 1,
      onError: (error) => errors.push(error),
    })
    locker.db.exec('BEGIN IMMEDIATE')
    outputs.append(sampleOutput({ data: 'a' }))
    await eventually(
      () => errors.map(({ name, code }) => [name, code]),
      [['SqliteError', 'SQLITE_BUSY']],
    )
    outputs.append(sampleOutput({ data: 'b' }))
    expect(failureOf(() => outputs.flush())).toMatchObject({ code: 'SQLITE_BUSY' })
    expect(failureOf(() => connection.close())).toMatchObject({ code: 'SQLITE_BUSY' })
    expect(connection.isOpen).toBe(true)
    locker.db.exec('COMMIT')
    await eventually(() => storedData(connection.path), ['a', 'b'])
    expect(errors).toHaveLength(1)
  })

  test.each([
    ['BEGIN', ({ connection }) => connection.db.exec('BEGIN')],
    ['a prepared BEGIN', ({ connection }) => connection.db.prepare('BEGIN').run()],
    ['a savepoint', ({ connection }) => connection.db.exec('SAVEPOINT one')],
    ['a transaction', ({ connection }) => connection.db.transaction(() => 0)()],
    ['flush', ({ outputs }) => outputs.flush()],
    ['close', ({ connection }) => connection.close()],
    ['getBySession', ({ outputs }) => outputs.getBySession('s-1')],
    ['getBySessionSince', ({ outputs }) => outputs.getBySessionSince('s-1', at(-1))],
    ['getFullOutput', ({ outputs }) => outputs.getFullOutput('s-1')],
    ['read', ({ outputs }) => outputs.read('s-1')],
    ['tail', ({ outputs }) => outputs.tail('s-1')],
    ['search', ({ outputs }) => outputs.search('x')],
    ['stats', ({ connection }) => connection.stats()],
    ['backup', ({ connection }) => connection.backup(`${connection.path}.copy`)],
    ['a direct append', ({ connection }) => new OutputStore(connection).append(sampleOutput())],
    ['appendMany', ({ outputs }) => outputs.appendMany([sampleOutput()])],
    ['create', ({ connection }) => new SessionStore(connection).create(sampleSession())],
    ['update', ({ connection }) => new SessionStore(connection).update('s-1', { pid: 1 })],
    ['delete', ({ connection }) => new SessionStore(connection).delete('s-1')],
    ['a query', ({ connection }) => connection.db.prepare('SELECT 1').get()],
    ['an iteration', ({ connection }) => connection.db.prepare('SELECT 1').iterate()],
  ] satisfies [string, (stores: ReturnType<typeof open>) => unknown][])(
    '%s throws while earlier output cannot be stored',
    async (_, call) => {
      const stores = open({ maxDelay: 60_000 })
      stores.locker.db.exec('BEGIN IMMEDIATE')
      stores.outputs.append(sampleOutput({ data: 'first' }))
      const failure = await Promise.resolve()
        .then(() => call(stores))
        .catch((error: SqliteError) => error)
      expect(failure).toMatchObject({ name: 'SqliteError', code: 'SQLITE_BUSY' })
      expect((failure as Error).message).toContain('appended before cannot be stored yet')
      stores.outputs.append(sampleOutput({ data: 'second' }))
      stores.locker.db.exec('COMMIT')
      stores.outputs.flush()
      expect(storedData(stores.connection.path)).toEqual(['first', 'second'])
    },
  )

  test('sessions can be read while earlier output cannot be stored', () => {
    const { locker, connection, outputs } = open({ maxDelay: 60_000 })
    const sessions = new SessionStore(connection)
    sessions.create(sampleSession())
    locker.db.exec('BEGIN IMMEDIATE')
    outputs.append(sampleOutput())
    expect(sessions.get('s-1')?.id).toBe('s-1')
    expect(sessions.list()).toHaveLength(1)
    locker.db.exec('COMMIT')
  })

  test('a transaction that could not begin on a locked file undoes nothing', () => {
    const { locker, connection, outputs } = open({ maxDelay: 60_000 })
    locker.db.exec('BEGIN IMMEDIATE')
    outputs.append(sampleOutput({ data: 'first' }))
    expect(failureOf(() => connection.db.exec('BEGIN'))?.code).toBe('SQLITE_BUSY')
    expect(connection.db.inTransaction).toBe(false)
    locker.db.exec('COMMIT')
    outputs.append(sampleOutput({ data: 'second' }))
    connection.close()
    expect(storedData(connection.path)).toEqual(['first', 'second'])
  })

  test('an append that finds no room in the queue throws, and is not queued', () => {
    const { locker, connection, outputs } = open({ maxBytes: 65_536 })
    locker.db.exec('BEGIN IMMEDIATE')
    outputs.append(sampleOutput({ data: 'first' }))
    const failure = failureOf(() => outputs.append(sampleOutput({ data: 'x'.repeat(70_000) })))
    expect(failure).toMatchObject({ type: 'SqliteError', code: 'SQLITE_BUSY' })
    locker.db.exec('COMMIT')
    outputs.flush()
    expect(storedData(connection.path)).toEqual(['first'])
  })
})

describe('while a query hands out its rows one by one', () => {
  const open = (options?: WriteBehindOptions) => {
    const stores = openStores()
    const { connection, sessions } = stores
    const outputs = new OutputStore(connection, options && { writeBehind: options })
    sessions.create(sampleSession())
    sessions.create(sampleSession({ id: 's-2', slot: 2 }))
    const other = new OutputStore(openConnection(connection.path))
    const rows = connection.db.prepare('SELECT id FROM sessions').iterate()
    rows.next()
    return { connection, sessions, outputs, other, rows }
  }

  test('an append is stored during an iteration although another connection wrote meanwhile', () => {
    const { connection, sessions, outputs, other, rows } = open()
    other.append(sampleOutput({ data: 'of another' }))
    outputs.append(sampleOutput({ data: 'one' }))
    outputs.appendMany([sampleOutput({ data: 'two' })])
    sessions.update('s-1', { pid: 7 })
    expect(storedData(connection.path)).toEqual(['of another', 'one', 'two'])
    expect(outputs.getFullOutput('s-1')).toBe('of another\none\ntwo')
    expect(sessions.get('s-1')?.pid).toBe(7)
    expect([...rows]).toEqual([{ id: 's-2' }])
    sessions.delete('s-1')
    expect(outputs.getFullOutput('s-1')).toBe('')
  })

  test('the stores see what the thread committed during an iteration, and SQL is refused until its end', async () => {
    const { connection, outputs, rows } = open({ maxDelay: 1 })
    const count = connection.db.prepare('SELECT count(*) FROM session_outputs').pluck()
    outputs.append(sampleOutput({ data: 'one' }))
    await eventually(() => storedData(connection.path), ['one'])
    expect(outputs.getFullOutput('s-1')).toBe('one')
    outputs.append(sampleOutput({ data: 'two' }))
    expect(outputs.getFullOutput('s-1')).toBe('one\ntwo')
    const failure = failureOf(() => count.get())
    expect(failure).toMatchObject({ type: 'SqliteError', code: 'SQLITE_BUSY_SNAPSHOT' })
    expect(failure?.message).toContain('iterate()')
    rows.return?.()
    expect(count.get()).toBe(2)
    outputs.append(sampleOutput({ data: 'three' }))
    expect(count.get()).toBe(3)
  })

  test('SQL sees what was appended during an iteration where nobody else wrote', () => {
    const { connection, outputs, rows } = open()
    const count = connection.db.prepare('SELECT count(*) FROM session_outputs').pluck()
    outputs.append(sampleOutput())
    expect(count.get()).toBe(1)
    expect([...rows]).toHaveLength(1)
  })

  test('an append is refused while the statement that is iterated writes', () => {
    const { connection, outputs, rows } = open()
    rows.return?.()
    const written = connection.db.prepare('UPDATE sessions SET pid = 1 RETURNING id').iterate()
    written.next()
    const failure = failureOf(() => outputs.append(sampleOutput()))
    expect(failure).toMatchObject({ type: 'TypeError', code: 'ERR_INVALID_STATE' })
    expect([...written]).toHaveLength(1)
    outputs.append(sampleOutput())
    expect(storedData(connection.path)).toEqual(['hello'])
  })
})

test('stores of one connection share one queue', () => {
  const { connection, outputs } = openBehind()
  const other = new OutputStore(connection, { writeBehind: true })
  for (const [i, store] of [outputs, other, outputs, other].entries()) {
    store.append(sampleOutput({ data: `${i}` }))
  }
  connection.close()
  expect(storedData(connection.path)).toEqual(['0', '1', '2', '3'])
})

test('a database in memory is written directly', () => {
  const connection = openConnection(':memory:')
  const outputs = new OutputStore(connection, { writeBehind: true })
  outputs.append(sampleOutput())
  outputs.flush()
  expect(outputs.getFullOutput('s-1')).toBe('hello')
})

test('a store that does not write behind has nothing to flush', () => {
  const { outputs } = openStores()
  outputs.append(sampleOutput())
  outputs.flush()
  expect(outputs.getFullOutput('s-1')).toBe('hello')
})

test.each([
  [{ writeBehind: 'yes' }, 'TypeError', 'options.writeBehind', '"yes"'],
  [{ writeBehind: [] }, 'TypeError', 'options.writeBehind', 'array'],
  [{ writeBehind: { maxDelay: '1' } }, 'TypeError', 'maxDelay', '"1"'],
  [{ writeBehind: { maxDelay: 0 } }, 'RangeError', 'maxDelay', '0'],
  [{ writeBehind: { maxBytes: 1 } }, 'RangeError', 'maxBytes', '1'],
  [{ writeBehind: { onError: true } }, 'TypeError', 'onError', 'true'],
  [5, 'TypeError', 'options', '5'],
])('the options %j throw a %s', (options, type, field, value) => {
  const connection = openConnection(':memory:')
  const failure = failureOf(() => new OutputStore(connection, options as never))
  expect(failure?.type).toBe(type)
  expect(failure?.message).toMatch(/^OutputStore/)
  expect(failure?.message).toContain(field)
  expect(failure?.message).toContain(value)
})

describe('a chunk that SQLite refuses', () => {
  const TRIGGER = `CREATE TRIGGER picky BEFORE INSERT ON session_outputs WHEN NEW.data = 'no'
    BEGIN SELECT RAISE(ABORT, 'not that'); END`

  function appendAll(outputs: OutputStore) {
    for (const data of ['a', 'no', 'b', 'no', 'c']) outputs.append(sampleOutput({ data }))
  }

  test('a chunk that SQLite refuses holds up nothing else, and onError hears of each', async () => {
    const errors: SqliteError[] = []
    const { connection, outputs } = openBehind({ onError: (error) => errors.push(error) })
    connection.db.exec(TRIGGER)
    appendAll(outputs)
    outputs.flush()
    expect(storedData(connection.path)).toEqual(['a', 'b', 'c'])
    const code = 'SQLITE_CONSTRAINT_TRIGGER'
    await eventually(() => errors.map((error) => error.code), [code, code])
    expect(errors[0]?.message).toMatch(/session "s-1".*not that/)
  })

  test('a chunk that SQLite refuses makes flush() throw once where there is no onError', () => {
    const { connection, outputs } = openBehind()
    connection.db.exec(TRIGGER)
    appendAll(outputs)
    expect(outputs.getFullOutput('s-1')).toBe('a\nb\nc')
    expect(failureOf(() => outputs.flush())?.code).toBe('SQLITE_CONSTRAINT_TRIGGER')
    outputs.flush()
    appendAll(outputs)
    connection.close()
    expect(storedData(connection.path)).toHaveLength(6)
  })

  test('a chunk of no session is refused where foreign keys are enforced', async () => {
    const { connection, sessions } = openStores(undefined, { foreignKeys: true })
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 1 } })
    sessions.create(sampleSession())
    outputs.append(sampleOutput({ sessionId: 'unknown' }))
    outputs.append(sampleOutput({ data: 'known' }))
    await eventually(() => storedData(connection.path), ['known'])
    expect(failureOf(() => outputs.flush())?.code).toBe('SQLITE_CONSTRAINT_FOREIGNKEY')
  })

  test('a chunk that SQLite refuses undoes nothing that was stored before it', () => {
    const { connection, outputs } = openBehind()
    connection.db.exec(TRIGGER.replace('ABORT', 'ROLLBACK'))
    appendAll(outputs)
    expect(failureOf(() => outputs.flush())?.code).toBe('SQLITE_CONSTRAINT_TRIGGER')
    expect(storedData(connection.path)).toEqual(['a', 'b', 'c'])
  })
})
