import { describe, expect, test } from 'vitest'
import {
  at,
  failureOf,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
} from '../support/support.js'

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

describe('create and get', () => {
  test('get() gives a session back as it was created, whole', () => {
    const { sessions } = openStores()
    const session = sampleSession({
      slot: 2,
      status: 'waiting_checkpoint',
      workingDir: '/srv/my project',
      currentCommand: 'npm run build',
      startedAt: at(1),
      endedAt: at(2_345),
      pid: 4_242,
    })
    expect(sessions.create(session)).toBeUndefined()
    expect(sessions.get('s-1')).toStrictEqual(session)
  })

  test.each([
    ['left out', {}],
    ['undefined', { currentCommand: undefined, endedAt: undefined, pid: undefined }],
    ['null', { currentCommand: null, endedAt: null, pid: null }],
  ])(
    'get() gives every key, and undefined for optional fields that were stored as %s',
    (_, optional) => {
      const { connection, sessions } = openStores()
      sessions.create(sampleSession(optional))
      const session = sessions.get('s-1')
      expect(session).toStrictEqual({
        id: 's-1',
        slot: 1,
        status: 'running',
        workingDir: '/srv/project',
        currentCommand: undefined,
        startedAt: at(0),
        endedAt: undefined,
        pid: undefined,
      })
      expect(Object.keys(session ?? {})).toEqual(FIELDS)
      expect(
        connection.db.prepare('SELECT current_command, ended_at, pid FROM sessions').raw().get(),
      ).toEqual([null, null, null])
    },
  )

  test('get() gives plain objects with Dates of their own', () => {
    const { sessions } = openStores()
    const startedAt = at(0)
    sessions.create(sampleSession({ startedAt, endedAt: at(1) }))
    startedAt.setFullYear(1999)
    const first = sessions.get('s-1')
    expect(Object.getPrototypeOf(first)).toBe(Object.prototype)
    expect(first?.startedAt).toBeInstanceOf(Date)
    expect(first?.endedAt).toBeInstanceOf(Date)
    first?.startedAt.setFullYear(1999)
    expect(sessions.get('s-1')?.startedAt).toEqual(at(0))
  })

  test('get() tells empty from absent', () => {
    const { sessions } = openStores()
    sessions.create(sampleSession({ workingDir: '', currentCommand: '', pid: 0 }))
    expect(sessions.get('s-1')).toMatchObject({ workingDir: '', currentCommand: '', pid: 0 })
  })

  test('create() takes a session that another store gave', () => {
    const one = openStores()
    const other = openStores()
    one.sessions.create(sampleSession())
    const session = one.sessions.get('s-1')
    expect(session).toBeDefined()
    if (session) other.sessions.create(session)
    expect(other.sessions.get('s-1')).toStrictEqual(session)
  })

  test.each([['unknown'], [''], ['__proto__'], ["' OR 1=1 --"], ['s-1\0'], ['S-1']])(
    'get() gives undefined for the id %o',
    (id) => {
      const { sessions } = openStores()
      sessions.create(sampleSession())
      expect(sessions.get(id)).toBeUndefined()
    },
  )

  test.each([['ünïcødé 🚀'], ["it's"], ['constructor'], [' s-1 '], ['1'], ['x'.repeat(10_000)]])(
    'create() takes the id %o',
    (id) => {
      const { sessions } = openStores()
      sessions.create(sampleSession({ id }))
      expect(sessions.get(id)?.id).toBe(id)
      expect(sessions.list()).toHaveLength(1)
    },
  )

  test('create() refuses an id twice and keeps the first session', () => {
    const { sessions } = openStores()
    sessions.create(sampleSession({ pid: 1 }))
    expect(failureOf(() => sessions.create(sampleSession({ pid: 2, slot: 3 })))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_PRIMARYKEY'),
    )
    expect(sessions.list()).toHaveLength(1)
    expect(sessions.get('s-1')).toMatchObject({ pid: 1, slot: 1 })
    sessions.create(sampleSession({ id: 's-2' }))
    expect(sessions.list()).toHaveLength(2)
  })
})

