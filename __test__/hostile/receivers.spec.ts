import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'

describe('objects with a false prototype', () => {
  test('an object with a false prototype ends no process, whatever method it is given to', async () => {
    const seen = await inChild(({ pkg, require }) => {
      const { writeSync } = require('node:fs') as typeof import('node:fs')
      type Methods = Record<string, unknown>
      const make = () => {
        const connection = new pkg.DatabaseConnection(':memory:')
        const statement = connection.db.prepare('SELECT 1')
        return [
          connection,
          connection.db,
          new pkg.SessionStore(connection),
          new pkg.OutputStore(connection),
          statement,
        ]
      }
      const prototypes = make().map((object) => Object.getPrototypeOf(object) as Methods)
      const bare: (() => unknown)[] = [
        () => ({}),
        () => [],
        () => new Date(0),
        () => new Map(),
        () => () => undefined,
        () => new Proxy({}, {}),
        () => Object.create(null) as unknown,
        () => Buffer.alloc(8),
        () => null,
        () => undefined,
        () => 5,
        () => 'text',
      ]
      const genuine = prototypes.map((_, index) => () => make()[index] as unknown)
      let calls = 0
      const wrong: string[] = []
      for (const [expected, prototype] of prototypes.entries()) {
        for (const name of Object.getOwnPropertyNames(prototype)) {
          if (name === 'constructor') continue
          const property = Object.getOwnPropertyDescriptor(prototype, name)
          const method: unknown = property?.value ?? property?.get
          if (typeof method !== 'function') continue
          for (const [actual, receiver] of [...genuine, ...bare].entries()) {
            if (actual === expected) continue
            for (const spoof of [false, true]) {
              const object = receiver()
              if (spoof && object !== null && typeof object === 'object')
                Object.setPrototypeOf(object, prototype)
              // The last line of stderr names the call that a crash came from.
              writeSync(
                2,
                `class ${expected}, ${name}, receiver ${actual}, ${spoof ? 'spoofed' : 'as it is'}\n`,
              )
              calls += 1
              try {
                Reflect.apply(method, object, ['s-1', new Date(0)])
                wrong.push(`class ${expected}, ${name}, receiver ${actual}: nothing thrown`)
              } catch (error) {
                // Where the runtime does not look at the receiver Node-API does, and says so by a plain Error, as in
                // an accessor of a native class.
                const isNative = expected === 0
                const expectedError = isNative ? Error : TypeError
                if (!(error instanceof expectedError))
                  wrong.push(`class ${expected}, ${name}, receiver ${actual}: ${String(error)}`)
              }
            }
          }
        }
      }
      return { enough: calls > 500, wrong }
    }, [])
    expect(seen).toEqual({ enough: true, wrong: [] })
  })

  test('a store refuses an object with a false prototype as its connection', async () => {
    const seen = await inChild(({ pkg, failureOf: failure }) => {
      const connection = new pkg.DatabaseConnection(':memory:')
      const spoofed = [
        Object.setPrototypeOf({}, pkg.DatabaseConnection.prototype),
        Object.setPrototypeOf({}, Object.getPrototypeOf(connection.db) as object),
        Object.setPrototypeOf(new pkg.SessionStore(connection), pkg.DatabaseConnection.prototype),
        Object.setPrototypeOf(
          connection.db.prepare('SELECT 1'),
          Object.getPrototypeOf(connection.db) as object,
        ),
        new Proxy(connection, {}),
      ] as never[]
      const results = spoofed.flatMap((object) => [
        failure(() => new pkg.SessionStore(object))?.type,
        failure(() => new pkg.OutputStore(object))?.type,
      ])
      const sessions = new pkg.SessionStore(connection)
      return { results, works: sessions.list().length }
    }, [])
    expect(seen).toEqual({ results: Array.from({ length: 10 }, () => 'TypeError'), works: 0 })
  })

  test('classes that are called or constructed in odd ways throw a TypeError', async () => {
    const types = await inChild(({ pkg, failureOf: failure }) => {
      const connection = new pkg.DatabaseConnection(':memory:')
      const odd = [pkg.DatabaseConnection, pkg.SessionStore, pkg.OutputStore].flatMap((type) => [
        failure(() => (type as unknown as (value: unknown) => unknown)(connection))?.type,
        failure(() => Reflect.apply(type, {}, [connection]))?.type,
        failure(() => Reflect.apply(type, connection, [connection]))?.type,
      ])
      const handle = connection.db.constructor as new () => { close: () => void }
      const unmade = failure(() => new handle().close())
      return [...odd, unmade?.type]
    }, [])
    expect(types).toEqual(Array.from({ length: 10 }, () => 'TypeError'))
  })
})
