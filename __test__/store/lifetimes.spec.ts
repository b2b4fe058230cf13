// What is left when Workers are terminated, processes end where they stand, and connections come and go: every row
// that was acknowledged, and no thread, descriptor or memory.
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { inChild, packagePath, startChild } from '../support/child.js'
import { openConnection, temporaryPath } from '../support/support.js'

const nodeOptions = ['--expose-gc']

/** Threads and descriptors are counted in /proc. */
const hasProc = existsSync('/proc/self/task')

/** The numbers in the data of every writer, in the order of ids, where each wrote `<writer>:<number>`. */
function storedNumbers(path: string): Map<string, number[]> {
  const { db } = openConnection(path)
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  const numbers = new Map<string, number[]>()
  for (const data of db.prepare('SELECT data FROM session_outputs ORDER BY id').pluck().all()) {
    const [writer, number] = String(data).split(':') as [string, string]
    numbers.set(writer, [...(numbers.get(writer) ?? []), Number(number)])
  }
  return numbers
}

describe('eight Workers that are terminated while they write', () => {
  const ROUNDS: [round: number, tags: string[]][] = [
    [1, []],
    [2, ['slow']],
    [3, ['slow']],
  ]

  for (const [round, tags] of ROUNDS)
    test(`lose nothing that was acknowledged, round ${round}`, { tags }, async () => {
      const path = temporaryPath()
      const seen = await inChild(
        async ({ pkg, require, countResources }, file, index, seed) => {
          const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
          new pkg.DatabaseConnection(file).close()
          const acknowledged = new Int32Array(new SharedArrayBuffer(8 * 4))
          const program = `
          const { workerData } = require('node:worker_threads')
          const { DatabaseConnection, OutputStore } = require(workerData.index)
          const connection = new DatabaseConnection(workerData.file, { timeout: 60_000 })
          const { writer, acknowledged } = workerData
          const writeBehind = writer % 2 === 1 && { maxDelay: 60_000 }
          const outputs = new OutputStore(connection, { writeBehind })
          const rows = connection.db.prepare('SELECT 1 UNION SELECT 2').iterate()
          for (let number = 0; ; number++) {
            const data = writer + ':' + number
            outputs.append({ sessionId: 's', timestamp: new Date(0), type: 'stdout', data })
            Atomics.add(acknowledged, writer, 1)
            if (number === 50) rows.next()
          }`
          const run = async () => {
            const workers = Array.from({ length: 8 }, (_, writer) => {
              const workerData = { index, file, writer, acknowledged }
              return new Worker(program, { eval: true, workerData })
            })
            // Each Worker is terminated at another moment, in the middle of its work.
            const terminated = workers.map(async (worker, writer) => {
              const due = 60 + ((writer * 37 + seed * 101) % 140)
              while (Atomics.load(acknowledged, writer) < due)
                await new Promise((resume) => setTimeout(resume, 1))
              await worker.terminate()
            })
            await Promise.all(terminated)
          }
          // A Worker before them, for the threads that Node keeps.
          await new Worker('', { eval: true }).terminate()
          const before = countResources()
          await run()
          const after = countResources()
          return { acknowledged: [...acknowledged], before, after }
        },
        [path, packagePath, round],
      )
      expect(seen.after).toEqual(seen.before)
      const stored = storedNumbers(path)
      for (const [writer, acknowledged] of seen.acknowledged.entries()) {
        const numbers = stored.get(`${writer}`) ?? []
        // The append that was under way may be there as well.
        expect(numbers.length).toBeGreaterThanOrEqual(acknowledged)
        expect(numbers.length).toBeLessThanOrEqual(acknowledged + 1)
        expect(numbers).toEqual(numbers.map((_, number) => number))
        expect(acknowledged).toBeGreaterThan(50)
      }
    })
})