describe('update', () => {
  function openWithFullSession() {
    const opened = openStores()
    opened.sessions.create(sampleSession({ currentCommand: 'npm test', endedAt: at(10), pid: 42 }))
    return { ...opened, get: () => opened.sessions.get('s-1') }
  }

  test.each([
    ['status', { status: 'failed' as const }],
    ['currentCommand', { currentCommand: 'npm run lint' }],
    ['endedAt', { endedAt: at(99) }],
    ['pid', { pid: 43 }],
    ['all fields', { status: 'completed' as const, currentCommand: '', endedAt: at(1), pid: 0 }],
  ])('update() changes %s and nothing else', (_, fields) => {
    const { sessions, get } = openWithFullSession()
    const before = get()
    expect(sessions.update('s-1', fields)).toBe(true)
    expect(get()).toStrictEqual({ ...before, ...fields })
  })

  test.each([['currentCommand'], ['endedAt'], ['pid']])('update() clears %s with null', (field) => {
    const { sessions, get } = openWithFullSession()
    const before = get()
    sessions.update('s-1', { [field]: null })
    expect(get()).toStrictEqual({ ...before, [field]: undefined })
  })

  test('update() leaves fields alone that are undefined', () => {
    const { sessions, get } = openWithFullSession()
    const before = get()
    sessions.update('s-1', {
      status: undefined,
      currentCommand: undefined,
      endedAt: undefined,
      pid: undefined,
    })
    expect(get()).toStrictEqual(before)
    sessions.update('s-1', {
      status: 'idle',
      currentCommand: undefined,
      endedAt: null,
      pid: undefined,
    })
    expect(get()).toStrictEqual({ ...before, status: 'idle', endedAt: undefined })
  })

  test('update() changes nothing without fields or for an unknown id', () => {
    const { sessions, get } = openWithFullSession()
    const before = get()
    sessions.update('s-1', {})
    sessions.update('unknown', { status: 'failed', pid: 1 })
    sessions.update('unknown', {})
    expect(sessions.list()).toStrictEqual([before])
  })

  test('update() changes one session only, and not its place', () => {
    const { sessions } = openWithFullSession()
    sessions.create(sampleSession({ id: 's-2' }))
    sessions.update('s-1', { status: 'failed' })
    expect(sessions.list().map(({ id, status }) => [id, status])).toEqual([
      ['s-2', 'running'],
      ['s-1', 'failed'],
    ])
  })
})

describe('delete', () => {
  function openWithOutputs() {
    const opened = openStores()
    opened.sessions.create(sampleSession())
    opened.sessions.create(sampleSession({ id: 's-2' }))
    opened.outputs.appendMany([
      sampleOutput(),
      sampleOutput(),
      sampleOutput({ sessionId: 's-2', data: 'of s-2' }),
    ])
    return opened
  }

  test.each([[undefined], [{}], [{ keepOutputs: false }], [{ keepOutputs: undefined }]])(
    'delete() removes the session and its outputs: %o',
    (options) => {
      const { sessions, outputs } = openWithOutputs()
      expect(sessions.delete('s-1', options)).toBeUndefined()
      expect(sessions.get('s-1')).toBeUndefined()
      expect(outputs.getBySession('s-1')).toEqual([])
      expect(sessions.list().map(({ id }) => id)).toEqual(['s-2'])
      expect(outputs.getFullOutput('s-2')).toBe('of s-2')
    },
  )

  test('delete() leaves the outputs with keepOutputs', () => {
    const { sessions, outputs } = openWithOutputs()
    sessions.delete('s-1', { keepOutputs: true })
    expect(sessions.get('s-1')).toBeUndefined()
    expect(outputs.getFullOutput('s-1')).toBe('hello\nhello')
  })

  test('delete() of an unknown id removes nothing', () => {
    const { sessions, outputs } = openWithOutputs()
    sessions.delete('unknown')
    sessions.delete('unknown', { keepOutputs: true })
    expect(sessions.list()).toHaveLength(2)
    expect(outputs.getBySession('s-1')).toHaveLength(2)
  })

  test('delete() does all or nothing', () => {
    const { connection, sessions, outputs } = openWithOutputs()
    connection.db.exec(`CREATE TRIGGER keep BEFORE DELETE ON sessions WHEN OLD.id = 's-1'
      BEGIN SELECT RAISE(ABORT, 'kept'); END`)
    expect(failureOf(() => sessions.delete('s-1'))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_TRIGGER'),
    )
    expect(sessions.get('s-1')?.id).toBe('s-1')
    expect(outputs.getBySession('s-1')).toHaveLength(2)
    expect(connection.db.inTransaction).toBe(false)
    sessions.delete('s-2')
    expect(sessions.list().map(({ id }) => id)).toEqual(['s-1'])
  })

  test('delete() lets the id be used again', () => {
    const { sessions, outputs } = openWithOutputs()
    sessions.delete('s-1')
    sessions.create(sampleSession({ slot: 3 }))
    expect(sessions.get('s-1')?.slot).toBe(3)
    expect(outputs.getBySession('s-1')).toEqual([])
  })
})
