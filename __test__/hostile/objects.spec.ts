// Objects whose fields hold any value, throw, or change while they are read. What is stored is what was checked.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore } from '../../index.js'
import { check, isDocumented, open, thrownBy, works, type Opened } from './support.js'
import { LyingDate, Own, VALUES, hostileObject, type Field, type ValueName } from './values.js'
import { at, sampleOutput, sampleSession } from '../support/support.js'

const anyName = fc.constantFrom(...Object.keys(VALUES))

const SESSION = { ...sampleSession({ id: 's-2' }), currentCommand: 'ls', endedAt: at(3), pid: 9 }
const UPDATE = { status: 'failed', currentCommand: 'ls', endedAt: at(3), pid: 9 }
const OUTPUT = { ...sampleOutput({ sessionId: 's-2' }) }

/** Calls with an object: a valid object, the order in which its fields are read, the call, and what it stores. */
const OBJECTS: Record<
  string,
  {
    valid: Record<string, unknown>
    order: string[]
    call: (all: Opened, object: never) => unknown
    stored?: (all: Opened) => unknown
  }
> = {
  create: {
    valid: SESSION,
    order: ['id', 'slot', 'status', 'workingDir', 'currentCommand', 'startedAt', 'endedAt', 'pid'],
    call: ({ sessions }, session) => sessions.create(session),
    stored: ({ sessions }) => sessions.get('s-2'),
  },
  update: {
    valid: UPDATE,
    order: ['status', 'currentCommand', 'endedAt', 'pid'],
    call: ({ sessions }, fields) => sessions.update('s-1', fields),
    stored: ({ sessions }) => sessions.get('s-1'),
  },
  append: {
    valid: OUTPUT,
    order: ['sessionId', 'timestamp', 'type', 'data'],
    call: ({ outputs }, output) => outputs.append(output),
    stored: ({ outputs }) => outputs.getBySession('s-2')[0],
  },
  appendMany: {
    valid: OUTPUT,
    order: ['sessionId', 'timestamp', 'type', 'data'],
    call: ({ outputs }, output) => outputs.appendMany([output]),
    stored: ({ outputs }) => outputs.getBySession('s-2')[0],
  },
  'the second of appendMany': {
    valid: OUTPUT,
    order: ['sessionId', 'timestamp', 'type', 'data'],
    call: ({ outputs }, output) => outputs.appendMany([sampleOutput(), output]),
    stored: ({ outputs }) => outputs.getBySession('s-2')[0],
  },
  delete: {
    valid: { keepOutputs: true },
    order: ['keepOutputs'],
    call: ({ sessions }, options) => sessions.delete('s-1', options),
  },
  getFullOutput: {
    valid: { separator: '' },
    order: ['separator'],
    call: ({ outputs }, options) => outputs.getFullOutput('s-1', options),
  },
  'new DatabaseConnection': {
    valid: {
      readonly: false,
      fileMustExist: false,
      timeout: 5,
      synchronous: 'full',
      foreignKeys: true,
      slots: 4,
      walLimit: 2 ** 21,
    },
    order: [
      'readonly',
      'fileMustExist',
      'timeout',
      'synchronous',
      'foreignKeys',
      'slots',
      'walLimit',
    ],
    call: (_, options) => new DatabaseConnection(':memory:', options).close(),
  },
  'new OutputStore': {
    valid: { writeBehind: false },
    order: ['writeBehind'],
    call: ({ db }, options) => new OutputStore(db, options),
  },
  'writeBehind of new OutputStore': {
    valid: { maxDelay: 5, maxBytes: 2 ** 20, onError: () => undefined },
    order: ['maxDelay', 'maxBytes', 'onError'],
    call: ({ db }, writeBehind) => new OutputStore(db, { writeBehind }),
  },
  pragma: {
    valid: { simple: true },
    order: ['simple'],
    call: ({ db }, options) => db.pragma('user_version', options),
  },
  'named parameters of run': {
    valid: { id: 'n-2', note: 'text' },
    order: ['id', 'note'],
    call: ({ insert }, values) => insert.run(values),
    stored: ({ db }) => db.prepare("SELECT * FROM notes WHERE id = 'n-2'").get(),
  },
}

const anyField: fc.Arbitrary<Field> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ how: 'valid' } as const) },
  { weight: 1, arbitrary: fc.constant({ how: 'missing' } as const) },
  { weight: 1, arbitrary: fc.constant({ how: 'throws' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      how: fc.constantFrom('value', 'getter', 'inherited', 'changes'),
      name: anyName,
    }) as fc.Arbitrary<Field & { name: ValueName }>,
  },
)