describe('a process that ends where it stands', () => {
  const wheres = [
    'a script',
    'a transaction',
    'a loop over rows',
    'a getter',
    'a timer',
    'a Worker',
  ]

  for (const how of ['exit', 'exception'] as const) {
    test.each(wheres.map((place) => [place]))(
      `what was acknowledged is there after an ${how} in %s`,
      async (place) => {
        const path = temporaryPath()
        const child = startChild(
          async ({ pkg, require }, file, index, ending, where) => {
            const program = (
              { DatabaseConnection, OutputStore }: typeof pkg,
              target: string,
              [end, inside]: [string, string],
            ) => {
              const connection = new DatabaseConnection(target)
              const direct = new OutputStore(connection)
              const other = new DatabaseConnection(target)
              const behind = new OutputStore(other, { writeBehind: { maxDelay: 60_000 } })
              const append = (store: typeof direct, data: string) =>
                store.append({ sessionId: 's', timestamp: new Date(0), type: 'stdout', data })
              const stop = () => {
                if (end === 'exit') process.exit(7)
                throw new Error('nobody catches this')
              }
              for (let number = 0; number < 50; number++) append(direct, `0:${number}`)
              for (let number = 0; number < 50; number++) append(behind, `1:${number}`)
              // Objects that nobody closes.
              Object.assign(globalThis, {
                kept: [connection, direct, behind, new DatabaseConnection(target)],
              })
              connection.db.prepare('SELECT * FROM session_outputs').iterate().next()
              const places: Record<string, () => void> = {
                'a transaction': () =>
                  other.db.transaction(() => {
                    other.db.exec("UPDATE session_outputs SET data = 'undone'")
                    stop()
                  })(),
                'a loop over rows': () => {
                  for (const row of connection.db.prepare('SELECT 1').iterate()) if (row) stop()
                },
                'a getter': () =>
                  direct.append(Object.defineProperty({}, 'sessionId', { get: stop }) as never),
                'a timer': () => void setTimeout(stop, 5),
              }
              ;(places[inside] ?? stop)()
            }
            if (where !== 'a Worker') return program(pkg, file, [ending, where])
            const { Worker } =
              require('node:worker_threads') as typeof import('node:worker_threads')
            const worker = new Worker(
              `(${program.toString()})(require(${JSON.stringify(index)}), ${JSON.stringify(file)}, ${JSON.stringify([ending, ''])})`,
              { eval: true },
            )
            worker.once('error', () => process.exit(1)).once('exit', (code) => process.exit(code))
            return undefined
          },
          [path, packagePath, how, place],
        )
        const outcome = await child.outcome
        expect([outcome.code, outcome.signal]).toEqual([how === 'exit' ? 7 : 1, null])
        const numbers = Array.from({ length: 50 }, (_, number) => number)
        expect(Object.fromEntries(storedNumbers(path))).toEqual({ 0: numbers, 1: numbers })
      },
    )
  }
})

describe('statements whose rows all have other keys', { tags: ['slow'] }, () => {
  test.each([[[]], [['--disallow-code-generation-from-strings']]])(
    'statements whose rows all have other keys leave nothing behind, with %o',
    async (options) => {
      const seen = await inChild(
        async ({ pkg }, path) => {
          const { db } = new pkg.DatabaseConnection(path)
          const use = (first: number, end: number) => {
            for (let n = first; n < end; n++) {
              const row = db.prepare(`SELECT ${n}, 'x'`).get() as Record<string, unknown>
              if (row[`${n}`] !== n) throw new Error(JSON.stringify(row))
            }
          }
          const measure = async () => {
            for (let pass = 0; pass < 5; pass++) {
              globalThis.gc?.()
              // What V8 keeps of scripts for as long as there is room.
              globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
              await new Promise((resume) => setImmediate(resume))
            }
            return process.memoryUsage().heapUsed
          }
          // Shapes are kept for a thousand statements, then for none again.
          use(0, 2_000)
          const before = await measure()
          use(2_000, 6_000)
          return { bytes: ((await measure()) - before) / 4_000 }
        },
        [temporaryPath()],
        { nodeOptions: [...nodeOptions, ...options] },
      )
      // A script that Node keeps for ever takes more than a thousand. Without `eval` there is no other way.
      expect(seen.bytes).toBeLessThan(options.length > 0 ? 5_000 : 300)
    },
  )
})

