import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  lstatSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OutputStore, salvage, type BackupOptions, type BackupProgress } from '../../index.js'
import { inChild, packagePath, startChild } from '../support/child.js'
import { appendingDuring, openFilled, startPairWriter } from '../support/filled.js'
import { looked, noTargets } from '../support/targets.js'
import {
  everyRow,
  fileMode,
  invalidState,
  naming,
  openConnection,
  openStores,
  outOfRange,
  rejectionOf,
  sampleOutput,
  storedData,
  temporaryFolder,
  wrongType,
} from '../support/support.js'

describe('a backup', () => {
  test('a backup holds every row, in one private file that needs no others', async () => {
    const { connection } = openFilled()
    const target = join(temporaryFolder(), 'new', 'backup.db')
    const { totalPages, remainingPages } = await connection.backup(target)
    expect(remainingPages).toBe(0)
    expect(statSync(target).size).toBe(totalPages * 4_096)
    expect(readdirSync(join(target, '..'))).toEqual(['backup.db'])
    const reader = openConnection(target, { readonly: true })
    expect(reader.db.pragma('journal_mode', { simple: true })).toBe('delete')
    expect(reader.db.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(everyRow(reader)).toEqual(everyRow(connection))
    reader.close()
    expect(readdirSync(join(target, '..'))).toEqual(['backup.db'])
    expect(openConnection(target).db.pragma('journal_mode', { simple: true })).toBe('wal')
  })

  test('a backup holds what was appended before the call, queued or not, and nothing later', async () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
    for (let i = 0; i < 100; i++) outputs.append(sampleOutput({ data: `${i}` }))
    const target = join(temporaryFolder(), 'backup.db')
    const done = connection.backup(target)
    outputs.append(sampleOutput({ data: 'later' }))
    outputs.flush()
    await done
    expect(storedData(target)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
  })

  test('a backup is a snapshot, and ends although another process writes without a pause', async () => {
    const { connection } = openFilled()
    const pair = ['a', 'b'].map((half) => ({ sessionId: 'pairs', time: 0, data: half.repeat(500) }))
    const writer = startPairWriter(connection.path, pair)
    await writer.met('writing')
    const target = join(temporaryFolder(), 'backup.db')
    const steps: number[] = []
    await connection.backup(target, {
      onProgress: ({ remainingPages }) => void steps.push(remainingPages),
    })
    writer.resume()
    expect(await writer.result).toBeGreaterThan(20)
    // A backup that starts over has more to do than before.
    expect(steps).toEqual([...steps].sort((one, other) => other - one))
    const copy = openConnection(target)
    expect(copy.db.pragma('integrity_check', { simple: true })).toBe('ok')
    const pairs = new OutputStore(copy).getBySession('pairs')
    expect(pairs.length).toBeGreaterThan(0)
    expect(pairs.length % 2).toBe(0)
  })

  test('a backup leaves the event loop and the stores free to work', async () => {
    const { connection, outputs } = openFilled()
    const backup = connection.backup(join(temporaryFolder(), 'backup.db'))
    const appended = await appendingDuring(outputs, backup)
    expect(appended).toBeGreaterThan(1)
    expect(outputs.getBySession('meanwhile')).toHaveLength(appended)
  })

  test('a backup of a database in memory holds what was there at the call', async () => {
    const { connection, outputs } = openStores(':memory:')
    outputs.append(sampleOutput({ data: 'kept' }))
    const target = join(temporaryFolder(), 'backup.db')
    const done = connection.backup(target)
    outputs.append(sampleOutput({ data: 'later' }))
    connection.close()
    await done
    expect(storedData(target)).toEqual(['kept'])
  })

  test('a backup of a database in memory is refused during a transaction, and works after it', async () => {
    const { connection, outputs } = openStores(':memory:')
    const target = join(temporaryFolder(), 'backup.db')
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput())
    expect(await rejectionOf(connection.backup(target))).toEqual({
      type: 'SqliteError',
      code: 'SQLITE_BUSY',
      message: naming('DatabaseConnection.backup', 'transaction'),
    })
    connection.db.exec('COMMIT')
    await connection.backup(target)
    expect(storedData(target)).toEqual(['hello'])
  })

  test('a backup works for a reader, inside a transaction and during an iteration', async () => {
    const { connection, outputs } = openFilled()
    const folder = temporaryFolder()
    const reader = openConnection(connection.path, { readonly: true })
    await reader.backup(join(folder, 'reader.db'))
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput())
    await connection.backup(join(folder, 'transaction.db'))
    connection.db.exec('COMMIT')
    for (const row of connection.db.prepare('SELECT id FROM session_outputs').iterate()) {
      expect(row).toEqual({ id: 1 })
      await connection.backup(join(folder, 'iteration.db'))
      break
    }
    const rows = ['reader', 'transaction', 'iteration'].map(
      (name) => storedData(join(folder, `${name}.db`)).length,
    )
    expect(rows).toEqual([3_000, 3_000, 3_001])
  })

  test('a backup goes on when the connection closes', async () => {
    const { connection } = openFilled()
    const target = join(temporaryFolder(), 'backup.db')
    const done = connection.backup(target)
    connection.close()
    await done
    expect(storedData(target)).toHaveLength(3_000)
    expect(existsSync(`${connection.path}-wal`)).toBe(false)
    expect(await rejectionOf(connection.backup(target))).toEqual(
      invalidState('DatabaseConnection.backup', 'closed'),
    )
  })

  test('several backups can run at once', async () => {
    const { connection } = openFilled()
    const folder = temporaryFolder()
    const targets = ['a.db', 'a.db', 'b.db'].map((name) => join(folder, name))
    await Promise.all(targets.map((target) => connection.backup(target)))
    expect(readdirSync(folder).sort()).toEqual(['a.db', 'b.db'])
    for (const target of targets) expect(storedData(target)).toHaveLength(3_000)
  })
})

