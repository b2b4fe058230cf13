import { describe, expect, test } from 'vitest'
import { inChild, packagePath, startChild } from '../support/child.js'
import { storedData, temporaryPath } from '../support/support.js'

const numbered = (length: number) => Array.from({ length }, (_, i) => `${i}`)

describe('what is queued when the process ends', () => {
  test.each([['by itself'], ['exit'], ['exception'], ['rejection'], ['late listener']])(
    'queued output is committed when the process ends: %s',
    async (end) => {
      const path = temporaryPath()
      const child = startChild(
        ({ pkg }, file, how) => {
          const connection = new pkg.DatabaseConnection(file)
          const outputs = new pkg.OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
          const append = (data: string) =>
            outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data })
          for (let i = 0; i < 99; i++) append(`${i}`)
          // A listener that comes after the store's own may still append.
          if (how === 'late listener') process.on('exit', () => append('99'))
          else append('99')
          if (how === 'exit') process.exit(0)
          if (how === 'exception')
            setImmediate(() => {
              throw new Error('nobody catches this')
            })
          if (how === 'rejection') void Promise.reject(new Error('nobody catches this'))
        },
        [path, end],
      )
      await child.outcome
      expect(storedData(path)).toEqual(numbered(100))
    },
  )

  test.each([
    ['a listener before it throws'],
    ['a listener that was prepended later throws'],
    ['the listeners were removed'],
    ['emit() tells nobody'],
    ['a listener calls process.exit()'],
    ['a listener opens a store and appends'],
    ['the process is ended below JavaScript'],
    ['beforeExit calls process.exit()'],
    ['the package was loaded twice'],
  ])('queued output is committed although %s', async (what) => {
    const path = temporaryPath()
    const child = startChild(
      ({ pkg, require }, file, how, index) => {
        const fail = () => {
          throw new Error('of a listener')
        }
        if (how.startsWith('a listener before')) process.on('exit', fail)
        if (how.startsWith('a listener calls')) process.on('exit', () => process.exit(5))
        const open = ({ DatabaseConnection, OutputStore }: typeof pkg) => {
          const connection = new DatabaseConnection(file)
          return new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
        }
        const append = (outputs: ReturnType<typeof open>, from: number, to: number) => {
          for (let i = from; i < to; i++) {
            const data = `${i}`
            outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data })
          }
        }
        append(open(pkg), 0, 50)
        if (how.startsWith('the package')) {
          for (const name of Object.keys(require.cache)) delete require.cache[name]
          pkg = require(index) as typeof pkg
        }
        if (how.startsWith('a listener opens')) {
          process.on('exit', () => append(open(pkg), 50, 100))
          return
        }
        append(open(pkg), 50, 100)
        if (how.startsWith('a listener that was')) process.prependListener('exit', fail)
        if (how.startsWith('the listeners')) process.removeAllListeners('exit')
        if (how.startsWith('emit')) Object.assign(process, { emit: () => false })
        if (how.startsWith('beforeExit')) process.on('beforeExit', () => process.exit(0))
        if (how.startsWith('emit') || how.startsWith('the listeners')) process.exit(0)
        if (how.startsWith('the process'))
          (process as unknown as { reallyExit: (code: number) => void }).reallyExit(0)
      },
      [path, what, packagePath],
    )
    await child.outcome
    expect(
      storedData(path)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(numbered(100).map(Number))
  })

  test.each([['ends'], ['is terminated']])(
    'queued output is committed by a Worker that %s',
    async (how) => {
      const path = temporaryPath()
      await inChild(
        async ({ require }, file, pkg, terminate) => {
          const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
          const worker = new Worker(
            `const { parentPort } = require('node:worker_threads')
          const { DatabaseConnection, OutputStore } = require(${JSON.stringify(pkg)})
          const connection = new DatabaseConnection(${JSON.stringify(file)})
          const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
          for (let i = 0; i < 100; i++)
            outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data: String(i) })
          parentPort.postMessage('queued')
          ${terminate ? 'setInterval(() => {}, 1000)' : ''}`,
            { eval: true },
          )
          // The Worker may end as soon as its message arrives.
          const exited = new Promise((resolve) => worker.once('exit', resolve))
          await new Promise((resolve) => worker.once('message', resolve))
          if (terminate) await worker.terminate()
          else await exited
        },
        [path, packagePath, how === 'is terminated'],
      )
      expect(storedData(path)).toEqual(numbered(100))
    },
  )

  test('queued output is committed by a store that was collected', async () => {
    const path = temporaryPath()
    const seen = await inChild(
      async ({ pkg }, file) => {
        const append = () => {
          const connection = new pkg.DatabaseConnection(file)
          const outputs = new pkg.OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
          outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data: '0' })
        }
        append()
        const reader = new pkg.DatabaseConnection(file)
        for (let i = 0; i < 100; i++) {
          ;(globalThis as { gc?: () => void }).gc?.()
          await new Promise((resolve) => setTimeout(resolve, 20))
          const rows = reader.db.prepare('SELECT data FROM session_outputs').pluck().all()
          if (rows.length > 0) return rows
        }
        return []
      },
      [path],
      { nodeOptions: ['--expose-gc'] },
    )
    expect(seen).toEqual(['0'])
  })
})

test('a killed process keeps what was flushed, and loses only the end of the queue', async () => {
  const path = temporaryPath()
  const child = startChild(
    async ({ pkg, meet }, file) => {
      const connection = new pkg.DatabaseConnection(file)
      const outputs = new pkg.OutputStore(connection, { writeBehind: true })
      const append = (data: number) =>
        outputs.append({
          sessionId: 's-1',
          timestamp: new Date(0),
          type: 'stdout',
          data: `${data}`,
        })
      for (let i = 0; i < 1_000; i++) append(i)
      outputs.flush()
      await meet('flushed')
      for (let i = 1_000; i < 2_000; i++) append(i)
      process.kill(process.pid, 'SIGKILL')
    },
    [path],
  )
  await child.met('flushed')
  child.resume()
  await child.outcome
  const rows = storedData(path)
  expect(rows.length).toBeGreaterThanOrEqual(1_000)
  expect(rows).toEqual(numbered(rows.length))
})

test('a closed connection leaves no thread and no descriptor behind', async () => {
  const seen = await inChild(
    ({ pkg, countResources }, path) => {
      const use = () => {
        const connection = new pkg.DatabaseConnection(path)
        const stores = [
          new pkg.OutputStore(connection, { writeBehind: true }),
          new pkg.OutputStore(connection),
        ]
        for (const store of stores)
          store.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data: 'x' })
        connection.close()
        return stores
      }
      use()
      const before = countResources()
      const kept = Array.from({ length: 50 }, use)
      return { before, after: countResources(), kept: kept.length }
    },
    [temporaryPath()],
  )
  expect(seen.after).toEqual(seen.before)
  expect(seen.kept).toBe(50)
})
