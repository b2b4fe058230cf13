import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inChild, packagePath, startChild } from '../support/child.js'
import {
  at,
  failureOf,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryFolder,
  temporaryPath,
} from '../support/support.js'

describe('processes', () => {
  test('sixteen processes open one new file at once, and all succeed', async () => {
    const path = join(temporaryFolder(), 'new', 'sessions.db')
    const children = Array.from({ length: 16 }, (_, index) =>
      startChild(
        async ({ pkg, meet }, file, id) => {
          await meet('ready')
          const connection = new pkg.DatabaseConnection(file)
          new pkg.SessionStore(connection).create({
            id,
            slot: 1,
            status: 'running',
            workingDir: '/',
            startedAt: new Date(0),
          })
          const outputs = new pkg.OutputStore(connection)
          for (let line = 0; line < 20; line++) {
            outputs.append({
              sessionId: id,
              timestamp: new Date(line),
              type: 'stdout',
              data: `${line}`,
            })
          }
          connection.close()
          return id
        },
        [path, `s-${index}`],
      ),
    )
    await Promise.all(children.map((child) => child.met('ready')))
    for (const child of children) child.resume()
    const ids = await Promise.all(children.map((child) => child.result))
    expect(ids).toHaveLength(16)

    const { connection, sessions, outputs } = openStores(path)
    expect(new Set(sessions.list().map(({ id }) => id))).toEqual(new Set(ids))
    for (const id of ids) {
      expect(outputs.getFullOutput(id, { separator: ' ' })).toBe(
        '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19',
      )
    }
    expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
  })

  test('eight processes widen one older file at once, and all succeed', async () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    const children = Array.from({ length: 8 }, (_, index) =>
      startChild(
        async ({ pkg, meet }, file, id) => {
          await meet('ready')
          const own = new pkg.DatabaseConnection(file, { slots: 4 })
          new pkg.SessionStore(own).create({
            id,
            slot: 4,
            status: 'idle',
            workingDir: '/',
            startedAt: new Date(0),
          })
          own.close()
          return id
        },
        [connection.path, `w-${index}`],
      ),
    )
    await Promise.all(children.map((child) => child.met('ready')))
    for (const child of children) child.resume()
    await Promise.all(children.map((child) => child.result))
    expect(sessions.list().map(({ slot }) => slot)).toEqual([1, 4, 4, 4, 4, 4, 4, 4, 4])
    expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
  })

  test('processes see what another one wrote', async () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    const child = startChild(
      async ({ pkg, meet }, file) => {
        const own = new pkg.DatabaseConnection(file)
        const ownSessions = new pkg.SessionStore(own)
        const before = ownSessions.list().map(({ id }) => id)
        ownSessions.update('s-1', { status: 'completed' })
        new pkg.OutputStore(own).append({
          sessionId: 's-1',
          timestamp: new Date(0),
          type: 'stdout',
          data: 'of the child',
        })
        await meet('written')
        return { before, after: ownSessions.list().map(({ id }) => id) }
      },
      [connection.path],
    )
    await child.met('written')
    expect(sessions.get('s-1')?.status).toBe('completed')
    expect(outputs.getFullOutput('s-1')).toBe('of the child')
    sessions.create(sampleSession({ id: 's-2' }))
    child.resume()
    expect(await child.result).toEqual({ before: ['s-1'], after: ['s-2', 's-1'] })
  })

  test('a process that holds the file makes others fail with SQLITE_BUSY until it lets go', async () => {
    const { connection, sessions, outputs } = openStores(temporaryPath(), { timeout: 0 })
    sessions.create(sampleSession())
    const child = startChild(
      async ({ pkg, meet }, file) => {
        const own = new pkg.DatabaseConnection(file)
        own.db.exec('BEGIN IMMEDIATE')
        await meet('held')
        own.db.exec('COMMIT')
        await meet('free')
        own.close()
      },
      [connection.path],
    )
    await child.met('held')
    const writes = [
      () => outputs.append(sampleOutput()),
      () => outputs.appendMany([sampleOutput()]),
      () => outputs.deleteBySession('s-1'),
      () => sessions.create(sampleSession({ id: 's-2' })),
      () => sessions.update('s-1', { pid: 1 }),
      () => sessions.delete('s-1'),
    ]
    for (const write of writes) expect(failureOf(write)).toEqual(sqliteFailure('SQLITE_BUSY'))
    expect(sessions.list().map(({ id, pid }) => [id, pid])).toEqual([['s-1', undefined]])
    child.resume()
    await child.met('free')
    outputs.append(sampleOutput())
    expect(outputs.getFullOutput('s-1')).toBe('hello')
    child.resume()
    await child.result
  })

  test('a process that waits for the file gets it when it is free', async () => {
    const { connection, outputs } = openStores()
    const child = startChild(
      async ({ pkg, meet }, file) => {
        const own = new pkg.DatabaseConnection(file, { timeout: 60_000 })
        await meet('open')
        new pkg.OutputStore(own).append({
          sessionId: 's-1',
          timestamp: new Date(0),
          type: 'stdout',
          data: 'waited',
        })
        own.close()
      },
      [connection.path],
    )
    await child.met('open')
    connection.db.exec('BEGIN IMMEDIATE')
    child.resume()
    outputs.append(sampleOutput({ timestamp: at(0), data: 'first' }))
    connection.db.exec('COMMIT')
    await child.result
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual(['first', 'waited'])
  })

  test('a process can open a file of the current version while another one writes to it', async () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    connection.db.exec('BEGIN IMMEDIATE')
    const ids = await inChild(
      ({ pkg }, file) => {
        const own = new pkg.DatabaseConnection(file, { timeout: 0 })
        return new pkg.SessionStore(own).list().map(({ id }) => id)
      },
      [connection.path],
    )
    connection.db.exec('COMMIT')
    expect(ids).toEqual(['s-1'])
  })
})

