import { describe, expect, test } from 'vitest'
import {
  at,
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  wrongType,
} from '../support/support.js'

describe('append', () => {
  test('append() stores an output that is read back whole', () => {
    const { outputs } = openStores()
    expect(
      outputs.append(sampleOutput({ type: 'stderr', timestamp: at(7), data: 'warning' })),
    ).toBe(1)
    const [read] = outputs.getBySession('s-1')
    expect(read).toStrictEqual({
      sessionId: 's-1',
      timestamp: at(7),
      type: 'stderr',
      data: 'warning',
    })
    expect(Object.keys(read ?? {})).toEqual(['sessionId', 'timestamp', 'type', 'data'])
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
  })

  test('append() accepts an unknown session', () => {
    const { sessions, outputs } = openStores()
    outputs.append(sampleOutput({ sessionId: 'unknown' }))
    expect(outputs.getFullOutput('unknown')).toBe('hello')
    expect(sessions.list()).toEqual([])
  })

  test('append() has committed when it returns', () => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput())
    expect(connection.db.inTransaction).toBe(false)
    expect(openStores(connection.path).outputs.getFullOutput('s-1')).toBe('hello')
  })
})

describe('appendMany', () => {
  test('appendMany() stores outputs in their order', () => {
    const { outputs } = openStores()
    const many = Array.from({ length: 5_000 }, (_, index) =>
      sampleOutput({ data: `line ${index}` }),
    )
    expect(outputs.appendMany(many)).toBe(5_000)
    expect(outputs.getFullOutput('s-1')).toBe(many.map(({ data }) => data).join('\n'))
  })

  test('appendMany() takes an empty array', () => {
    const { connection, outputs } = openStores()
    expect(outputs.appendMany([])).toBeUndefined()
    expect(connection.db.prepare('SELECT count(*) FROM session_outputs').pluck().get()).toBe(0)
    expect(connection.db.inTransaction).toBe(false)
  })

  test.each([
    ['no object', 5, wrongType('OutputStore', '5')],
    ['null', null, wrongType('OutputStore', 'null')],
    ['a hole', undefined, wrongType('OutputStore', 'undefined')],
    [
      'data that is not a text',
      { ...sampleOutput(), data: 7 },
      wrongType('OutputStore', 'data', '7'),
    ],
    [
      'another type',
      { ...sampleOutput(), type: 'stdin' },
      outOfRange('OutputStore', 'type', 'stdin'),
    ],
    [
      'an invalid Date',
      { ...sampleOutput(), timestamp: new Date(Number.NaN) },
      outOfRange('OutputStore', 'timestamp'),
    ],
    [
      'no session',
      { ...sampleOutput(), sessionId: undefined },
      wrongType('OutputStore', 'sessionId', 'undefined'),
    ],
  ])('appendMany() stores nothing when one in the middle is wrong: %s', (_, wrong, failure) => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput({ data: 'before' }))
    const many = [sampleOutput(), sampleOutput(), wrong, sampleOutput()] as never
    expect(failureOf(() => outputs.appendMany(many))).toEqual(failure)
    expect(outputs.getFullOutput('s-1')).toBe('before')
    expect(connection.db.inTransaction).toBe(false)
    outputs.append(sampleOutput({ data: 'after' }))
    expect(outputs.getFullOutput('s-1')).toBe('before\nafter')
  })

  test.each([['ABORT'], ['FAIL'], ['ROLLBACK']])(
    'appendMany() stores nothing when SQLite refuses one: %s',
    (reaction) => {
      const { connection, outputs } = openStores()
      connection.db
        .exec(`CREATE TRIGGER guard AFTER INSERT ON session_outputs WHEN NEW.data = 'poison'
      BEGIN SELECT RAISE(${reaction}, 'no poison'); END`)
      const many = ['a', 'b', 'poison', 'c'].map((data) => sampleOutput({ data }))
      expect(failureOf(() => outputs.appendMany(many))).toEqual(
        sqliteFailure('SQLITE_CONSTRAINT_TRIGGER'),
      )
      expect(outputs.getBySession('s-1')).toEqual([])
      expect(connection.db.inTransaction).toBe(false)
      outputs.appendMany([sampleOutput({ data: 'after' })])
      expect(outputs.getFullOutput('s-1')).toBe('after')
    },
  )

  test('appendMany() that fails inside a transaction leaves what came before it', () => {
    const { connection, outputs } = openStores()
    connection.db.transaction(() => {
      outputs.append(sampleOutput({ data: 'before' }))
      const many = [sampleOutput({ data: 'half' }), sampleOutput({ data: 5 as never })]
      expect(failureOf(() => outputs.appendMany(many))).toEqual(
        wrongType('OutputStore', 'data', '5'),
      )
      outputs.append(sampleOutput({ data: 'after' }))
    })()
    expect(outputs.getFullOutput('s-1')).toBe('before\nafter')
  })

  test.each([
    [undefined],
    [null],
    [sampleOutput()],
    ['text'],
    [5],
    [new Set([sampleOutput()])],
    [{ length: 1 }],
  ])('appendMany() takes arrays only, not %o', (many) => {
    const { outputs } = openStores()
    expect(failureOf(() => outputs.appendMany(many as never))).toEqual(
      wrongType('OutputStore', 'outputs'),
    )
    expect(outputs.getBySession('s-1')).toEqual([])
  })
})

describe('deleteBySession', () => {
  test('deleteBySession() deletes the outputs of one session and leaves the session', () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession())
    outputs.appendMany([
      sampleOutput(),
      sampleOutput(),
      sampleOutput({ sessionId: 's-2', data: 'stays' }),
    ])
    expect(outputs.deleteBySession('s-1')).toBeUndefined()
    expect(outputs.getBySession('s-1')).toEqual([])
    expect(outputs.getFullOutput('s-2')).toBe('stays')
    expect(sessions.get('s-1')?.id).toBe('s-1')
    outputs.deleteBySession('s-1')
    outputs.deleteBySession('unknown')
    expect(outputs.getFullOutput('s-2')).toBe('stays')
  })
})
