// Memory that Rust and JavaScript share: taken away, changed by another thread, or more than there is.
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import { copyWithBinary } from '../support/installation.js'
import { failureOf, openConnection, openStores, rejectionOf } from '../support/support.js'

const isNode = process.release.name === 'node' && !('Deno' in globalThis || 'Bun' in globalThis)

describe('the array for the numbers of rows', () => {
  test('the array for the numbers of rows is given to no method that a caller may have replaced', async () => {
    const seen = await inChild(
      ({ pkg, require }, copy) => {
        const taken: ArrayBuffer[] = []
        const prototype = Object.getPrototypeOf(Float64Array.prototype) as Record<string, unknown>
        const names = ['subarray', 'slice', 'set', 'fill', 'at', 'values', Symbol.iterator]
        for (const name of names as string[]) {
          const original = prototype[name] as (...args: unknown[]) => unknown
          prototype[name] = function (this: Float64Array, ...args: unknown[]) {
            if (this instanceof Float64Array) taken.push(this.buffer as ArrayBuffer)
            return Reflect.apply(original, this, args)
          }
        }
        const { DatabaseConnection, SessionStore } = require(copy) as typeof pkg
        const connection = new DatabaseConnection(':memory:')
        const sessions = new SessionStore(connection)
        const session = { slot: 1, status: 'running', workingDir: '/', startedAt: new Date(0) }
        for (let i = 0; i < 600; i++) sessions.create({ ...session, id: `s-${i}` } as never)
        for (const buffer of taken) structuredClone(buffer, { transfer: [buffer] })
        const { changes } = connection.db.prepare('DELETE FROM sessions WHERE rowid > 500').run()
        return { taken: taken.length, changes, listed: sessions.list().length }
      },
      [copyWithBinary()],
    )
    expect(seen).toEqual({ taken: 0, changes: 100, listed: 500 })
  })

  // A debugger finds every object of a process.
  test.runIf(isNode)(
    'the array for the numbers of rows is written to only while it has its memory',
    async () => {
      const seen = await inChild(({ pkg, require }) => {
        const { Session } = require('node:inspector') as typeof import('node:inspector')
        const found: { all?: Float64Array[] } = {}
        Object.assign(globalThis, { found })
        const connection = new pkg.DatabaseConnection(':memory:')
        const sessions = new pkg.SessionStore(connection)
        const session = { slot: 1, status: 'running', workingDir: '/', startedAt: new Date(0) }
        for (let i = 0; i < 600; i++) sessions.create({ ...session, id: `s-${i}` } as never)
        const debug = new Session()
        debug.connect()
        debug.post('Runtime.evaluate', { expression: 'Float64Array.prototype' }, (_, prototype) => {
          const prototypeObjectId = prototype.result.objectId ?? ''
          debug.post('Runtime.queryObjects', { prototypeObjectId }, (__, { objects }) => {
            const functionDeclaration = 'function () { globalThis.found.all = [...this] }'
            const { objectId } = objects
            debug.post('Runtime.callFunctionOn', { objectId, functionDeclaration })
          })
        })
        const mark = 12_345
        // Those of Node.js itself are shorter.
        const ours = (found.all ?? []).filter(({ length }) => length >= 8192)
        const stolen = ours.map(({ buffer }) => {
          const moved = structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
          return new Float64Array(moved as ArrayBuffer).fill(mark)
        })
        const calls = [
          () => sessions.list(),
          () => sessions.get('s-1'),
          () => new pkg.OutputStore(connection).read('s-1'),
          () => connection.db.prepare('SELECT * FROM sessions').all(),
        ]
        const thrown = calls.map((call) => {
          try {
            call()
            return false
          } catch (error) {
            return error instanceof Error
          }
        })
        const written = stolen.some((numbers) => numbers.some((number) => number !== mark))
        return { found: stolen.length > 0, written, thrown }
      }, [])
      expect(seen).toEqual({ found: true, written: false, thrown: [true, true, true, true] })
    },
  )
})