describe('the target of a backup', () => {
  test.skipIf(process.platform === 'win32')(
    'the target of a backup is private, even where it was not before',
    async () => {
      const { connection } = openStores()
      const target = join(temporaryFolder(), 'backup.db')
      writeFileSync(target, 'of yesterday', { mode: 0o644 })
      await connection.backup(target)
      expect(fileMode(target)).toBe('0600')
    },
  )

  test('the target of a backup keeps its old content until the whole backup replaces it', async () => {
    const { connection } = openFilled()
    const folder = temporaryFolder()
    const target = join(folder, 'backup.db')
    writeFileSync(target, 'of yesterday')
    const seen = new Set<string>()
    await connection.backup(target, {
      onProgress: () => void seen.add(readFileSync(target, 'latin1').slice(0, 12)),
    })
    expect([...seen]).toEqual(['of yesterday'])
    expect(storedData(target)).toHaveLength(3_000)
  })

  test('the target of a backup may be a link, and the file behind it is written', async () => {
    const { connection } = openStores()
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'real.db'), '')
    symlinkSync(join(folder, 'real.db'), join(folder, 'link.db'))
    await connection.backup(join(folder, 'link.db'))
    expect(statSync(join(folder, 'real.db')).size).toBeGreaterThan(0)
  })

  test('the target of a backup must not be the database itself, by any name', async () => {
    const { connection } = openStores()
    const { path } = connection
    const folder = temporaryFolder()
    symlinkSync(path, join(folder, 'link.db'))
    linkSync(path, `${path}.hard`)
    const before = readdirSync(join(path, '..'))
    const names = [path, `${path}-wal`, `${path}-shm`, `${path}-journal`, `${path}.hard`]
    for (const own of [...names, join(folder, 'link.db'), join(path, '..', '.', 'sessions.db')]) {
      expect(await rejectionOf(connection.backup(own))).toEqual(
        outOfRange('DatabaseConnection.backup', 'path', 'another file'),
      )
    }
    expect(readdirSync(join(path, '..'))).toEqual(before)
    expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
  })

  describe.skipIf(process.platform === 'win32').each(noTargets)(
    'a target that is %s',
    (what, make, words) => {
      test(`a backup refuses ${what} as its target, and leaves it as it is`, async ({ skip }) => {
        const { connection } = openStores()
        const folder = temporaryFolder()
        const target = join(folder, 'target')
        if (!(await make(target))) return skip('this user may not make one')
        const before = looked(folder)
        expect(await rejectionOf(connection.backup(target))).toEqual({
          type: 'SqliteError',
          code: 'SQLITE_CANTOPEN',
          message: naming('DatabaseConnection.backup', connection.path, target, words),
        })
        expect(looked(folder)).toEqual(before)
      })

      test(`a salvage refuses ${what} as its target, and leaves it as it is`, async ({ skip }) => {
        const { connection } = openStores()
        connection.close()
        const folder = temporaryFolder()
        const target = join(folder, 'target')
        if (!(await make(target))) return skip('this user may not make one')
        const before = looked(folder)
        expect(await rejectionOf(salvage(connection.path, target))).toEqual({
          type: 'SqliteError',
          code: 'SQLITE_CANTOPEN',
          message: naming('salvage', target, words),
        })
        expect(looked(folder)).toEqual(before)
      })

      test(`a backup refuses a target that has become ${what} meanwhile`, async ({ skip }) => {
        const { connection } = openStores()
        const folder = temporaryFolder()
        const target = join(folder, 'target')
        if (!(await make(join(temporaryFolder(), 'try')))) return skip('this user may not make one')
        const made: unknown[] = []
        const onProgress = () => void made.push(make(target))
        expect((await rejectionOf(connection.backup(target, { onProgress })))?.code).toBe(
          'SQLITE_CANTOPEN',
        )
        expect(await Promise.all(made)).toEqual([true])
        expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
        expect(lstatSync(target).isFile()).toBe(false)
      })
    },
  )

  test.each([
    [
      'below a file',
      (folder: string) => {
        writeFileSync(join(folder, 'notes.txt'), '')
        return join(folder, 'notes.txt', 'backup.db')
      },
    ],
    [
      'with a log beside it',
      (folder: string) => {
        writeFileSync(join(folder, 'backup.db-wal'), 'frames')
        return join(folder, 'backup.db')
      },
    ],
  ])('a backup refuses a target %s', async (_, make) => {
    const { connection } = openStores()
    const folder = temporaryFolder()
    const target = make(folder)
    const before = readdirSync(folder)
    expect(await rejectionOf(connection.backup(target))).toEqual({
      type: 'SqliteError',
      code: 'SQLITE_CANTOPEN',
      message: naming('DatabaseConnection.backup', connection.path, target),
    })
    expect(readdirSync(folder)).toEqual(before)
  })

  test('a backup refuses a target that is an open database', async () => {
    const { connection } = openStores()
    const other = openStores()
    other.outputs.append(sampleOutput({ data: 'of others' }))
    expect(await rejectionOf(connection.backup(other.connection.path))).toMatchObject({
      type: 'SqliteError',
      code: 'SQLITE_CANTOPEN',
    })
    other.connection.close()
    expect(storedData(other.connection.path)).toEqual(['of others'])
  })
})

