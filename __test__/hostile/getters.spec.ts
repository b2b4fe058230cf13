import { describe, expect, test } from 'vitest'
import {
  failureOf,
  invalidState,
  openStores,
  sampleOutput,
  sampleSession,
  wrongType,
} from '../support/support.js'

describe('a getter', () => {
  const own = new Error('of the caller')

  /** An object whose `field` throws. */
  function throwing(fields: object, field: string): never {
    const get = () => {
      throw own
    }
    return Object.defineProperty({ ...fields }, field, { get, enumerable: true }) as never
  }

  test.each([
    ['id'],
    ['slot'],
    ['status'],
    ['workingDir'],
    ['currentCommand'],
    ['startedAt'],
    ['endedAt'],
    ['pid'],
  ])('the getter of %s of a session passes on what it throws', (field) => {
    const { sessions } = openStores()
    expect(() => sessions.create(throwing(sampleSession(), field))).toThrow(own)
    expect(sessions.list()).toEqual([])
    sessions.create(sampleSession())
    expect(sessions.list()).toHaveLength(1)
  })

  test.each([['status'], ['currentCommand'], ['endedAt'], ['pid']])(
    'the getter of %s of an update passes on what it throws',
    (field) => {
      const { sessions } = openStores()
      sessions.create(sampleSession())
      expect(() => sessions.update('s-1', throwing({ status: 'failed' }, field))).toThrow(own)
      expect(sessions.get('s-1')?.status).toBe('running')
    },
  )

  test.each([['sessionId'], ['timestamp'], ['type'], ['data']])(
    'the getter of %s of an output passes on what it throws',
    (field) => {
      const { connection, outputs } = openStores()
      expect(() => outputs.append(throwing(sampleOutput(), field))).toThrow(own)
      expect(() => outputs.appendMany([sampleOutput(), throwing(sampleOutput(), field)])).toThrow(
        own,
      )
      expect(outputs.getBySession('s-1')).toEqual([])
      expect(connection.db.inTransaction).toBe(false)
    },
  )

  test('the getter of an option passes on what it throws', () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession())
    expect(() => sessions.delete('s-1', throwing({}, 'keepOutputs'))).toThrow(own)
    expect(() => outputs.getFullOutput('s-1', throwing({}, 'separator'))).toThrow(own)
    expect(sessions.list()).toHaveLength(1)
  })

  test('a getter that throws no Error passes it on too', () => {
    const { sessions } = openStores()
    const session = Object.defineProperty(sampleSession(), 'id', {
      get: () => {
        throw 'a text' as unknown
      },
    })
    expect(failureOf(() => sessions.create(session))).toEqual({
      type: 'string',
      code: undefined,
      message: 'a text',
    })
    expect(sessions.list()).toEqual([])
  })

  test('a getter may use the stores meanwhile', () => {
    const { sessions, outputs } = openStores()
    sessions.create({
      ...sampleSession(),
      get status() {
        sessions.create(sampleSession({ id: 's-2' }))
        outputs.append(sampleOutput({ data: String(sessions.list().length) }))
        return 'idle' as const
      },
    })
    expect(sessions.list().map(({ id }) => id)).toEqual(['s-1', 's-2'])
    outputs.appendMany([
      sampleOutput({ data: 'first' }),
      {
        ...sampleOutput(),
        get data() {
          outputs.append(sampleOutput({ data: 'meanwhile' }))
          return 'second'
        },
      },
    ])
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual(
      expect.arrayContaining(['meanwhile', 'second']),
    )
    expect(outputs.getBySession('s-1')).toHaveLength(4)
  })

  test('a getter may close the connection meanwhile', () => {
    const { connection, sessions } = openStores()
    const session = {
      ...sampleSession(),
      get pid() {
        connection.close()
        return 1
      },
    }
    expect(failureOf(() => sessions.create(session))).toEqual(invalidState('SessionStore'))
    expect(connection.isOpen).toBe(false)
  })

  test('a getter may shorten the array that it is in', () => {
    const { outputs } = openStores()
    const many = [sampleOutput(), sampleOutput({ data: 'gone' })]
    many[0] = {
      ...sampleOutput(),
      get data() {
        many.length = 0
        return 'first'
      },
    }
    const failure = failureOf(() => outputs.appendMany(many))
    expect([undefined, 'TypeError']).toContain(failure?.type)
    expect(outputs.getFullOutput('s-1')).toBe(failure ? '' : 'first')
  })
})

describe('a Proxy', () => {
  test('a Proxy of a session or an output is read like one', () => {
    const { sessions, outputs } = openStores()
    sessions.create(new Proxy(sampleSession(), {}))
    sessions.update('s-1', new Proxy({ pid: 5 }, {}))
    outputs.append(new Proxy(sampleOutput(), {}))
    outputs.appendMany([new Proxy(sampleOutput(), {})])
    expect(sessions.get('s-1')?.pid).toBe(5)
    expect(outputs.getFullOutput('s-1')).toBe('hello\nhello')
  })

  test('a Proxy whose trap throws passes that on', () => {
    const own = new Error('of the caller')
    const get = () => {
      throw own
    }
    const { sessions, outputs } = openStores()
    expect(() => sessions.create(new Proxy(sampleSession(), { get }))).toThrow(own)
    expect(() => outputs.append(new Proxy(sampleOutput(), { get }))).toThrow(own)
    expect(sessions.list()).toEqual([])
  })

  test('a Proxy that is revoked throws a TypeError', () => {
    const { sessions, outputs } = openStores()
    const session = Proxy.revocable(sampleSession(), {})
    session.revoke()
    const array = Proxy.revocable([sampleOutput()], {})
    array.revoke()
    expect(failureOf(() => sessions.create(session.proxy))).toMatchObject({ type: 'TypeError' })
    expect(failureOf(() => outputs.appendMany(array.proxy))).toMatchObject({ type: 'TypeError' })
    sessions.create(sampleSession())
    expect(sessions.list()).toHaveLength(1)
  })
})

describe('a wrong value', () => {
  test('a wrong value is described without calling its methods', () => {
    const { sessions } = openStores()
    const never = () => {
      throw new Error('called')
    }
    const value = {
      toString: never,
      valueOf: never,
      toJSON: never,
      [Symbol.toPrimitive]: never,
    } as never
    expect(failureOf(() => sessions.get(value))).toEqual(wrongType('SessionStore', 'id'))
    expect(failureOf(() => sessions.create(sampleSession({ slot: value })))).toEqual(
      wrongType('SessionStore', 'slot'),
    )
    expect(failureOf(() => sessions.create(sampleSession({ pid: value })))).toEqual(
      wrongType('SessionStore', 'pid'),
    )
  })

  test('a wrong value without a prototype is described too', () => {
    const { sessions } = openStores()
    expect(failureOf(() => sessions.get(Object.create(null) as never))).toEqual(
      wrongType('SessionStore', 'id'),
    )
  })
})
