import { describe, expect, test } from 'vitest'
import {
  at,
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  wrongType,
} from '../support/support.js'

describe('the order of outputs', () => {
  /** Outputs with equal times, appended out of order. */
  function openWithTies() {
    const opened = openStores()
    const times: [string, number][] = [
      ['a', 2],
      ['b', 1],
      ['c', 2],
      ['d', 1],
      ['e', 3],
      ['f', 2],
    ]
    for (const [data, time] of times)
      opened.outputs.append(sampleOutput({ data, timestamp: at(time) }))
    opened.outputs.append(
      sampleOutput({ sessionId: 's-2', data: 'of another session', timestamp: at(2) }),
    )
    return opened
  }

  test('getBySession() gives the newest output first', () => {
    const { outputs } = openWithTies()
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual([
      'e',
      'f',
      'c',
      'a',
      'd',
      'b',
    ])
  })

  test('getFullOutput() gives the oldest output first', () => {
    expect(openWithTies().outputs.getFullOutput('s-1', { separator: '' })).toBe('bdacfe')
  })

  test.each([
    [0, 'bdacfe'],
    [1, 'acfe'],
    [2, 'e'],
    [3, ''],
    [1_000, ''],
  ])(
    'getBySessionSince() gives what is strictly newer than %i ms, oldest first',
    (since, expected) => {
      const newer = openWithTies().outputs.getBySessionSince('s-1', at(since))
      expect(newer.map(({ data }) => data).join('')).toBe(expected)
    },
  )

  test('getBySessionSince() gives whole outputs', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ timestamp: at(1) }))
    const newer = outputs.getBySessionSince('s-1', at(0))
    expect(newer).toStrictEqual([sampleOutput({ timestamp: at(1) })])
    expect(Object.keys(newer[0] ?? {})).toEqual(['sessionId', 'timestamp', 'type', 'data'])
  })

  test('an unknown session has no output', () => {
    const { outputs } = openWithTies()
    expect(outputs.getBySession('unknown')).toEqual([])
    expect(outputs.getBySessionSince('unknown', at(0))).toEqual([])
    expect(outputs.getFullOutput('unknown')).toBe('')
  })

  test('the order of outputs survives a deletion of the latest', () => {
    const { connection, outputs } = openWithTies()
    connection.db.exec("DELETE FROM session_outputs WHERE data IN ('e', 'f', 'of another session')")
    outputs.append(sampleOutput({ data: 'g', timestamp: at(2) }))
    expect(outputs.getFullOutput('s-1', { separator: '' })).toBe('bdacg')
  })
})

describe('the limit of getBySession', () => {
  function openWithThree() {
    const { outputs } = openStores()
    for (const data of ['a', 'b', 'c']) outputs.append(sampleOutput({ data }))
    return outputs
  }

  test.each([
    [undefined, 'cba'],
    [null, 'cba'],
    [0, ''],
    [-0, ''],
    [1, 'c'],
    [2, 'cb'],
    [3, 'cba'],
    [4, 'cba'],
    [2 ** 31, 'cba'],
    [2 ** 32, 'cba'],
    [2 ** 32 + 1, 'cba'],
    [Number.MAX_SAFE_INTEGER, 'cba'],
    [2 ** 63, 'cba'],
    [Number.MAX_VALUE, 'cba'],
  ])('getBySession() keeps to the limit %o', (limit, expected) => {
    const read = openWithThree().getBySession('s-1', limit)
    expect(read.map(({ data }) => data).join('')).toBe(expected)
  })

  test.each([
    [-1, '-1'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
    ['5', '5'],
    [5n, '5'],
    [{}, 'limit'],
    [[1], 'limit'],
    [true, 'true'],
    [Symbol('limit'), 'limit'],
    [new Date(0), 'limit'],
  ])('getBySession() throws a RangeError for the limit %o', (limit, word) => {
    const outputs = openWithThree()
    expect(failureOf(() => outputs.getBySession('s-1', limit as never))).toEqual(
      outOfRange('OutputStore', 'limit', word),
    )
    expect(outputs.getBySession('s-1', 1)).toHaveLength(1)
  })
})

describe('getFullOutput', () => {
  function openWithEntries() {
    const { outputs } = openStores()
    for (const data of ['one', '', 'two\n', 'three']) outputs.append(sampleOutput({ data }))
    return outputs
  }

  test.each([
    [undefined, 'one\n\ntwo\n\nthree'],
    [{}, 'one\n\ntwo\n\nthree'],
    [{ separator: undefined }, 'one\n\ntwo\n\nthree'],
    [{ separator: '\n' }, 'one\n\ntwo\n\nthree'],
    [{ separator: '' }, 'onetwo\nthree'],
    [{ separator: '\r\n' }, 'one\r\n\r\ntwo\n\r\nthree'],
    [{ separator: ' é🚀 ' }, 'one é🚀  é🚀 two\n é🚀 three'],
    [{ separator: '\0' }, 'one\0\0two\n\0three'],
    [{ separator: '\uD800' }, 'one\uFFFD\uFFFDtwo\n\uFFFDthree'],
  ])('getFullOutput() joins with %o', (options, expected) => {
    expect(openWithEntries().getFullOutput('s-1', options)).toBe(expected)
  })

  test('getFullOutput() of one entry has no separator', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: 'alone' }))
    expect(outputs.getFullOutput('s-1')).toBe('alone')
  })

  test('getFullOutput() of empty entries has their separators', () => {
    const { outputs } = openStores()
    outputs.appendMany([
      sampleOutput({ data: '' }),
      sampleOutput({ data: '' }),
      sampleOutput({ data: '' }),
    ])
    expect(outputs.getFullOutput('s-1')).toBe('\n\n')
  })

  test.each([[5], [true], [{}], [['\n']], [Symbol('separator')]])(
    'getFullOutput() refuses %o as a separator',
    (separator) => {
      const outputs = openWithEntries()
      expect(failureOf(() => outputs.getFullOutput('s-1', { separator } as never))).toEqual(
        wrongType('OutputStore', 'separator'),
      )
    },
  )
})