describe('a backup that fails', () => {
  test.each([[''], ['a\0b'], ['file:backup.db'], [':memory:']])(
    'a backup with the path %o is rejected',
    async (path) => {
      const { connection } = openStores()
      expect(await rejectionOf(connection.backup(path))).toEqual(
        outOfRange('DatabaseConnection.backup', 'path'),
      )
    },
  )

  test.each([
    ['no path', [undefined], 'path'],
    ['a number as its path', [5], 'path'],
    ['options that are a number', ['backup.db', 5], 'options'],
    ['an onProgress that is a number', ['backup.db', { onProgress: 5 }], 'options.onProgress'],
    ['a signal that is an empty object', ['backup.db', { signal: {} }], 'options.signal'],
  ])('a backup with %s is rejected', async (_, args, word) => {
    const { connection } = openStores()
    const [path, options] = args as [string, BackupOptions]
    expect(await rejectionOf(connection.backup(path, options))).toEqual(
      wrongType('DatabaseConnection.backup', word),
    )
    expect(existsSync('backup.db')).toBe(false)
  })

  test('a backup rejects with what a getter throws', async () => {
    const { connection } = openStores()
    const options = {
      get onProgress(): never {
        throw thrown
      },
    }
    const thrown = new Error('of the caller')
    await expect(connection.backup('backup.db', options)).rejects.toBe(thrown)
    expect(existsSync('backup.db')).toBe(false)
  })

  test('a backup rejects with what onProgress throws, and leaves nothing', async () => {
    const { connection } = openFilled()
    const folder = temporaryFolder()
    const target = join(folder, 'backup.db')
    for (const thrown of [new Error('enough'), 'a string', undefined]) {
      const onProgress = () => {
        throw thrown
      }
      await expect(connection.backup(target, { onProgress })).rejects.toBe(thrown)
    }
    let calls = 0
    const atTheEnd = ({ remainingPages }: BackupProgress) => {
      calls++
      if (remainingPages === 0) throw new Error('at the end')
    }
    await expect(connection.backup(target, { onProgress: atTheEnd })).rejects.toThrow('at the end')
    expect(calls).toBeGreaterThan(1)
    expect(readdirSync(folder)).toEqual([])
  })

  test('a backup rejects with the reason of its signal, and leaves nothing', async () => {
    const { connection } = openFilled()
    const folder = temporaryFolder()
    const target = join(folder, 'backup.db')
    const controller = new AbortController()
    const done = connection.backup(target, {
      signal: controller.signal,
      onProgress: () => controller.abort('changed my mind'),
    })
    await expect(done).rejects.toBe('changed my mind')
    const aborted = AbortSignal.abort()
    await expect(connection.backup(target, { signal: aborted })).rejects.toBe(aborted.reason)
    expect(readdirSync(folder)).toEqual([])
    await connection.backup(target, { signal: new AbortController().signal })
    expect(readdirSync(folder)).toEqual(['backup.db'])
  })
})