describe('acknowledged output', () => {
  test.each([['SIGKILL'], ['exit'], ['exception'], ['abort']])(
    'acknowledged output is there after the process ended by %s',
    async (end) => {
      const path = temporaryPath()
      const child = startChild(
        ({ pkg }, file, how) => {
          const outputs = new pkg.OutputStore(new pkg.DatabaseConnection(file))
          for (let line = 0; line < 100; line++) {
            outputs.append({
              sessionId: 's-1',
              timestamp: new Date(line),
              type: 'stdout',
              data: `${line}`,
            })
          }
          if (how === 'SIGKILL') process.kill(process.pid, 'SIGKILL')
          if (how === 'exit') process.exit(3)
          if (how === 'abort') process.abort()
          throw new Error('nobody catches this')
        },
        [path, end],
      )
      const { code, signal } = await child.outcome
      expect(code === 0 && signal === null).toBe(false)
      const { outputs } = openStores(path)
      expect(outputs.getBySession('s-1')).toHaveLength(100)
      expect(outputs.getBySession('s-1', 1)[0]?.data).toBe('99')
    },
  )
})

describe('worker threads', () => {
  test('worker threads each open their own connection to one file', async () => {
    const path = temporaryPath()
    await inChild(
      async ({ require }, file, entry) => {
        const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
        const program = `
          const { workerData: { file, entry, id } } = require('node:worker_threads')
          const { DatabaseConnection, SessionStore, OutputStore, SqliteError } = require(entry)
          const connection = new DatabaseConnection(file)
          new SessionStore(connection).create({ id, slot: 1, status: 'idle', workingDir: '/', startedAt: new Date(0) })
          const outputs = new OutputStore(connection)
          for (let line = 0; line < 50; line++) {
            outputs.append({ sessionId: id, timestamp: new Date(line), type: 'stdout', data: 'line' })
          }
          try { connection.db.exec('not SQL') } catch (error) { if (!(error instanceof SqliteError)) throw error }
          if (id !== 'w-0') connection.close()`
        const workers = Array.from(
          { length: 4 },
          (_, index) =>
            new Worker(program, { eval: true, workerData: { file, entry, id: `w-${index}` } }),
        )
        await Promise.all(
          workers.map(
            (worker) =>
              new Promise<void>((resolve, reject) => {
                worker.once('error', reject)
                worker.once('exit', () => resolve())
              }),
          ),
        )
      },
      [path, packagePath],
    )
    const { sessions, outputs } = openStores(path)
    expect(new Set(sessions.list().map(({ id }) => id))).toEqual(
      new Set(['w-0', 'w-1', 'w-2', 'w-3']),
    )
    for (let index = 0; index < 4; index++)
      expect(outputs.getBySession(`w-${index}`)).toHaveLength(50)
  })

  test('a worker thread may be terminated while it writes', async () => {
    const path = temporaryPath()
    const written = await inChild(
      async ({ pkg, require }, file, entry) => {
        const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
        const program = `
          const { workerData: { file, entry }, parentPort } = require('node:worker_threads')
          const { DatabaseConnection, OutputStore } = require(entry)
          const outputs = new OutputStore(new DatabaseConnection(file))
          for (let line = 0; ; line++) {
            outputs.append({ sessionId: 's-1', timestamp: new Date(line), type: 'stdout', data: String(line) })
            if (line === 10) parentPort.postMessage('writing')
          }`
        const worker = new Worker(program, { eval: true, workerData: { file, entry } })
        await new Promise((resume) => worker.once('message', resume))
        await worker.terminate()
        return new pkg.OutputStore(new pkg.DatabaseConnection(file)).getBySession('s-1').length
      },
      [path, packagePath],
    )
    expect(written).toBeGreaterThan(10)
  })
})