describe('bytes in memory that threads share', () => {
  const shared = (bytes: number[]) => {
    const buffer = new SharedArrayBuffer(bytes.length)
    new Uint8Array(buffer).set(bytes)
    return buffer
  }
  const content = [0, 1, 254, 255, 104, 101, 108, 108, 111, 0, 0, 0, 0, 0, 0, 63]

  test.each([
    ['Uint8Array', (buffer: SharedArrayBuffer) => new Uint8Array(buffer)],
    ['a part of it', (buffer: SharedArrayBuffer) => new Uint8Array(buffer, 4, 5)],
    ['an empty part', (buffer: SharedArrayBuffer) => new Uint8Array(buffer, 4, 0)],
    ['Buffer', (buffer: SharedArrayBuffer) => Buffer.from(buffer, 2, 7)],
    ['DataView', (buffer: SharedArrayBuffer) => new DataView(buffer, 3, 9)],
    ['Float64Array', (buffer: SharedArrayBuffer) => new Float64Array(buffer, 8)],
    ['Int16Array', (buffer: SharedArrayBuffer) => new Int16Array(buffer, 2, 3)],
  ])('bytes in shared memory are bound as they are: %s', (_, view) => {
    const { db } = openConnection(':memory:')
    const value = view(shared(content))
    const expected = content.slice(value.byteOffset, value.byteOffset + value.byteLength)
    expect([...(db.prepare('SELECT ?').pluck().get(value) as Buffer)]).toEqual(expected)
  })

  test('bytes in shared memory may change while they are read', async () => {
    const seen = await inChild(async ({ pkg, require }) => {
      const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
      const buffer = new SharedArrayBuffer(1 << 18)
      const bytes = new Uint8Array(buffer)
      const worker = new Worker(
        `const { workerData, parentPort } = require('node:worker_threads')
          const bytes = new Uint8Array(workerData)
          parentPort.postMessage('changes them')
          for (let value = 1; Atomics.load(bytes, 0) !== 9; value = value === 1 ? 2 : 1) bytes.fill(value, 1)`,
        { eval: true, workerData: buffer },
      )
      await new Promise((resolve) => worker.once('message', resolve))
      const { db } = new pkg.DatabaseConnection(':memory:')
      const echo = db.prepare('SELECT ?').pluck()
      const wrong: number[] = []
      for (let i = 0; i < 20; i++) {
        const read = echo.get(bytes) as Buffer
        if (read.length !== bytes.length) wrong.push(read.length)
        wrong.push(...read.filter((byte) => byte > 2))
      }
      Atomics.store(bytes, 0, 9)
      await new Promise((resolve) => worker.once('exit', resolve))
      return wrong
    }, [])
    expect(seen).toEqual([])
  })
})

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0

describe.runIf(hasPrlimit)('a call that needs more memory than there is', () => {
  test('throws SQLITE_NOMEM, and nothing of it is stored', async () => {
    const seen = await inChild(
      ({ pkg, require, failureOf: failure }) => {
        const { execFileSync } =
          require('node:child_process') as typeof import('node:child_process')
        const { readFileSync } = require('node:fs') as typeof import('node:fs')
        const connection = new pkg.DatabaseConnection(':memory:')
        const { db } = connection
        const outputs = new pkg.OutputStore(connection)
        const sessions = new pkg.SessionStore(connection)
        const output = { sessionId: 's-1', timestamp: new Date(0), type: 'stdout' as const }
        const session = { id: 's-1', slot: 1, status: 'idle' as const, startedAt: new Date(0) }
        outputs.appendMany([...'abcdefgh'].map((data) => ({ ...output, data: `${data}é` })))
        sessions.create({ ...session, workingDir: '/' })
        const bind = db.prepare('SELECT length(?)')
        // Not a rope, which would be put together only when it is read.
        const text = (length: number) => Buffer.alloc(length, 'x').toString('latin1')
        const long = text(300_000_000)
        const part = text(1_000_000)
        const endless = new Proxy([] as never[], {
          get: (_, key) => (key === 'length' ? 2 ** 32 - 1 : { ...output, data: part }),
        })
        const shared = new Uint8Array(new SharedArrayBuffer(300_000_000))
        const rows = () => [sessions.list(), outputs.getFullOutput('s-1')]
        const before = JSON.stringify(rows())
        const size = Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
        execFileSync('prlimit', [`--as=${(size + 150_000) * 1024}`, '--pid', `${process.pid}`])
        const calls = {
          append: () => outputs.append({ ...output, data: long }),
          'append with a long id': () => outputs.append({ ...output, sessionId: long, data: '' }),
          appendMany: () =>
            outputs.appendMany([
              { ...output, data: 'a' },
              { ...output, data: long },
            ]),
          'appendMany without end': () => outputs.appendMany(endless),
          getFullOutput: () => outputs.getFullOutput('s-1', { separator: long }),
          search: () => outputs.search(long),
          create: () => sessions.create({ ...session, id: 's-2', workingDir: long }),
          update: () => sessions.update('s-1', { currentCommand: long }),
          get: () => sessions.get(long),
          prepare: () => db.prepare(long),
          exec: () => db.exec(long),
          'bind a text': () => bind.get(long),
          'bind bytes that threads share': () => bind.get(shared),
          open: () => new pkg.DatabaseConnection(long),
        }
        const wrong = Object.entries(calls).flatMap(([name, call]) => {
          const thrown = failure(call)
          return thrown?.code === 'SQLITE_NOMEM' ? [] : [[name, thrown]]
        })
        return { wrong, unchanged: JSON.stringify(rows()) === before }
      },
      [],
      { timeout: 60_000 },
    )
    expect(seen).toEqual({ wrong: [], unchanged: true })
  })
})

