import { describe, expect, test } from 'vitest'
import { inChild, startChild } from '../support/child.js'
import {
  failureOf,
  invalidState,
  openConnection,
  openStores,
  sampleSession,
  temporaryPath,
} from '../support/support.js'

const nodeOptions = ['--expose-gc']

describe('a connection that only its statements refer to', () => {
  test('statements, iterators and transaction functions keep their connection open', async () => {
    const seen = await inChild(
      async ({ pkg }, path) => {
        const open = () => new pkg.DatabaseConnection(path).db
        const make = () => {
          const db = open()
          db.exec('CREATE TABLE IF NOT EXISTS kept (n)')
          const rows = open()
            .prepare<[], number>('SELECT 1 UNION SELECT 2 UNION SELECT 3')
            .pluck()
            .iterate()
          const insert = open().prepare<[number]>('INSERT INTO kept VALUES (?)')
          return {
            first: rows.next().value,
            rows,
            insert,
            bound: open().prepare('SELECT ? AS bound').bind('value'),
            put: db.transaction((n: number) => db.prepare('INSERT INTO kept VALUES (?)').run(n)),
            count: open().prepare<[], number>('SELECT count(*) FROM kept').pluck(),
          }
        }
        const { first, rows, insert, bound, put, count } = make()
        const read: unknown[] = [first]
        for (let round = 0; round < 3; round++) {
          for (let pass = 0; pass < 3; pass++) {
            globalThis.gc?.()
            await new Promise((resume) => setImmediate(resume))
          }
          insert.run(round)
          put.immediate(round)
          read.push(rows.next().value ?? null, bound.get(), count.get(), put.database.open)
        }
        return read
      },
      [temporaryPath()],
      { nodeOptions },
    )
    const bound = { bound: 'value' }
    expect(seen).toEqual([1, 2, bound, 2, true, 3, bound, 4, true, null, bound, 6, true])
  })

  test('iterators that nobody ended are collected, and the handle can then write and close', async () => {
    const seen = await inChild(
      async ({ pkg }, path) => {
        const { db } = new pkg.DatabaseConnection(path)
        db.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1), (2), (3)')
        const leave = () => {
          for (let i = 0; i < 20; i++) db.prepare('SELECT n FROM t').iterate().next()
        }
        leave()
        const works = (call: () => unknown) => {
          try {
            call()
            return true
          } catch {
            return false
          }
        }
        const refused = !works(() => db.exec('INSERT INTO t VALUES (4)'))
        for (let round = 0; round < 200; round++) {
          globalThis.gc?.()
          await new Promise((resume) => setImmediate(resume))
          if (works(() => db.exec('INSERT INTO t VALUES (4)'))) break
        }
        const count = db.prepare('SELECT count(*) FROM t').pluck().get()
        return { refused, count, closed: !db.close().open }
      },
      [temporaryPath()],
      { nodeOptions },
    )
    expect(seen).toEqual({ refused: true, count: 4, closed: true })
  })

  test('thousands of statements are collected in any order, before and after close()', async () => {
    const seen = await inChild(
      async ({ pkg }, path) => {
        const connection = new pkg.DatabaseConnection(path)
        const { db } = connection
        db.exec('CREATE TABLE t (n, s); INSERT INTO t VALUES (1, NULL), (2, NULL), (3, NULL)')
        // A fixed sequence that looks random.
        let state = 7
        const random = (below: number) => {
          state = (state * 1_103_515_245 + 12_345) % 2 ** 31
          return state % below
        }
        const collect = async () => {
          globalThis.gc?.()
          await new Promise((resume) => setImmediate(resume))
        }
        const kept: { get: () => unknown }[] = []
        const read = new Set<unknown>()
        for (let i = 0; i < 6_000; i++) {
          const statement = db.prepare(`SELECT n + ${i % 97} AS n FROM t`)
          switch (random(4)) {
            case 0:
              read.add(JSON.stringify(statement.pluck().all()))
              break
            case 1: {
              const rows = statement.iterate()
              rows.next()
              rows.return?.()
              break
            }
            case 2:
              kept.push(statement)
              break
            default:
              db.prepare('UPDATE t SET s = ? WHERE n = 1').bind(`text ${i}`)
          }
          if (kept.length > 300) kept.splice(random(kept.length), random(100))
          if (i % 500 === 0) await collect()
        }
        const alive = kept.map((statement) => statement.get()).length === kept.length
        connection.close()
        for (let round = 0; round < 10; round++) {
          kept.splice(random(kept.length), random(60))
          await collect()
        }
        kept.length = 0
        await collect()
        const again = new pkg.DatabaseConnection(path)
        const check = again.db.pragma('integrity_check', { simple: true })
        again.close()
        return { alive, shapes: read.size, check }
      },
      [temporaryPath()],
      { nodeOptions },
    )
    expect(seen).toEqual({ alive: true, shapes: 97, check: 'ok' })
  })
})

