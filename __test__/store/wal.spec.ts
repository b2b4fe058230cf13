import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { startChild } from '../support/child.js'
import {
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  temporaryPath,
} from '../support/support.js'

const MIB = 2 ** 20

function appendMany(outputs: ReturnType<typeof openStores>['outputs'], rows: number): void {
  for (let i = 0; i < rows; i++) outputs.append(sampleOutput({ data: `${i} ${'x'.repeat(150)}` }))
}

describe('the write-ahead log', () => {
  test('the write-ahead log is moved into the file while nothing is written, and is gone after close', async () => {
    const { connection, outputs } = openStores()
    appendMany(outputs, 100)
    expect(connection.walStatus().frames).toBeGreaterThan(100)
    await expect.poll(() => connection.walStatus().framesLeft, { timeout: 20_000 }).toBe(0)
    connection.close()
    expect(existsSync(`${connection.path}-wal`)).toBe(false)
    expect(existsSync(`${connection.path}-shm`)).toBe(false)
  })

  test('the write-ahead log stays below twice its limit while somebody writes without a pause', () => {
    const { connection, outputs } = openStores(undefined, { walLimit: 4 * MIB })
    // Without a limit, this many commits would make a log of about 200 MB.
    appendMany(outputs, 10_000)
    expect(connection.walStatus().size).toBeLessThanOrEqual(8 * MIB)
    expect(outputs.getBySession('s-1')).toHaveLength(10_000)
  })

  test('the write-ahead log waits for a reader of another process, says so, and starts over afterwards', async () => {
    const { connection, outputs } = openStores(undefined, { walLimit: 2 * MIB })
    appendMany(outputs, 1)
    const reader = startChild(
      async ({ pkg, meet }, path) => {
        const own = new pkg.DatabaseConnection(path)
        own.db.exec('BEGIN; SELECT count(*) FROM session_outputs')
        await meet('reading')
        own.db.exec('COMMIT')
        await meet('done')
        own.close()
      },
      [connection.path],
    )
    await reader.met('reading')
    appendMany(outputs, 2_000)
    const status = () => connection.walStatus()
    await expect.poll(() => status().blockedBy, { timeout: 20_000 }).toBe('reader')
    expect(status().framesLeft).toBeGreaterThan(1_000)
    reader.resume()
    await reader.met('done')
    outputs.append(sampleOutput({ data: 'news' }))
    await expect.poll(() => status().framesLeft, { timeout: 20_000 }).toBe(0)
    outputs.append(sampleOutput({ data: 'at the start of the log' }))
    expect(status().frames).toBeLessThan(100)
    expect(status().size).toBeLessThanOrEqual(4 * MIB)
    reader.resume()
    await reader.outcome
  })

  test('walStatus() can be called while the connection reads and writes', () => {
    const { connection, outputs } = openStores()
    const { db } = connection
    appendMany(outputs, 3)
    const { frames } = connection.walStatus()
    for (const _ of db.prepare('SELECT 1 FROM session_outputs').iterate()) {
      expect(connection.walStatus().frames).toBe(frames)
    }
    db.transaction(() => {
      db.exec('DELETE FROM session_outputs')
      expect(connection.walStatus().frames).toBe(frames)
    }).immediate()
    expect(connection.walStatus().frames).toBeGreaterThan(frames)
  })

  test('walStatus() in memory has nothing to tell', () => {
    expect(openConnection(':memory:').walStatus()).toEqual({
      size: 0,
      frames: 0,
      framesLeft: 0,
      blockedBy: null,
    })
  })

  test('walStatus() throws after close', () => {
    const connection = openConnection()
    connection.close()
    expect(failureOf(() => connection.walStatus())).toMatchObject({
      type: 'TypeError',
      code: 'ERR_INVALID_STATE',
    })
  })
})

test.each([
  [0, 'RangeError'],
  [MIB - 1, 'RangeError'],
  [1.5 * MIB + 0.5, 'RangeError'],
  ['64', 'TypeError'],
])('a walLimit of %j throws a %s', (walLimit, type) => {
  const failure = failureOf(() => openConnection(temporaryPath(), { walLimit } as never))
  expect(failure?.type).toBe(type)
  expect(failure?.message).toMatch(/^DatabaseConnection.*walLimit/)
})