describe('an argument of absurd size', () => {
  const output = { sessionId: 's-1', timestamp: new Date(0), type: 'stdout' as const }
  const tooMuch = {
    type: 'RangeError',
    code: 'ERR_OUT_OF_RANGE',
    message: expect.stringMatching(/^OutputStore\.appendMany: outputs must take at most/) as string,
  }

  test.each([
    ['the longest array', () => Object.assign([], { length: 2 ** 32 - 1 })],
    [
      'a proxy of it',
      () => new Proxy([], { get: (_, key) => (key === 'length' ? 2 ** 32 - 1 : undefined) }),
    ],
    ['an array-like', () => ({ length: 2 ** 32 - 1, 0: output })],
    ['an array-like of negative length', () => ({ length: -1 })],
  ])('of appendMany() is refused at its first wrong element: %s', (_, make) => {
    const { outputs } = openStores(':memory:')
    expect(failureOf(() => outputs.appendMany(make() as never))).toMatchObject({
      type: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
    })
  })

  // JavaScript's own arrays end the process before there are as many fields.
  test('of appendMany() is refused, and no chunk is stored', { tags: ['slow'] }, () => {
    const { outputs } = openStores(':memory:')
    const chunk = { ...output, data: 'x'.repeat(10_000_000) }
    const many = Array.from({ length: 40_000_000 })
    many.fill(chunk)
    expect(failureOf(() => outputs.appendMany(many as never))).toEqual(tooMuch)
    expect(outputs.read('s-1').outputs).toEqual([])
  })

  test('is not refused too early: 12,293 chunks are stored in order', () => {
    const { connection, outputs } = openStores(':memory:')
    const count = 3 * 4096 + 5
    outputs.appendMany(Array.from({ length: count }, (_, i) => ({ ...output, data: `${i}` })))
    const stored = connection.db
      .prepare('SELECT data FROM session_outputs ORDER BY id')
      .pluck()
      .all()
    expect(stored).toEqual(Array.from({ length: count }, (_, i) => `${i}`))
    const wrong = Array.from({ length: count }, (_, i) => ({
      ...output,
      data: i === 9000 ? 5 : '',
    }))
    expect(failureOf(() => outputs.appendMany(wrong as never))?.message).toBe(
      'OutputStore.appendMany: outputs[9000].data must be a string; received 5',
    )
    expect(outputs.getBySession('s-1')).toHaveLength(count)
  })

  test('of prune() is refused at once: four billion statuses', async () => {
    const { connection } = openStores(':memory:')
    const statuses = Object.assign([], { length: 2 ** 32 - 1 })
    Object.setPrototypeOf(statuses, new Proxy([], { get: () => 'failed' }))
    expect(await rejectionOf(connection.prune({ statuses, keepLast: 1 } as never))).toMatchObject({
      type: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
    })
  })

  test('of any call is refused at once: an integer of a billion bits', () => {
    const { connection, outputs } = openStores(':memory:')
    const long = 7n << 1_000_000_000n
    const failures = [
      failureOf(() => outputs.getBySession(long as never)),
      failureOf(() => outputs.append(long as never)),
      failureOf(() => connection.db.prepare('SELECT ?').get(long)),
    ]
    for (const failure of failures) expect(failure?.type).toMatch(/^(?:Type|Range)Error$/)
  })

  test(
    'is not refused too early: failOrphans() finds 150,000 running sessions',
    { tags: ['slow'] },
    () => {
      const { connection, sessions } = openStores(':memory:')
      // More than a call may have arguments.
      const count = 150_000
      connection.db
        .prepare(
          `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO sessions (id, slot, status, working_dir, started_at, pid)
         SELECT i, 1, 'running', '/', '2026-01-01T00:00:00.000Z', 2000000000 + i FROM n`,
        )
        .run(count)
      expect(sessions.failOrphans({ dryRun: true })).toHaveLength(count)
    },
  )
})
