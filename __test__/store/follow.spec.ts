import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DatabaseConnection, OutputStore, type FollowedChunk } from '../../index.js'
import { inChild } from '../support/child.js'
import {
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryPath,
} from '../support/support.js'

/** The data of `count` chunks, or of all until the end. */
async function take(chunks: AsyncIterable<FollowedChunk>, count = Infinity): Promise<string[]> {
  const data: string[] = []
  for await (const chunk of chunks) {
    data.push(chunk.data)
    if (data.length === count) break
  }
  return data
}

describe('follow', () => {
  test('follow() gives what is appended after the call, and ends with the session', async () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession())
    outputs.append(sampleOutput({ data: 'before' }))
    const following = take(outputs.follow('s-1'))
    await pause(30)
    outputs.append(sampleOutput({ data: 'a' }))
    outputs.append(sampleOutput({ sessionId: 'another', data: 'not this' }))
    await pause(50)
    outputs.append(sampleOutput({ data: 'b' }))
    sessions.update('s-1', { status: 'completed' })
    expect(await following).toEqual(['a', 'b'])
  })

  test('follow() goes on after a cursor', async () => {
    const { outputs } = openStores()
    for (const data of ['a', 'b', 'c']) outputs.append(sampleOutput({ data }))
    const { cursor } = outputs.read('s-1', { limit: 1 })
    expect(await take(outputs.follow('s-1', { after: cursor }), 2)).toEqual(['b', 'c'])
    expect(await take(outputs.follow('s-1', { after: 0 }), 3)).toEqual(['a', 'b', 'c'])
  })

  test('follow() reports a gap where the chunk of its cursor is gone', async () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput())
    const { cursor } = outputs.read('s-1')
    outputs.deleteBySession('s-1')
    outputs.appendMany([sampleOutput({ data: 'a' }), sampleOutput({ data: 'b' })])
    const gaps: boolean[] = []
    for await (const { gap } of outputs.follow('s-1', { after: cursor })) {
      if (gaps.push(gap) === 2) break
    }
    expect(gaps).toEqual([true, false])
  })

  test('follow() gives everything that another process appends, in order, once', async () => {
    const path = temporaryPath()
    const outputs = new OutputStore(openConnection(path))
    const writer = `
      const { DatabaseConnection, OutputStore, SessionStore } = require(${JSON.stringify(fileURLToPath(new URL('../../index.js', import.meta.url)))})
      const connection = new DatabaseConnection(${JSON.stringify(path)})
      const outputs = new OutputStore(connection, { writeBehind: true })
      const sessions = new SessionStore(connection)
      sessions.create({ id: 's-1', slot: 1, status: 'running', workingDir: '/', startedAt: new Date() })
      let i = 0
      const timer = setInterval(() => {
        for (let burst = 0; burst < 40; burst++) outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data: String(i++) })
        if (i >= 4000) {
          clearInterval(timer)
          sessions.update('s-1', { status: 'failed' })
          connection.close()
        }
      }, 2)`
    const child = execFile(process.execPath, ['-e', writer])
    onTestFinished(() => void child.kill())
    const data = await take(outputs.follow('s-1', { after: 0 }))
    expect(data).toEqual(Array.from({ length: data.length }, (_, i) => String(i)))
    expect(data.length).toBeGreaterThanOrEqual(4000)
  })

  test('follow() wakes up for another connection after a long silence, again and again', async () => {
    const path = temporaryPath()
    const outputs = new OutputStore(openConnection(path))
    const other = new OutputStore(openConnection(path))
    const seen: string[] = []
    const following = (async () => {
      for await (const { data } of outputs.follow('s-1')) if (seen.push(data) === 3) break
    })()
    for (const data of ['a', 'b', 'c']) {
      await pause(800)
      other.append(sampleOutput({ data }))
    }
    await following
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  test('follow() ends with its signal, with the connection, and with a session that is removed', async () => {
    const { connection, sessions, outputs } = openStores()
    const stop = new AbortController()
    const aborted = take(outputs.follow('s-1', { signal: stop.signal }))
    stop.abort()
    expect(await aborted).toEqual([])
    expect(await take(outputs.follow('s-1', { signal: AbortSignal.abort() }))).toEqual([])

    sessions.create(sampleSession())
    const removed = take(outputs.follow('s-1'))
    await pause(30)
    sessions.delete('s-1')
    expect(await removed).toEqual([])

    const closed = take(outputs.follow('s-1'))
    await pause(30)
    connection.close()
    expect(await closed).toEqual([])
  })

  describe('the end of follow() with any number of calls of next() pending', () => {
    /** How each promise is settled, unless it takes as long as a look at the file in silence. */
    const settled = (promises: Promise<unknown>[]) =>
      Promise.race([
        Promise.allSettled(promises),
        pause(500, 'none of them in half a second', { ref: false }),
      ])
    const over = { status: 'fulfilled', value: { value: undefined, done: true } }
    const silent = async (outputs: OutputStore, signal?: AbortSignal) => {
      const chunks = outputs.follow('s-1', { signal })
      const pending = [chunks.next(), chunks.next(), chunks.next()]
      // By now it looks at the file at long intervals only.
      await pause(800)
      return { chunks, pending }
    }

    test('return() ends follow() at once', async () => {
      const { outputs } = openStores()
      const { chunks, pending } = await silent(outputs)
      pending.push(chunks.return())
      expect(await settled(pending)).toEqual([over, over, over, over])
      outputs.append(sampleOutput())
      expect(await chunks.next()).toEqual({ value: undefined, done: true })
    })

    test('throw() ends follow() at once, and rejects with its argument', async () => {
      const { outputs } = openStores()
      const { chunks, pending } = await silent(outputs)
      const reason = new Error('of the reader')
      pending.push(chunks.throw(reason), chunks.next())
      const thrown = { status: 'rejected', reason }
      expect(await settled(pending)).toEqual([over, over, over, thrown, over])
    })

    test('the signal ends follow() at once', async () => {
      const { outputs } = openStores()
      const stop = new AbortController()
      const { pending } = await silent(outputs, stop.signal)
      stop.abort()
      expect(await settled(pending)).toEqual([over, over, over])
    })

    test.each([
      ['close() of the connection', (all: ReturnType<typeof openStores>) => all.connection],
      ['close() of the handle', (all: ReturnType<typeof openStores>) => all.connection.db],
    ])('%s ends follow() at once', async (_, of) => {
      const path = temporaryPath()
      // This connection stays open: closing the last one removes the log, which would wake the follower.
      openConnection(path).db.exec('CREATE TABLE other (x)')
      const all = openStores(path)
      const { pending } = await silent(all.outputs)
      of(all).close()
      expect(await settled(pending)).toEqual([over, over, over])
    })

    test('return() ends follow() before the first next(), and may be called twice', async () => {
      const { outputs } = openStores()
      const chunks = outputs.follow('s-1', { after: 0 })
      expect(await settled([chunks.return(), chunks.return(), chunks.next()])).toEqual([
        over,
        over,
        over,
      ])
    })

    test('return() ends follow() between two chunks, as break does', async () => {
      const { outputs } = openStores()
      outputs.appendMany([sampleOutput({ data: 'a' }), sampleOutput({ data: 'b' })])
      const chunks = outputs.follow('s-1', { after: 0 })
      const { value } = await chunks.next()
      expect(value).toMatchObject({ data: 'a' })
      expect(await settled([chunks.return(), chunks.next()])).toEqual([over, over])
    })
  })

  test('follow() lets go of the signal and the process once it has ended', async () => {
    const { outputs } = openStores()
    const stop = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = stop.signal
    stop.signal.addEventListener = function (...args: unknown[]) {
      listeners += 1
      return Reflect.apply(addEventListener, this, args) as undefined
    }
    stop.signal.removeEventListener = function (...args: unknown[]) {
      listeners -= 1
      return Reflect.apply(removeEventListener, this, args) as undefined
    }
    const chunks = outputs.follow('s-1', { signal: stop.signal })
    const pending = chunks.next()
    await pause(30)
    await chunks.return()
    await pending
    expect(listeners).toBe(0)
    await inChild(
      async ({ pkg }, path) => {
        const store = new pkg.OutputStore(new pkg.DatabaseConnection(path))
        const following = store.follow('s-1')
        void following.next()
        await new Promise((resolve) => setTimeout(resolve, 50))
        void following.return()
      },
      [temporaryPath()],
      { timeout: 20_000 },
    )
  })

  test('follow() gives what waits in the queue of write-behind, once it is committed', async () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: true })
    const following = take(outputs.follow('s-1'), 2)
    outputs.append(sampleOutput({ data: 'a' }))
    outputs.append(sampleOutput({ data: 'b' }))
    expect(await following).toEqual(['a', 'b'])
  })

  test('follow() works in memory, and for several at a time', async () => {
    const { outputs } = openStores(':memory:')
    const following = [1, 2, 3].map(() => take(outputs.follow('s-1'), 1))
    await pause(30)
    outputs.append(sampleOutput({ data: 'a' }))
    expect(await Promise.all(following)).toEqual([['a'], ['a'], ['a']])
  })

  test('follow() checks its arguments at once', () => {
    const { outputs } = openStores()
    expect(failureOf(() => outputs.follow(5 as never))?.type).toBe('TypeError')
    expect(failureOf(() => outputs.follow('s-1', { after: -1 }))?.type).toBe('RangeError')
    expect(failureOf(() => outputs.follow('s-1', { signal: {} as never }))?.type).toBe('TypeError')
  })
})