describe('an object with any fields', () => {
  test.each(Object.keys(OBJECTS))(
    '%s takes an object with any fields, or throws a documented error',
    (name) => {
      const { valid, call } = OBJECTS[name] as (typeof OBJECTS)[string]
      const keys = Object.keys(valid)
      const anyFields = fc.record(Object.fromEntries(keys.map((key) => [key, anyField])))
      fc.assert(
        fc.property(anyFields, (fields) => {
          const all = open()
          const before = all.rows()
          const { object } = hostileObject(valid, fields as Record<string, Field>)
          const thrown = thrownBy(() => call(all, object as never))
          check(all, before, thrown)
          all.connection.close()
          expect(all.connection.isOpen).toBe(false)
        }),
        { numRuns: 250 },
      )
    },
  )

  test.each(Object.keys(OBJECTS))(
    '%s reads each field once, so that an object that changes is stored as it was checked',
    (name) => {
      const { valid, order, call, stored } = OBJECTS[name] as (typeof OBJECTS)[string]
      const plain = open()
      call(plain, valid as never)
      const expected = stored?.(plain)
      fc.assert(
        fc.property(anyName, (second) => {
          const all = open()
          const fields = Object.fromEntries(
            order.map((key) => [key, { how: 'changes', name: second } as const]),
          )
          const { object, reads } = hostileObject(valid, fields)
          call(all, object as never)
          expect(reads).toEqual(order)
          expect(stored?.(all)).toEqual(expected)
          all.connection.close()
        }),
        { numRuns: 60 },
      )
    },
  )

  test.each(['create', 'update', 'append', 'appendMany'])(
    '%s stores no date that a later getter changed',
    (name) => {
      const { valid, order, call, stored } = OBJECTS[name] as (typeof OBJECTS)[string]
      const all = open()
      const dates: Date[] = []
      const object = {}
      for (const key of order) {
        const get = () => {
          for (const date of dates) date.setTime(Number.NaN)
          const value = valid[key]
          if (!(value instanceof Date)) return value
          const date = new Date(value)
          dates.push(date)
          return date
        }
        Object.defineProperty(object, key, { get })
      }
      const thrown = thrownBy(() => call(all, object as never))
      // The stored value is a valid time, even if the caller changes its Date later.
      const text = JSON.stringify(thrown ? undefined : stored?.(all))
      expect(thrown ? isDocumented(thrown.error) : !text.includes('null')).toBe(true)
      works(all)
    },
  )
})

describe('an array that changes while it is read', () => {
  const changes: Record<string, (many: unknown[]) => void> = {
    'becomes shorter': (many) => (many.length = 1),
    'becomes empty': (many) => (many.length = 0),
    'becomes longer': (many) => many.push(5),
    'gets a hole': (many) => delete many[1],
    'gets a getter that throws': (many) =>
      Object.defineProperty(many, 1, {
        get: () => {
          throw new Own('of an element')
        },
      }),
    'gets something else': (many) => many.fill('else', 1),
    'is frozen': (many) => Object.freeze(many),
    'loses its prototype': (many) => Object.setPrototypeOf(many, null) as unknown,
  }

  test.each(Object.keys(changes))(
    'appendMany() stores all or nothing of an array that %s',
    (change) => {
      for (const behind of [false, true]) {
        const all = open()
        const before = all.rows()
        const outputs = new OutputStore(all.db, { writeBehind: behind })
        const many: unknown[] = [
          {
            ...sampleOutput(),
            get data() {
              changes[change]?.(many)
              return 'first'
            },
          },
          sampleOutput({ data: 'second' }),
          sampleOutput({ data: 'third' }),
        ]
        const thrown = thrownBy(() => outputs.appendMany(many as never))
        const stored = outputs.getFullOutput('s-1', { separator: ' ' })
        const possible = ['hello first', 'hello first second third']
        expect(thrown ? ['hello'] : possible).toContain(stored)
        check(all, before, thrown)
      }
    },
  )
})

test('a Date is taken for what it is, not for what it says', () => {
  const { sessions, outputs } = open()
  const [startedAt, endedAt] = [new LyingDate(at(1)), new LyingDate(at(2))]
  sessions.create(sampleSession({ id: 's-2', startedAt, endedAt }))
  expect(sessions.get('s-2')).toMatchObject({ startedAt: at(1), endedAt: at(2) })
  outputs.append(sampleOutput({ sessionId: 's-2', timestamp: new LyingDate(at(3)) }))
  expect(outputs.getBySession('s-2')[0]?.timestamp).toEqual(at(3))
  expect(outputs.getBySessionSince('s-2', new LyingDate(at(3)))).toEqual([])
  expect(outputs.getBySessionSince('s-2', new LyingDate(at(2)))).toHaveLength(1)
})

describe('a subclass', () => {
  test('a subclass works, and may fail after the constructor of its parent', () => {
    class Connection extends DatabaseConnection {
      readonly own = 'field'
      override get isOpen(): boolean {
        throw new Own('overridden')
      }
    }
    class Sessions extends SessionStore {
      override get(): never {
        throw new Own('overridden')
      }
    }
    class Failing extends OutputStore {
      constructor(db: Connection) {
        super(db)
        throw new Own('behind the constructor')
      }
    }
    const connection = new Connection(':memory:')
    const sessions = new Sessions(connection)
    sessions.create(sampleSession())
    expect(new SessionStore(connection.db).get('s-1')?.id).toBe('s-1')
    expect(thrownBy(() => new Failing(connection))?.error).toBeInstanceOf(Own)
    expect(thrownBy(() => sessions.get())?.error).toBeInstanceOf(Own)
    expect(sessions.list()).toHaveLength(1)
    expect(thrownBy(() => connection.isOpen)?.error).toBeInstanceOf(Own)
    connection.close()
    expect(connection.db.open).toBe(false)
  })
})
