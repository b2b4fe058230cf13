import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import { temporaryFolder } from '../support/support.js'

const nativePath = fileURLToPath(new URL('../../native.js', import.meta.url))

/** A folder that is the working folder and the home of a child, which opens whatever it is given. */
function elsewhere() {
  const cwd = temporaryFolder()
  return { cwd, env: { HOME: cwd, USERPROFILE: cwd } }
}

describe('the functions of the addon', () => {
  test('the functions of the addon end no process, whatever they are given', async () => {
    const seen = await inChild(
      ({ pkg, require }, native) => {
        const { writeSync } = require('node:fs') as typeof import('node:fs')
        type Functions = Record<string, (...args: unknown[]) => unknown>
        const addon = require(native) as { bind: (lib: unknown) => Record<string, Functions> }
        const numbers = new Float64Array(8192)
        const notes = new Float64Array(4)
        const nothing = () => undefined
        const lib = {
          makeError: (_: number, code: string, message: string) =>
            Object.assign(new Error(message), { code }),
          take: nothing,
          batch: nothing,
          reshape: nothing,
          reorder: nothing,
          numbers: numbers.buffer,
          notes: notes.buffer,
        }
        const tables = addon.bind(lib)
        const connection = new pkg.DatabaseConnection(':memory:')
        const natives = [
          tables['connection']?.['open']?.(':memory:'),
          (connection as unknown as Record<symbol, unknown>)[
            Symbol.for('@gsd/session-store.native')
          ],
        ]
        const store = tables['sessions']?.['open']?.(natives[0])
        const outputs = tables['outputs']?.['open']?.(natives[0])
        const statement = tables['database']?.['prepare']?.(natives[0], 'SELECT 1')
        const walk = tables['outputs']?.['walk']?.(outputs, 's-1')
        const values: unknown[] = [
          undefined,
          null,
          0,
          -1,
          1e300,
          5n,
          true,
          'text',
          Symbol('symbol'),
          [],
          [1, 2, 3, 4],
          {},
          nothing,
          new Date(0),
          new Date(NaN),
          Buffer.alloc(8),
          new Proxy({}, {}),
          Object.create(null),
          connection,
          ...natives,
          store,
          outputs,
          statement,
          walk,
        ]
        let calls = 0
        const rejected: Promise<unknown>[] = []
        const functions = Object.entries(tables)
          .filter(([, table]) => !Array.isArray(table))
          .flatMap(([table, named]) =>
            Object.entries(named).map(([name, call]) => ({ name: `${table}.${name}`, call })),
          )
        // Closing comes last: the others have something to work on until then.
        functions.sort((one, other) => +/close/.test(one.name) - +/close/.test(other.name))
        for (const { name, call } of functions) {
          for (const receiver of values) {
            for (const second of values) {
              // The last line of stderr names the call that a crash came from.
              if (second === undefined) writeSync(2, `${name}\n`)
              calls += 1
              try {
                const answer = call(
                  receiver,
                  second,
                  second,
                  second,
                  second,
                  second,
                  second,
                  second,
                )
                if (answer instanceof Promise) rejected.push(answer.catch(nothing))
              } catch {}
            }
          }
        }
        for (const odd of [...values, { ...lib, take: undefined }, { ...lib, numbers: 5 }]) {
          try {
            addon.bind(odd)
          } catch {}
        }
        return Promise.all(rejected).then(() => ({ enough: calls > 10_000 }))
      },
      [nativePath],
      elsewhere(),
    )
    expect(seen).toEqual({ enough: true })
  })

  test('the addon writes no rows to memory that was taken away', async () => {
    const message = await inChild(
      ({ require }, native) => {
        type Functions = Record<string, (...args: unknown[]) => unknown>
        const addon = require(native) as { bind: (lib: unknown) => Record<string, Functions> }
        const numbers = new ArrayBuffer(64 * 1024)
        const nothing = () => undefined
        const tables = addon.bind({
          makeError: (_: number, code: string, text: string) =>
            Object.assign(new Error(text), { code }),
          take: nothing,
          batch: nothing,
          reshape: nothing,
          reorder: nothing,
          numbers,
          notes: new ArrayBuffer(32),
        })
        const connection = tables['connection']?.['open']?.(':memory:')
        const sessions = tables['sessions']?.['open']?.(connection)
        structuredClone(numbers, { transfer: [numbers] })
        try {
          tables['sessions']?.['list']?.(sessions)
          return 'nothing thrown'
        } catch (error) {
          return (error as Error).message
        }
      },
      [nativePath],
      elsewhere(),
    )
    expect(message).toContain('was taken away')
  })
})