describe('the end of a process or a Worker during a backup', () => {
  test.each([['process.exit'], ['an uncaught exception'], ['SIGKILL']])(
    '%s during a backup leaves the target as it was',
    async (how) => {
      const { connection } = openFilled()
      connection.close()
      const target = join(temporaryFolder(), 'backup.db')
      writeFileSync(target, 'of yesterday')
      const child = startChild(
        async ({ pkg }, path, copy, end) => {
          const own = new pkg.DatabaseConnection(path)
          await own.backup(copy, {
            onProgress: () => {
              if (end === 'process.exit') process.exit(0)
              if (end === 'SIGKILL') process.kill(process.pid, 'SIGKILL')
              process.nextTick(() => {
                throw new Error('nobody catches this')
              })
              // Long enough for the exception to come first.
              throw new Error('stop')
            },
          })
        },
        [connection.path, target, how],
      )
      const { code, signal } = await child.outcome
      const expected = { 'process.exit': [0, null], SIGKILL: [null, 'SIGKILL'] }[how] ?? [1, null]
      expect([code, signal]).toEqual(expected)
      expect(readFileSync(target, 'latin1')).toBe('of yesterday')
      expect(storedData(connection.path)).toHaveLength(3_000)
    },
  )

  test('a Worker that is terminated during backups leaves its process and the databases sound', async () => {
    const { connection } = openFilled()
    connection.close()
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'b'))
    await inChild(
      async ({ require }, path, into, pkg) => {
        const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
        for (let round = 0; round < 5; round++) {
          const worker = new Worker(
            `const { parentPort } = require('node:worker_threads')
            const { DatabaseConnection } = require(${JSON.stringify(pkg)})
            const connection = new DatabaseConnection(${JSON.stringify(path)})
            const into = ${JSON.stringify(into)} + '/${round}-'
            connection.backup(into + 'a.db', { onProgress: () => parentPort.postMessage('copying') })
            connection.backup(into + 'b.db')`,
            { eval: true },
          )
          await new Promise((resolve) => worker.once('message', resolve))
          await worker.terminate()
        }
        // Time for the threads of those that go on.
        await new Promise((resolve) => setTimeout(resolve, 500))
      },
      [connection.path, join(folder, 'b'), packagePath],
    )
    for (const name of readdirSync(join(folder, 'b')).filter((file) => file.endsWith('.db')))
      expect(storedData(join(folder, 'b', name))).toHaveLength(3_000)
    expect(storedData(connection.path)).toHaveLength(3_000)
  })
})
