import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import { temporaryPath } from '../support/support.js'

const nodeOptions = ['--expose-gc']

describe('garbage collection', () => {
  test('garbage collection leaves the connection to the stores that still use it', async () => {
    const seen = await inChild(
      async ({ pkg }, path) => {
        const collect = () => globalThis.gc?.()
        const open = () => {
          const connection = new pkg.DatabaseConnection(path)
          return {
            sessions: new pkg.SessionStore(connection),
            outputs: new pkg.OutputStore(connection.db),
          }
        }
        const { sessions, outputs } = open()
        for (let round = 0; round < 5; round++) {
          collect()
          await new Promise((resume) => setImmediate(resume))
          sessions.create({
            id: `s-${round}`,
            slot: 1,
            status: 'idle',
            workingDir: '/',
            startedAt: new Date(0),
          })
          outputs.append({
            sessionId: 's-0',
            timestamp: new Date(round),
            type: 'stdout',
            data: String(round),
          })
        }
        return {
          collected: typeof globalThis.gc,
          ids: sessions.list().map(({ id }) => id),
          output: outputs.getFullOutput('s-0'),
        }
      },
      [temporaryPath()],
      { nodeOptions },
    )
    expect(seen).toEqual({
      collected: 'function',
      ids: ['s-4', 's-3', 's-2', 's-1', 's-0'],
      output: '0\n1\n2\n3\n4',
    })
  })

  test('garbage collection leaves the connection to a handle, a statement or an iterator that still uses it', async () => {
    const seen = await inChild(
      async ({ pkg }, path) => {
        const handle = (() => new pkg.DatabaseConnection(path).db)()
        const statement = (() =>
          new pkg.DatabaseConnection(path).db.prepare('SELECT 7 AS seven').pluck())()
        const rows = (() =>
          new pkg.DatabaseConnection(path).db
            .prepare('SELECT 1 UNION SELECT 2 UNION SELECT 3')
            .pluck()
            .iterate())()
        const read: unknown[] = []
        for (let round = 0; round < 3; round++) {
          globalThis.gc?.()
          await new Promise((resume) => setImmediate(resume))
          read.push(
            rows.next().value,
            statement.get(),
            handle.prepare('SELECT count(*) FROM sessions').pluck().get(),
          )
        }
        return read
      },
      [temporaryPath()],
      { nodeOptions },
    )
    expect(seen).toEqual([1, 7, 0, 2, 7, 0, 3, 7, 0])
  })

  test('garbage collection takes connections that nobody closed', async () => {
    const opened = await inChild(
      async ({ pkg }, path) => {
        for (let round = 0; round < 200; round++) {
          new pkg.SessionStore(new pkg.DatabaseConnection(path)).list()
          if (round % 20 === 0) {
            globalThis.gc?.()
            await new Promise((resume) => setImmediate(resume))
          }
        }
        return new pkg.SessionStore(new pkg.DatabaseConnection(path)).list().length
      },
      [temporaryPath()],
      { nodeOptions },
    )
    expect(opened).toBe(0)
  })

  test('garbage collection does not reach into results that were handed out', async () => {
    const lengths = await inChild(
      async ({ pkg }, path) => {
        const connection = new pkg.DatabaseConnection(path)
        const outputs = new pkg.OutputStore(connection)
        outputs.appendMany(
          Array.from({ length: 500 }, (_, index) => ({
            sessionId: 's-1',
            timestamp: new Date(index),
            type: 'stdout' as const,
            data: `${index} é 🚀`,
          })),
        )
        const kept = outputs.getBySession('s-1')
        connection.close()
        for (let round = 0; round < 5; round++) {
          globalThis.gc?.()
          await new Promise((resume) => setImmediate(resume))
        }
        return [kept.length, kept[0]?.data, kept[499]?.data, kept[499]?.timestamp.getTime()]
      },
      [temporaryPath()],
      { nodeOptions },
    )
    expect(lengths).toEqual([500, '499 é 🚀', '0 é 🚀', 0])
  })
})
