import { describe, expect, test } from 'vitest'
import {
  at,
  everyRow,
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  wrongType,
  type Failure,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

/** What a call on stores with one session and one output throws, changes, and leaves at work. */
function outcomeOf(call: (stores: Stores) => unknown) {
  const stores = openStores()
  const { connection, sessions, outputs } = stores
  sessions.create(sampleSession({ currentCommand: 'npm test', endedAt: at(1), pid: 7 }))
  outputs.append(sampleOutput())
  const before = JSON.stringify(everyRow(connection))
  const failure = failureOf(() => call(stores))
  const changed = JSON.stringify(everyRow(connection)) !== before
  sessions.create(sampleSession({ id: 's-2' }))
  outputs.append(sampleOutput({ sessionId: 's-2', data: 'afterwards' }))
  return {
    failure,
    changed,
    inTransaction: connection.db.inTransaction,
    sessionsAfterwards: sessions.list().length,
    outputAfterwards: outputs.getFullOutput('s-2'),
  }
}

/** The outcome of a call that is refused: nothing changed, and the stores work on. */
function refused(failure: Failure): ReturnType<typeof outcomeOf> {
  return {
    failure,
    changed: false,
    inTransaction: false,
    sessionsAfterwards: 2,
    outputAfterwards: 'afterwards',
  }
}

/** Values that are not a text, each with a word of the message that describes it. */
const NO_TEXT: [unknown, string][] = [
  [5, '5'],
  [undefined, 'undefined'],
  [null, 'null'],
  [true, 'true'],
  [7n, '7'],
  [Symbol('text'), 'ymbol'],
  [{}, 'bject'],
  [['s-1'], ''],
  [() => 's-1', 'unction'],
  [Object('s-1'), ''],
]

/** Values that are not an object with fields, each with a word of the message that describes it. */
const NO_OBJECT: [unknown, string][] = [
  [undefined, 'undefined'],
  [null, 'null'],
  ['text', 'text'],
  [5, '5'],
  [true, 'true'],
  [7n, '7'],
  [Symbol('object'), 'ymbol'],
]

describe('an argument that must be text', () => {
  const calls: [string, string, string, (stores: Stores, text: never) => unknown][] = [
    ['SessionStore', 'id', 'get', ({ sessions }, text) => sessions.get(text)],
    ['SessionStore', 'id', 'update', ({ sessions }, text) => sessions.update(text, { pid: 1 })],
    ['SessionStore', 'id', 'update of nothing', ({ sessions }, text) => sessions.update(text, {})],
    ['SessionStore', 'id', 'delete', ({ sessions }, text) => sessions.delete(text)],
    ['SessionStore', 'status', 'listByStatus', ({ sessions }, text) => sessions.listByStatus(text)],
    ['OutputStore', 'sessionId', 'getBySession', ({ outputs }, text) => outputs.getBySession(text)],
    [
      'OutputStore',
      'sessionId',
      'getBySessionSince',
      ({ outputs }, text) => outputs.getBySessionSince(text, at(0)),
    ],
    [
      'OutputStore',
      'sessionId',
      'getFullOutput',
      ({ outputs }, text) => outputs.getFullOutput(text),
    ],
    [
      'OutputStore',
      'sessionId',
      'deleteBySession',
      ({ outputs }, text) => outputs.deleteBySession(text),
    ],
  ]
  for (const [store, field, method, call] of calls) {
    test.each(NO_TEXT)(`${method} of ${store} refuses %o where a text must be`, (value, word) => {
      expect(outcomeOf((stores) => call(stores, value as never))).toEqual(
        refused(wrongType(store, field, word)),
      )
    })
  }
})

describe('a field that must be text', () => {
  const required = NO_TEXT
  const optional = NO_TEXT.filter(([value]) => value !== undefined && value !== null)

  for (const field of ['id', 'workingDir', 'status']) {
    test.each(required)(`create() refuses a session whose ${field} is %o`, (value, word) => {
      const session = { ...sampleSession({ id: 's-9' }), [field]: value } as never
      expect(outcomeOf(({ sessions }) => sessions.create(session))).toEqual(
        refused(wrongType('SessionStore', field, word)),
      )
    })
  }

  test.each(optional)('create() refuses a session whose currentCommand is %o', (value, word) => {
    const session = sampleSession({ id: 's-9', currentCommand: value as never })
    expect(outcomeOf(({ sessions }) => sessions.create(session))).toEqual(
      refused(wrongType('SessionStore', 'currentCommand', word)),
    )
  })

  test.each(optional)('update() refuses a currentCommand that is %o', (value, word) => {
    const fields = { status: 'failed' as const, currentCommand: value as never }
    expect(outcomeOf(({ sessions }) => sessions.update('s-1', fields))).toEqual(
      refused(wrongType('SessionStore', 'currentCommand', word)),
    )
  })

  test.each(optional)('update() refuses a status that is %o', (value, word) => {
    const fields = { pid: 9, status: value as never }
    expect(outcomeOf(({ sessions }) => sessions.update('s-1', fields))).toEqual(
      refused(wrongType('SessionStore', 'status', word)),
    )
  })

  for (const field of ['sessionId', 'type', 'data']) {
    test.each(required)(`append() refuses an output whose ${field} is %o`, (value, word) => {
      const output = { ...sampleOutput(), [field]: value } as never
      expect(outcomeOf(({ outputs }) => outputs.append(output))).toEqual(
        refused(wrongType('OutputStore', field, word)),
      )
    })
  }
})

describe('an argument that must be an object', () => {
  test.each(NO_OBJECT)('create() refuses %o where an object must be', (value, word) => {
    expect(outcomeOf(({ sessions }) => sessions.create(value as never))).toEqual(
      refused(wrongType('SessionStore', 'session', word)),
    )
  })

  test.each(NO_OBJECT)('update() refuses %o where an object must be', (value, word) => {
    expect(outcomeOf(({ sessions }) => sessions.update('s-1', value as never))).toEqual(
      refused(wrongType('SessionStore', 'fields', word)),
    )
  })

  test.each(NO_OBJECT)('append() refuses %o where an object must be', (value, word) => {
    expect(outcomeOf(({ outputs }) => outputs.append(value as never))).toEqual(
      refused(wrongType('OutputStore', 'output', word)),
    )
  })

  test.each(NO_OBJECT.slice(2))('delete() refuses the options %o', (value, word) => {
    expect(outcomeOf(({ sessions }) => sessions.delete('s-1', value as never))).toEqual(
      refused(wrongType('SessionStore', 'options', word)),
    )
  })

  test.each(NO_OBJECT.slice(2))('getFullOutput() refuses the options %o', (value, word) => {
    expect(outcomeOf(({ outputs }) => outputs.getFullOutput('s-1', value as never))).toEqual(
      refused(wrongType('OutputStore', 'options', word)),
    )
  })

  test('create() and get() refuse a missing argument', () => {
    expect(outcomeOf(({ sessions }) => (sessions.create as () => void)())).toEqual(
      refused(wrongType('SessionStore', 'session')),
    )
    expect(outcomeOf(({ sessions }) => (sessions.get as () => void).call(sessions))).toEqual(
      refused(wrongType('SessionStore', 'id')),
    )
  })
})

describe('a value outside its union', () => {
  test.each([['paused'], [''], ['Running'], ['running '], ['running\0'], ['__proto__']])(
    'the status %o is out of range',
    (status) => {
      const wrong = status as never
      const failure = outOfRange('SessionStore', 'status', status.trim().replace('\0', ''))
      expect(
        outcomeOf(({ sessions }) => sessions.create(sampleSession({ id: 's-9', status: wrong }))),
      ).toEqual(refused(failure))
      expect(outcomeOf(({ sessions }) => sessions.update('s-1', { status: wrong }))).toEqual(
        refused(failure),
      )
      expect(outcomeOf(({ sessions }) => sessions.listByStatus(wrong))).toEqual(refused(failure))
    },
  )

  test.each([['stdin'], [''], ['STDOUT']])('the type of output %o is out of range', (type) => {
    const output = sampleOutput({ type: type as never })
    expect(outcomeOf(({ outputs }) => outputs.append(output))).toEqual(
      refused(outOfRange('OutputStore', 'type', type)),
    )
  })

  test.each([
    [0, '0'],
    [4, '4'],
    [-1, '-1'],
    [2.5, '2.5'],
  ])('the slot %o is out of range', (slot, word) => {
    const session = sampleSession({ id: 's-9', slot })
    expect(outcomeOf(({ sessions }) => sessions.create(session))).toEqual(
      refused(outOfRange('SessionStore', 'slot', word)),
    )
  })
})

describe('a field of another wrong type', () => {
  test.each([
    ['1', '1'],
    [1n, '1'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    [{}, 'bject'],
  ])('the slot %o is of a wrong type', (slot, word) => {
    const session = sampleSession({ id: 's-9', slot: slot as never })
    expect(outcomeOf(({ sessions }) => sessions.create(session))).toEqual(
      refused(wrongType('SessionStore', 'slot', word)),
    )
  })

  test.each([
    [null, 'null'],
    [undefined, 'undefined'],
  ])('the start %o is of a wrong type', (value, word) => {
    const session = sampleSession({ id: 's-9', startedAt: value as never })
    expect(outcomeOf(({ sessions }) => sessions.create(session))).toEqual(
      refused(wrongType('SessionStore', 'startedAt', word)),
    )
  })

  test('the status null is refused, as no session can be without one', () => {
    const fields = { status: null as never, pid: 9 }
    expect(outcomeOf(({ sessions }) => sessions.update('s-1', fields))).toEqual(
      refused(wrongType('SessionStore', 'status', 'null')),
    )
  })

  test.each([
    ['yes', 'yes'],
    [1, '1'],
    [0, '0'],
    [{}, 'bject'],
  ])('keepOutputs: %o is of a wrong type', (value, word) => {
    const options = { keepOutputs: value as never }
    expect(outcomeOf(({ sessions }) => sessions.delete('s-1', options))).toEqual(
      refused(wrongType('SessionStore', 'keepOutputs', word)),
    )
  })
})