describe('watch', () => {
  test('watch() tells which sessions have changed, whoever changed them', async () => {
    const path = temporaryPath()
    const watching = openConnection(path)
    const { sessions, outputs } = openStores(path)
    const seen: string[][] = []
    const stop = watching.watch((change) => seen.push([...change.sessions]))
    const tells = async (change: () => void, ids: string[]) => {
      seen.length = 0
      change()
      await expect.poll(() => seen, { timeout: 10_000, interval: 5 }).toEqual([ids])
    }
    await tells(() => sessions.create(sampleSession()), ['s-1'])
    await tells(() => outputs.append(sampleOutput()), ['s-1'])
    await tells(() => sessions.update('s-1', { status: 'completed' }), ['s-1'])
    await tells(() => outputs.append(sampleOutput({ sessionId: 'unknown' })), ['unknown'])
    await tells(() => sessions.delete('s-1'), ['s-1'])
    seen.length = 0
    stop()
    sessions.create(sampleSession({ id: 's-2' }))
    await pause(100)
    expect(seen).toEqual([])
  })

  test('watch() tells of changes by its own connection, and nothing where nothing changes', async () => {
    const { connection, sessions } = openStores(':memory:')
    const seen: string[][] = []
    const stop = connection.watch(({ sessions: ids }) => seen.push(ids))
    onTestFinished(stop)
    sessions.create(sampleSession())
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual([['s-1']])
    sessions.list()
    await pause(100)
    expect(seen).toHaveLength(1)
  })

  test('watch() ends when the connection is closed, and refuses what is not a function', async () => {
    const connection = new DatabaseConnection(':memory:')
    connection.watch(() => undefined)
    expect(failureOf(() => connection.watch(5 as never))).toMatchObject({
      type: 'TypeError',
      code: 'ERR_INVALID_ARG_TYPE',
    })
    connection.close()
    await pause(50)
    expect(failureOf(() => connection.watch(() => undefined))?.code).toBe('ERR_INVALID_STATE')
  })
})