describe.runIf(hasProc)('the resources of a process', () => {
  const TURNS: [turns: number, tags: string[]][] = [
    [200, []],
    [2_000, ['slow']],
  ]

  for (const [turns, tags] of TURNS)
    test(`of ${turns} connections that were opened and closed`, { tags }, async () => {
      const seen = await inChild(
        ({ pkg, require, countResources }, path, count) => {
          const { rmSync } = require('node:fs') as typeof import('node:fs')
          const chunk = {
            sessionId: 's',
            timestamp: new Date(0),
            type: 'stdout' as const,
            data: 'x',
          }
          const use = (turn: number) => {
            const connection = new pkg.DatabaseConnection(turn % 3 === 0 ? ':memory:' : path, {
              slots: turn % 5 === 0 ? 4 : 3,
            })
            const outputs = new pkg.OutputStore(connection, { writeBehind: turn % 2 === 0 })
            outputs.append(chunk)
            const rows = connection.db.prepare('SELECT * FROM session_outputs LIMIT 2').iterate()
            rows.next()
            rows.return?.()
            if (turn % 7 === 0) new pkg.DatabaseConnection(path, { readonly: true }).close()
            if (turn % 11 === 0) {
              try {
                new pkg.DatabaseConnection('/dev/null/sessions.db').close()
              } catch {}
            }
            outputs.deleteBySession('s')
            connection.close()
          }
          const measure = () => {
            globalThis.gc?.()
            return {
              ...countResources(),
              megabytes: process.memoryUsage().rss / 2 ** 20,
            }
          }
          for (let turn = 1; turn < count / 4; turn++) use(turn)
          const before = measure()
          for (let turn = 0; turn < count; turn++) use(turn)
          const after = measure()
          rmSync(path)
          return { before, after }
        },
        [temporaryPath(), turns],
        { nodeOptions },
      )
      const { before, after } = seen
      expect([after.threads, after.descriptors]).toEqual([before.threads, before.descriptors])
      // A connection that is not freed takes tens of kilobytes, thousands of them more than a hundred megabytes.
      expect(after.megabytes - before.megabytes).toBeLessThan(30)
    })

  const SEEDS: [seed: number, tags: string[]][] = [
    [1, []],
    [2, ['slow']],
    [3, ['slow']],
    [4, ['slow']],
  ]

  for (const [seed, tags] of SEEDS)
    test(
      `of connections, stores, statements and iterators that are collected in any order, seed ${seed}`,
      { tags },
      async () => {
        const path = temporaryPath()
        const seen = await inChild(
          async ({ pkg, countResources: count }, file, start) => {
            let state = start * 7_919
            const random = (below: number) => {
              state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
              return (state >>> 8) % below
            }
            const collect = async () => {
              for (let pass = 0; pass < 3; pass++) {
                globalThis.gc?.()
                await new Promise((resume) => setImmediate(resume))
              }
            }
            const other = { sessionId: 's', timestamp: new Date(0), type: 'stdout' as const }
            let written = 0
            const chunk = () => ({ ...other, data: `0:${written++}` })
            const make = (): object[] => {
              const connection = new pkg.DatabaseConnection(random(4) === 0 ? ':memory:' : file)
              const { db } = connection
              const outputs = new pkg.OutputStore(connection, { writeBehind: random(2) === 0 })
              const statement = db.prepare('SELECT 1 UNION SELECT ? UNION SELECT 3')
              const rows = statement.iterate(random(9))
              rows.next()
              const run = db.transaction(() => db.prepare('SELECT 2').get())
              const kept = [connection, db, new pkg.SessionStore(db), outputs, statement, rows, run]
              // In any order, and only some of them at all.
              return kept.filter(() => random(3) > 0).sort(() => random(3) - 1)
            }
            const use = (object: object) => {
              if (object instanceof pkg.OutputStore) object.append({ ...other, data: 'x:0' })
              if (object instanceof pkg.SessionStore) object.list()
              if ('next' in object && typeof object.next === 'function') object.next()
              if ('get' in object && 'pluck' in object && !('busy' in object && object.busy))
                Reflect.apply(object.get as () => unknown, object, [1])
              if (typeof object === 'function') Reflect.apply(object, undefined, [])
            }
            const attempt = (object: object) => {
              try {
                use(object)
              } catch (error) {
                const code: unknown = error instanceof Error && 'code' in error && error.code
                if (code !== 'ERR_INVALID_STATE') throw error
              }
            }
            await collect()
            const before = count()
            const connection = new pkg.DatabaseConnection(file)
            const writer = new pkg.OutputStore(connection, { writeBehind: true })
            const steady = () => {
              writer.append(chunk())
              writer.flush()
            }
            const kept: object[] = []
            // Not in the function that waits, whose variables live as long as it does.
            const turn = () => {
              kept.push(...make(), ...make())
              while (kept.length > 40) kept.splice(random(kept.length), 1 + random(5))
              const one = kept[random(kept.length)]
              if (one) attempt(one)
            }
            for (let round = 0; round < 60; round++) {
              turn()
              if (round % 3 === 0) await collect()
              steady()
            }
            kept.length = 0
            const output = writer.getFullOutput('s')
            // SQLite keeps descriptors for as long as some connection to the file is open.
            connection.close()
            for (let round = 0; round < 100; round++) {
              await collect()
              const { threads, descriptors } = count()
              if (threads === before.threads && descriptors === before.descriptors) break
            }
            return { before, after: count(), isWritten: output.includes(`0:${written - 1}`) }
          },
          [path, seed],
          { nodeOptions },
        )
        expect(seen.after).toEqual(seen.before)
        expect(seen.isWritten).toBe(true)
        expect(storedNumbers(path).get('0')).toHaveLength(60)
      },
    )
})
