// Calls that call themselves until the stack is full, on the main thread and in a Worker.
import { expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import { temporaryPath } from '../support/support.js'

/** Where the stack is full, and the megabytes of a Worker's stack: Node.js gives it four times that of the main thread. */
const THREADS: [where: string, megabytes: number | null, tags: string[]][] = [
  ['the main thread', null, []],
  ['a Worker', 1, []],
  // Savepoints take sixteen times as long where there are four times as many.
  ['a Worker with a large stack', 4, ['slow']],
]

for (const [where, megabytes, tags] of THREADS)
  test(
    `a stack that is full is a RangeError, on ${where}`,
    { tags, timeout: 240_000 },
    async () => {
      const seen = await inChild(
        async ({ pkg, require }, path, stackSizeMb) => {
          type Pkg = typeof pkg
          const recurse = async (
            { DatabaseConnection, OutputStore, SessionStore, SqliteError }: Pkg,
            file: string,
          ) => {
            const connection = new DatabaseConnection(file)
            const { db } = connection
            const sessions = new SessionStore(connection)
            const outputs = new OutputStore(connection)
            db.exec('CREATE TABLE IF NOT EXISTS notes (id TEXT, note)')
            const base = {
              id: 's-1',
              status: 'idle' as const,
              workingDir: '/',
              startedAt: new Date(0),
            }
            sessions.create({ ...base, slot: 1 })
            const [timestamp, type] = [new Date(0), 'stdout' as const]
            const chunk = { timestamp, type, data: 'x' }
            outputs.append({ ...chunk, sessionId: 's-1' })
            let depth = 0
            const getter = (key: string, call: (object: never) => unknown) => () => {
              const object = {}
              Object.defineProperty(object, key, {
                get: () => {
                  depth++
                  call(object as never)
                },
              })
              call(object as never)
            }
            const insert = db.prepare('INSERT INTO notes VALUES (:id, :note)')
            const further = (steps: number, then: () => void): void =>
              steps > 0 ? further(steps - 1, then) : then()
            const transaction: (n: number) => void = db.transaction((n: number) => {
              depth++
              db.prepare('INSERT INTO notes VALUES (?, 1)').run(`${n}`)
              // Nested less deep, for SQLite looks through all savepoints.
              further(100, () => transaction(n + 1))
            })
            const iterate = (): void => {
              depth++
              for (const id of db.prepare('SELECT id FROM sessions').pluck().iterate())
                if (id) iterate()
            }
            const read = (): unknown => {
              depth++
              // Whatever of these runs where the stack ends.
              sessions.list()
              outputs.getBySession('s-1')
              sessions.get('nobody')
              db.prepare('SELECT * FROM sessions').all()
              try {
                db.exec('SELECT * FROM nowhere')
              } catch (error) {
                if (!(error instanceof SqliteError)) throw error
              }
              return read()
            }
            const calls: Record<string, () => unknown> = {
              create: getter('slot', (it) => sessions.create(Object.assign(it, base))),
              update: getter('status', (it) => sessions.update('s-1', it)),
              append: getter('sessionId', (it) => outputs.append(it)),
              appendMany: getter('data', (it) =>
                outputs.appendMany([Object.assign(it, { sessionId: 's-1', timestamp, type })]),
              ),
              delete: getter('keepOutputs', (it) => sessions.delete('s-1', it)),
              connection: getter('readonly', (it) =>
                new DatabaseConnection(':memory:', it).close(),
              ),
              run: getter('id', (it) => insert.run(it)),
              get: getter('id', (it) => db.prepare('SELECT :id').get(it)),
              transaction: () => transaction(0),
              read,
              iterate,
            }
            const wrong: string[] = []
            for (const [name, call] of Object.entries(calls)) {
              depth = 0
              let thrown: unknown
              try {
                call()
              } catch (error) {
                thrown = error
              }
              const isFull = thrown instanceof RangeError && /call stack/.test(thrown.message)
              if (!isFull || depth < 50) wrong.push(`${name}, ${depth} deep: ${String(thrown)}`)
              if (db.inTransaction) wrong.push(`${name} left a transaction`)
            }
            // An iterator that could not be ended, for want of stack, is, like every one that is forgotten, when it is
            // collected.
            for (let round = 0; round < 100; round++) {
              globalThis.gc?.()
              await new Promise((resume) => setImmediate(resume))
              try {
                db.exec('SELECT 1')
                break
              } catch {}
            }
            const rows = [
              sessions.list().length,
              outputs.getFullOutput('s-1'),
              db.prepare('SELECT count(*) FROM notes').pluck().get(),
            ]
            outputs.append({ ...chunk, sessionId: 's-1', data: 'afterwards' })
            sessions.create({ ...base, id: 'afterwards', slot: 2 })
            connection.close()
            return { wrong, rows, open: connection.isOpen }
          }
          if (stackSizeMb === null) return recurse(pkg, path)
          const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
          const index = Object.keys(require.cache).find((name) => name.endsWith('index.js'))
          const worker = new Worker(
            `const { parentPort } = require('node:worker_threads')
          const pkg = require(${JSON.stringify(index)});
          (${recurse.toString()})(pkg, ${JSON.stringify(path)}).then((seen) => parentPort.postMessage(seen))`,
            { eval: true, resourceLimits: { stackSizeMb } },
          )
          return new Promise<Awaited<ReturnType<typeof recurse>>>((resolve, reject) => {
            worker.once('message', resolve).once('error', reject)
          })
        },
        [temporaryPath(), megabytes],
        { nodeOptions: ['--expose-gc'] },
      )
      expect(seen).toEqual({ wrong: [], rows: [1, 'x', 0], open: false })
    },
  )
