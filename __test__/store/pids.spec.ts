import { describe, expect, test } from 'vitest'
import { failureOf, openStores, outOfRange, sampleSession, wrongType } from '../support/support.js'

describe('a pid', () => {
  test.each([
    [0],
    [1],
    [-1],
    [4_194_304],
    [2 ** 31 - 1],
    [2 ** 31],
    [-(2 ** 31) - 1],
    [2 ** 32],
    [Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER],
    [2 ** 53],
    [-(2 ** 53)],
  ])('the pid %d is stored as an integer and comes back', (pid) => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession({ pid }))
    expect(sessions.get('s-1')?.pid).toBe(pid)
    expect(
      connection.db.prepare('SELECT typeof(pid), CAST(pid AS TEXT) FROM sessions').raw().get(),
    ).toEqual(['integer', String(pid)])
    sessions.update('s-1', { pid: 7 })
    sessions.update('s-1', { pid })
    expect(sessions.list()[0]?.pid).toBe(pid)
  })

  test('the pid -0 is stored as 0', () => {
    const { sessions } = openStores()
    sessions.create(sampleSession({ pid: -0 }))
    expect(sessions.get('s-1')?.pid).toBe(0)
  })

  test.each([
    [1.5, '1.5'],
    [-0.1, '-0.1'],
    [Number.NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [-Infinity, '-Infinity'],
    [2 ** 63, '92233720368547'],
    [1e300, ''],
  ])('the pid %d is out of range', (pid, word) => {
    const { sessions } = openStores()
    sessions.create(sampleSession({ id: 'kept', pid: 1 }))
    const failure = outOfRange('SessionStore', 'pid', word)
    expect(failureOf(() => sessions.create(sampleSession({ pid })))).toEqual(failure)
    expect(failureOf(() => sessions.update('kept', { pid }))).toEqual(failure)
    expect(sessions.list().map((session) => [session.id, session.pid])).toEqual([['kept', 1]])
  })

  test.each([
    ['1', '1'],
    [1n, '1'],
    [true, 'true'],
    [{}, ''],
    [[1], ''],
    [new Date(0), ''],
  ])('the pid %o is of a wrong type', (value, word) => {
    const { sessions } = openStores()
    sessions.create(sampleSession({ id: 'kept', pid: 1 }))
    const pid = value as never
    expect(failureOf(() => sessions.create(sampleSession({ pid })))).toEqual(
      wrongType('SessionStore', 'pid', word),
    )
    expect(failureOf(() => sessions.update('kept', { pid }))).toEqual(
      wrongType('SessionStore', 'pid', word),
    )
    expect(sessions.list().map((session) => [session.id, session.pid])).toEqual([['kept', 1]])
  })
})
