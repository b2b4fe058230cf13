// Arbitrary JavaScript values as arguments. Only a documented error comes back, or what the caller's own code
// threw; a call that failed changed nothing, and the connection works on.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore } from '../../index.js'
import { inChild } from '../support/child.js'
import { check, isDocumented, open, thrownBy, type Opened } from './support.js'
import { VALUES, valueOf } from './values.js'
import { sampleOutput, temporaryFolder } from '../support/support.js'

const anyName = fc.constantFrom(...Object.keys(VALUES))

/** A value for an argument: one that is named, alone or in an array. */
const anyArgument = fc.oneof(
  { weight: 4, arbitrary: anyName.map((name) => ({ name, make: () => valueOf(name) })) },
  {
    weight: 1,
    arbitrary: fc.array(anyName, { maxLength: 3 }).map((names) => ({
      name: `[${names.join(', ')}]`,
      make: () => names.map((name) => valueOf(name)),
    })),
  },
)

/** Every method with arguments, called with whatever they are. */
const METHODS: Record<string, (all: Opened, args: never[]) => unknown> = {
  'new SessionStore': (_, args) => Reflect.construct(SessionStore, args),
  'new OutputStore': (_, args) => Reflect.construct(OutputStore, args),
  'new OutputStore with options': ({ db }, args) => Reflect.construct(OutputStore, [db, ...args]),
  'new DatabaseConnection': (_, args: unknown[]) => {
    // A text is a path, and none is the file in the home directory.
    const isPath = typeof (args[0] ?? '') === 'string'
    return Reflect.construct(DatabaseConnection, isPath ? [':memory:', ...args.slice(1)] : args)
  },
  close: ({ db }, args) =>
    db
      .prepare('SELECT 1')
      .pluck()
      .get(...args),
  create: ({ sessions }, args) => sessions.create(...(args as unknown as [never])),
  get: ({ sessions }, args) => sessions.get(...(args as unknown as [never])),
  update: ({ sessions }, args) => sessions.update(...(args as unknown as [never, never])),
  'update of s-1': ({ sessions }, [fields]) => sessions.update('s-1', fields as never),
  delete: ({ sessions }, args) => sessions.delete(...(args as unknown as [never])),
  'delete of s-1': ({ sessions }, [options]) => sessions.delete('s-1', options),
  list: ({ sessions }, args) => Reflect.apply(sessions.list, sessions, args),
  listByStatus: ({ sessions }, args) => sessions.listByStatus(...(args as unknown as [never])),
  append: ({ outputs }, args) => outputs.append(...(args as unknown as [never])),
  appendMany: ({ outputs }, args) => outputs.appendMany(...(args as unknown as [never])),
  'appendMany of one': ({ outputs }, args) => outputs.appendMany([sampleOutput(), ...args]),
  getBySession: ({ outputs }, args) => outputs.getBySession(...(args as unknown as [never])),
  'getBySession of s-1': ({ outputs }, [limit]) => outputs.getBySession('s-1', limit),
  getBySessionSince: ({ outputs }, args) =>
    outputs.getBySessionSince(...(args as unknown as [never, never])),
  'getBySessionSince of s-1': ({ outputs }, [since]) =>
    outputs.getBySessionSince('s-1', since as never),
  getFullOutput: ({ outputs }, args) => outputs.getFullOutput(...(args as unknown as [never])),
  'getFullOutput of s-1': ({ outputs }, [options]) => outputs.getFullOutput('s-1', options),
  deleteBySession: ({ outputs }, args) => outputs.deleteBySession(...(args as unknown as [never])),
  prepare: ({ db }, args) => db.prepare(...(args as unknown as [never])),
  exec: ({ db }, args) => db.exec(...(args as unknown as [never])),
  pragma: ({ db }, args) => db.pragma(...(args as unknown as [never])),
  'pragma user_version': ({ db }, [options]) => db.pragma('user_version', options),
  transaction: ({ db }, args) => {
    const run = db.transaction(...(args as unknown as [never])) as (...args: never[]) => unknown
    return run(...args)
  },
  defaultSafeIntegers: ({ db }, args) => db.defaultSafeIntegers(...args),
  run: ({ insert }, args) => insert.run(...args),
  all: ({ select }, args) => select.all(...args),
  'get of a statement': ({ select }, args) => select.get(...args),
  iterate: ({ select }, args) => [...select.iterate(...args)],
  bind: ({ db }, args) =>
    db
      .prepare('SELECT ?, :name')
      .bind(...args)
      .get(),
  pluck: ({ select }, args) => select.pluck(...args),
  raw: ({ select }, args) => select.raw(...args),
  expand: ({ select }, args) => select.expand(...args),
  safeIntegers: ({ select }, args) => select.safeIntegers(...args),
  next: ({ select }, args) => {
    const rows = select.iterate('', '')
    try {
      return Reflect.apply(rows.next, rows, args)
    } finally {
      if (rows.return) Reflect.apply(rows.return, rows, args)
    }
  },
}

/** How often each method is called, and the tags of the tests that do so. */
const RUNS: [numRuns: number, tags: string[]][] = [
  [25, []],
  [150, ['slow']],
]

describe('any value as any argument', () => {
  for (const [numRuns, tags] of RUNS)
    test.each(Object.keys(METHODS))(`of %s, ${numRuns} times`, { tags }, (method) => {
      fc.assert(
        fc.property(fc.array(anyArgument, { maxLength: 3 }), (args) => {
          const all = open()
          const before = all.rows()
          const values = args.map(({ make }) => make()) as never[]
          const thrown = thrownBy(() => METHODS[method]?.(all, values))
          check(all, before, thrown)
          all.connection.close()
          expect(all.connection.isOpen).toBe(false)
        }),
        { numRuns },
      )
    })

  test.each(Object.keys(METHODS))(
    '%s takes any argument on a closed connection, or throws a documented error',
    (method) => {
      fc.assert(
        fc.property(fc.array(anyArgument, { maxLength: 3 }), (args) => {
          const all = open()
          all.connection.close()
          const thrown = thrownBy(() =>
            METHODS[method]?.(all, args.map(({ make }) => make()) as never[]),
          )
          if (thrown && !isDocumented(thrown.error)) throw thrown.error
          expect(all.connection.isOpen).toBe(false)
        }),
        { numRuns: 30 },
      )
    },
  )

  test('getDatabase() and closeDatabase() ignore receivers, and what is no path or options is refused', async () => {
    const same = await inChild(
      ({ pkg }) => {
        const odd = [Symbol('odd'), null, 5n, () => 1, Object.create(null), new Proxy({}, {})]
        const get = pkg.getDatabase as (...args: unknown[]) => unknown
        const close = pkg.closeDatabase as (...args: unknown[]) => unknown
        return odd.map((value) => {
          const one = Reflect.apply(get, value, [])
          const isOne = one === pkg.getDatabase() && pkg.getDatabase().isOpen
          const isClosed = Reflect.apply(close, value, [value]) === undefined
          try {
            get(value, odd)
            return false
          } catch (error) {
            const isRefused = (error as { code?: string }).code === 'ERR_INVALID_ARG_TYPE'
            return isOne && isClosed && isRefused
          }
        })
      },
      [],
      { env: { HOME: temporaryFolder() } },
    )
    expect(same).toEqual(Array.from({ length: 6 }, () => true))
  })
})
