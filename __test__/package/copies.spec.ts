import { describe, expect, test } from 'vitest'
import { inChild, packagePath } from '../support/child.js'
import { copyWithBinary } from '../support/installation.js'

const refusal: unknown = expect.objectContaining({
  type: 'TypeError',
  code: 'ERR_INVALID_ARG_TYPE',
})

describe('two copies of the package in one process', () => {
  test('a store refuses a connection of another copy, and both copies work side by side', async () => {
    const seen = await inChild(
      ({ pkg, require, failureOf }, copy) => {
        const other = require(copy) as typeof pkg
        const connection = new pkg.DatabaseConnection(':memory:')
        const refused = [
          failureOf(() => new other.SessionStore(connection)),
          failureOf(() => new other.OutputStore(connection.db)),
        ]
        const own = new other.SessionStore(new other.DatabaseConnection(':memory:'))
        return { refused, own: own.list(), first: new pkg.SessionStore(connection).list() }
      },
      [copyWithBinary()],
    )
    expect(seen).toEqual({ refused: [refusal, refusal], own: [], first: [] })
  })

  test('a store refuses a connection of another copy even where WeakMap and instanceof were replaced', async () => {
    const seen = await inChild(
      ({ pkg, require, failureOf }, copy) => {
        const other = require(copy) as typeof pkg
        const connection = new pkg.DatabaseConnection(':memory:')
        const { prototype } = WeakMap
        prototype.has = () => true
        prototype.get = () => undefined
        Object.defineProperty(other.DatabaseConnection, Symbol.hasInstance, { value: () => true })
        Object.setPrototypeOf(connection, other.DatabaseConnection.prototype)
        return [
          failureOf(() => new other.SessionStore(connection)),
          failureOf(() => new other.OutputStore(connection)),
        ]
      },
      [copyWithBinary()],
    )
    expect(seen).toEqual([refusal, refusal])
  })

  test('no method of one copy runs on an object of another copy', async () => {
    const seen = await inChild(
      ({ pkg, require, failureOf }, copy) => {
        const { writeSync } = require('node:fs') as typeof import('node:fs')
        const other = require(copy) as typeof pkg
        const mine = new pkg.DatabaseConnection(':memory:')
        const objects = (of: typeof pkg, connection: typeof mine) => [
          connection,
          connection.db,
          new of.SessionStore(connection),
          new of.OutputStore(connection),
          connection.db.prepare('SELECT 1'),
        ]
        const theirs = objects(other, new other.DatabaseConnection(':memory:'))
        const answered: string[] = []
        let calls = 0
        for (const [index, object] of objects(pkg, mine).entries()) {
          const prototype = Object.getPrototypeOf(object) as object
          for (const name of Object.getOwnPropertyNames(prototype)) {
            if (name === 'constructor') continue
            const property = Object.getOwnPropertyDescriptor(prototype, name)
            const method = (property?.value ?? property?.get) as (...args: unknown[]) => unknown
            // The last line of stderr names the call that a crash came from.
            writeSync(2, `${index}, ${name}\n`)
            calls += 1
            let answer: unknown
            const failure = failureOf(() => {
              answer = Reflect.apply(method, theirs[index], [() => undefined])
            })
            if (answer instanceof Promise) answer.catch(() => undefined)
            else if (failure?.type !== 'TypeError') answered.push(`${index}, ${name}`)
          }
        }
        return { answered, enough: calls > 50 }
      },
      [copyWithBinary()],
    )
    expect(seen).toEqual({ answered: [], enough: true })
  })

  test('no native function of one copy takes a native object of another copy', async () => {
    const seen = await inChild(
      ({ pkg, require }, copy) => {
        // Code that runs before the package is loaded can see assignments to objects, and the keys of maps.
        type Native = (...args: unknown[]) => unknown
        const names = ['info', 'isOpen', 'prepare', 'append', 'newest', 'describe', 'changes']
        const stolen = new Map<string, Native>()
        const { prototype: ofAll } = Object
        for (const name of names) {
          Object.defineProperty(ofAll, name, {
            configurable: true,
            get: () => stolen.get(name),
            set(value: Native) {
              Object.defineProperty(this, name, { value, writable: true, configurable: true })
              stolen.set(name, value)
            },
          })
        }
        const other = require(copy) as typeof pkg
        for (const name of names) delete (ofAll as unknown as Record<string, unknown>)[name]
        const keys: unknown[] = []
        const { prototype: ofMaps } = WeakMap
        const { get } = ofMaps
        ofMaps.get = function (key: WeakKey) {
          keys.push(key)
          return get.call(this, key) as unknown
        }
        const connection = new pkg.DatabaseConnection(':memory:')
        connection.watch(() => undefined)()
        ofMaps.get = get
        const answered = [...stolen].filter(([, native]) =>
          keys.some((key) => {
            try {
              native(key, 's-1')
              return true
            } catch {
              return false
            }
          }),
        )
        const own = new other.SessionStore(new other.DatabaseConnection(':memory:'))
        return { answered: answered.map(([name]) => name), works: own.list() }
      },
      [copyWithBinary()],
    )
    expect(seen).toEqual({ answered: [], works: [] })
  })

  test('the classes of the first copy work on after the package is loaded again', async () => {
    const paths = await inChild(
      ({ pkg, require }, path) => {
        for (const file of Object.keys(require.cache)) delete require.cache[file]
        const again = require(path) as typeof pkg
        return [
          new again.DatabaseConnection(':memory:').path,
          new pkg.DatabaseConnection(':memory:').path,
        ]
      },
      [packagePath],
    )
    expect(paths).toEqual([':memory:', ':memory:'])
  })
})
