import { describe, expect, test } from 'vitest'
import type { SessionStatus } from '../../index.js'
import { at, openStores, sampleSession } from '../support/support.js'

const FIELDS = [
  'id',
  'slot',
  'status',
  'workingDir',
  'currentCommand',
  'startedAt',
  'endedAt',
  'pid',
]

describe('list, listByStatus and findRunning', () => {
  const STATUSES: SessionStatus[] = ['idle', 'running', 'waiting_checkpoint', 'completed', 'failed']

  test('every list of sessions is empty for a new file', () => {
    const { sessions } = openStores()
    expect(sessions.list()).toEqual([])
    expect(sessions.listByStatus('idle')).toEqual([])
    expect(sessions.findRunning()).toEqual([])
  })

  test('every list of sessions has the newest start first, and of equal ones the latest insert', () => {
    const { sessions } = openStores()
    const starts: [string, number][] = [
      ['m', 5],
      ['z', 9],
      ['a', 5],
      ['q', 1],
      ['b', 5],
      ['c', 9],
    ]
    for (const [id, start] of starts) sessions.create(sampleSession({ id, startedAt: at(start) }))
    const expected = ['c', 'z', 'b', 'a', 'm', 'q']
    expect(sessions.list().map(({ id }) => id)).toEqual(expected)
    expect(sessions.listByStatus('running').map(({ id }) => id)).toEqual(expected)
    expect(sessions.findRunning().map(({ id }) => id)).toEqual(expected)
  })

  test('every list of sessions is in order where a session with a later start was stored first', () => {
    const { connection, sessions } = openStores()
    const count = 700
    connection.db.transaction(() => {
      for (let i = 0; i < count; i++) {
        // All but the first are stored in the order of their starts. The first has the latest start.
        const startedAt = at(i === 0 ? count : i)
        sessions.create(sampleSession({ id: `s-${i}`, startedAt, workingDir: `/srv/é/${i}` }))
      }
    })()
    const ids = ['s-0', ...Array.from({ length: count - 1 }, (_, i) => `s-${count - 1 - i}`)]
    for (const list of [
      sessions.list(),
      sessions.findRunning(),
      sessions.listByStatus('running'),
    ]) {
      expect(list.map(({ id }) => id)).toEqual(ids)
      expect(list[1]).toMatchObject({ workingDir: `/srv/é/${count - 1}`, startedAt: at(count - 1) })
    }
  })

  test('listByStatus() and findRunning() select by status', () => {
    const { sessions } = openStores()
    for (const [index, status] of STATUSES.entries()) {
      sessions.create(sampleSession({ id: `${status} 1`, status, startedAt: at(index) }))
      sessions.create(sampleSession({ id: `${status} 2`, status, startedAt: at(index) }))
    }
    for (const status of STATUSES) {
      expect(sessions.listByStatus(status).map(({ id }) => id)).toEqual([
        `${status} 2`,
        `${status} 1`,
      ])
    }
    expect(sessions.findRunning().map(({ id }) => id)).toEqual([
      'waiting_checkpoint 2',
      'waiting_checkpoint 1',
      'running 2',
      'running 1',
    ])
  })

  test('every list of sessions gives whole sessions', () => {
    const { sessions } = openStores()
    const session = sampleSession({ currentCommand: 'top', endedAt: at(1), pid: 3 })
    sessions.create(session)
    expect(sessions.list()).toStrictEqual([session])
    expect(sessions.listByStatus('running')).toStrictEqual([session])
    expect(sessions.findRunning()).toStrictEqual([session])
    expect(Object.keys(sessions.list()[0] ?? {})).toEqual(FIELDS)
  })

  test('list() gives thousands of sessions', () => {
    const { connection, sessions } = openStores()
    connection.db.transaction(() => {
      for (let index = 0; index < 3_000; index++) {
        sessions.create(
          sampleSession({ id: `s-${index}`, startedAt: at(index), pid: index % 2 ? index : null }),
        )
      }
    })()
    const listed = sessions.list()
    expect(listed).toHaveLength(3_000)
    expect(
      listed.every(({ id, pid }, index) => {
        const made = 2_999 - index
        return id === `s-${made}` && pid === (made % 2 ? made : undefined)
      }),
    ).toBe(true)
  })
})