describe('the end of a process or a Worker', () => {
  test('a process may end without closing the handle or its iterators', async () => {
    const path = temporaryPath()
    const child = startChild(
      ({ pkg }, file) => {
        const { db } = new pkg.DatabaseConnection(file)
        db.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1), (2)')
        const kept = [
          db.prepare('INSERT INTO t VALUES (9) RETURNING n').iterate(),
          db.prepare('SELECT n FROM t').iterate(),
          db.prepare('SELECT n FROM t').iterate(),
        ]
        for (const rows of kept) rows.next()
        Object.assign(globalThis, { kept })
      },
      [path],
    )
    expect(await child.outcome).toMatchObject({ code: 0, signal: null, stderr: '' })
    const rows = openConnection(path).db.prepare('SELECT n FROM t ORDER BY n').pluck().all()
    expect([
      [1, 2],
      [1, 2, 9],
    ]).toContainEqual(rows)
  })

  test('a Worker may end with iterators and transactions left open', async () => {
    const seen = await inChild(
      async ({ pkg, require }, path) => {
        const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
        const { once } = require('node:events') as typeof import('node:events')
        const { db } = new pkg.DatabaseConnection(path)
        db.exec('CREATE TABLE t (n); INSERT INTO t VALUES (1), (2)')
        const source = `
          const { parentPort, workerData } = require('node:worker_threads')
          const { DatabaseConnection } = require(workerData.index)
          const { db } = new DatabaseConnection(workerData.path)
          const statement = db.prepare('SELECT n FROM t')
          globalThis.kept = statement.iterate()
          parentPort.postMessage(kept.next().value.n)
          new DatabaseConnection(workerData.path).db.exec('BEGIN IMMEDIATE; INSERT INTO t VALUES (5)')
          if (workerData.waits) setInterval(() => {}, 1_000)
          else parentPort.postMessage('done')`
        const index = Object.keys(require.cache).find((name) => name.endsWith('index.js'))
        const heard: unknown[] = []
        for (const waits of [true, false, true]) {
          const worker = new Worker(source, { eval: true, workerData: { index, path, waits } })
          worker.on('message', (word) => heard.push(word))
          await once(worker, 'message')
          if (waits) await worker.terminate()
          else await once(worker, 'exit')
        }
        return { heard, rows: db.prepare('SELECT n FROM t').pluck().all() }
      },
      [temporaryPath()],
    )
    expect(seen).toEqual({ heard: [1, 1, 'done', 1], rows: [1, 2] })
  })
})

describe('close()', () => {
  test.each([
    ['the handle', (connection: ReturnType<typeof openConnection>) => void connection.db.close()],
    ['the connection', (connection: ReturnType<typeof openConnection>) => connection.close()],
  ])('close() of %s is refused while a statement is iterated, and works afterwards', (_, close) => {
    const ends: ((rows: Iterator<unknown>) => unknown)[] = [
      (rows) => rows.return?.(),
      (rows) => {
        while (!rows.next().done);
      },
    ]
    for (const end of ends) {
      const { connection, sessions } = openStores()
      for (const id of ['s-1', 's-2', 's-3']) sessions.create(sampleSession({ id }))
      const rows = connection.db.prepare('SELECT id FROM sessions').pluck().iterate()
      expect(failureOf(() => close(connection))).toEqual(invalidState('close'))
      expect(rows.next().done).toBe(false)
      expect(failureOf(() => close(connection))).toEqual(invalidState('close'))
      expect([connection.isOpen, rows.next().done]).toEqual([true, false])
      end(rows)
      close(connection)
      expect([connection.isOpen, connection.db.open, rows.next().done]).toEqual([
        false,
        false,
        true,
      ])
    }
  })

  test('close() in a getter of a parameter makes that call throw', () => {
    const { db } = openConnection()
    db.exec('CREATE TABLE t (n)')
    const closing = {
      get n() {
        db.close()
        return 1
      },
    }
    const failure = failureOf(() => db.prepare('INSERT INTO t VALUES (:n)').run(closing))
    expect(failure).toEqual(invalidState('Statement.run'))
    expect(db.open).toBe(false)
  })

  test('close() in a transaction rolls it back', () => {
    const path = temporaryPath()
    const { connection, sessions } = openStores(path)
    const run = connection.db.transaction(() => {
      sessions.create(sampleSession())
      connection.close()
    })
    expect(failureOf(run)).toEqual(invalidState('Database.transaction'))
    expect(openStores(path).sessions.list()).toEqual([])
  })

  test('close() of one connection leaves others on the same file alone', () => {
    const path = temporaryPath()
    const [a, b] = [openConnection(path), openConnection(path)]
    const read = b.db.prepare('SELECT count(*) AS n FROM sessions')
    const rows = b.db.prepare('SELECT 1 UNION SELECT 2').pluck().iterate()
    rows.next()
    a.close()
    expect([read.get(), rows.next().value, rows.next().done]).toEqual([{ n: 0 }, 2, true])
  })
})
