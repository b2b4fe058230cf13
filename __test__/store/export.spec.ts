import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  OutputStore,
  type ExportFormat,
  type ExportOptions,
  type ExportProgress,
} from '../../index.js'
import { inChild, startChild } from '../support/child.js'
import { exported, formats } from '../support/exported.js'
import { appendingDuring, FILLED, openFilled, startPairWriter } from '../support/filled.js'
import { looked, noTargets } from '../support/targets.js'
import {
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

/** How long an export of {@link openFilled} is, as raw bytes. */
const SIZE = FILLED.bytes * FILLED.chunks

describe('an export', () => {
  test('an export holds what was appended before the call, queued or not, and nothing later', async () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
    for (let i = 0; i < 100; i++) outputs.append(sampleOutput({ data: `${i};` }))
    const file = join(temporaryFolder(), 'export')
    const done = outputs.exportTo('s-1', file, { format: 'raw' })
    outputs.append(sampleOutput({ data: 'later' }))
    outputs.flush()
    expect(await done).toMatchObject({ outputs: 100, totalOutputs: 100 })
    expect(readFileSync(file, 'utf8')).toBe(Array.from({ length: 100 }, (_, i) => `${i};`).join(''))
  })

  test('an export is a snapshot while another process writes without a pause', async () => {
    const { connection, outputs } = openFilled()
    // One half comes before all other output, one after it: a reader without a snapshot could find one without the other.
    const half = { sessionId: 's-1', time: 0, data: 'p' }
    const pair = [{ ...half, isFirst: true }, half]
    const writer = startPairWriter(connection.path, pair)
    await writer.met('writing')
    const text = await exported(outputs, 'raw')
    writer.resume()
    expect(await writer.result).toBeGreaterThan(20)
    const [before = '', after = ''] = text.split('x'.repeat(SIZE))
    expect(before.length).toBeGreaterThan(0)
    expect(after).toBe(before)
  })

  test('an export leaves the event loop and the stores free to work', async () => {
    const { outputs } = openFilled()
    const appended = await appendingDuring(outputs, exported(outputs, 'ndjson'))
    expect(appended).toBeGreaterThan(1)
    expect(outputs.getBySession('meanwhile')).toHaveLength(appended)
  })

  test('an export of a database in memory holds what was there at the call', async () => {
    const { connection, outputs } = openStores(':memory:')
    outputs.append(sampleOutput({ data: 'kept' }))
    const file = join(temporaryFolder(), 'export')
    const done = outputs.exportTo('s-1', file, { format: 'raw' })
    outputs.append(sampleOutput({ data: 'later' }))
    connection.close()
    await done
    expect(readFileSync(file, 'utf8')).toBe('kept')
  })

  test('an export of a reader, or inside a transaction, holds what is committed', async () => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput())
    const reader = new OutputStore(openConnection(connection.path, { readonly: true }))
    expect(await exported(reader, 'raw')).toBe('hello')
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput())
    expect(await exported(outputs, 'raw')).toBe('hello')
    connection.db.exec('COMMIT')
    expect(await exported(outputs, 'raw')).toBe('hellohello')
  })

  test('an export goes on when the connection closes', async () => {
    const { connection, outputs } = openFilled()
    const file = join(temporaryFolder(), 'export')
    const done = outputs.exportTo('s-1', file, { format: 'raw' })
    connection.close()
    await done
    expect(statSync(file).size).toBe(SIZE)
    expect(existsSync(`${connection.path}-wal`)).toBe(false)
    expect(await rejectionOf(outputs.exportTo('s-1', file, { format: 'raw' }))).toEqual(
      invalidState('OutputStore.exportTo', 'closed'),
    )
  })

  test('several exports can run at once', async () => {
    const { outputs } = openFilled()
    const folder = temporaryFolder()
    await Promise.all(
      ['a', 'a', 'b'].map((name) => outputs.exportTo('s-1', join(folder, name), { format: 'raw' })),
    )
    expect(readdirSync(folder).sort()).toEqual(['a', 'b'])
    for (const name of ['a', 'b']) expect(statSync(join(folder, name)).size).toBe(SIZE)
  })

  test('an export reports its progress', async () => {
    const { outputs } = openFilled()
    const told: ExportProgress[] = []
    const file = join(temporaryFolder(), 'export')
    const end = await outputs.exportTo('s-1', file, {
      format: 'raw',
      onProgress: (progress) => void told.push(progress),
    })
    expect(end).toEqual({ outputs: 3_000, totalOutputs: 3_000, bytes: SIZE })
    expect(told.length).toBeGreaterThan(1)
    expect(told.at(-1)).toEqual(end)
    for (const { outputs: written, totalOutputs, bytes } of told) {
      expect(totalOutputs).toBe(3_000)
      expect(bytes).toBe(written * 4_000)
    }
    expect(told).toEqual([...told].sort((one, other) => one.outputs - other.outputs))
  })

  test(
    'an export takes little memory, however long the session, in every format',
    { tags: ['slow'] },
    async () => {
      const { connection, outputs } = openStores()
      const line = `${'\u001b[32mok\u001b[0m some output é '.repeat(30)}\r\n`
      const chunks = Array.from({ length: 10_000 }, () => sampleOutput({ data: line }))
      for (let i = 0; i < 20; i++) outputs.appendMany(chunks)
      connection.close()
      const file = join(temporaryFolder(), 'export')
      const { sizes, growth } = await inChild(
        async ({ pkg }, path, target, all) => {
          const own = new pkg.DatabaseConnection(path)
          const store = new pkg.OutputStore(own)
          const rss = () => process.memoryUsage.rss() / 2 ** 20
          await store.exportTo('unknown', target, { format: 'raw' })
          const before = rss()
          let peak = before
          const onProgress = () => void (peak = Math.max(peak, rss()))
          const bytes: number[] = []
          for (const format of all)
            bytes.push((await store.exportTo('s-1', target, { format, onProgress })).bytes)
          return { sizes: bytes, growth: peak - before }
        },
        [connection.path, file, formats],
      )
      expect(Math.min(...sizes)).toBeGreaterThan(100_000_000)
      // In MiB, of 160 MiB that are read. Most of it is the page cache of each connection, 16 MiB.
      expect(growth).toBeLessThan(64)
    },
  )
})

describe('the file of an export', () => {
  test.skipIf(process.platform === 'win32')(
    'the file of an export is private, even where it was not before',
    async () => {
      const { outputs } = openStores()
      const file = join(temporaryFolder(), 'new', 'export')
      await outputs.exportTo('s-1', file, { format: 'raw' })
      expect([fileMode(file), fileMode(join(file, '..'))]).toEqual(['0600', '0700'])
      const shared = join(file, '..', 'shared')
      writeFileSync(shared, 'of yesterday', { mode: 0o644 })
      await outputs.exportTo('s-1', shared, { format: 'raw' })
      expect(fileMode(shared)).toBe('0600')
    },
  )

  test('the file of an export keeps its old content until the whole export replaces it', async () => {
    const { outputs } = openFilled()
    const file = join(temporaryFolder(), 'export')
    writeFileSync(file, 'of yesterday')
    const seen = new Set<string>()
    await outputs.exportTo('s-1', file, {
      format: 'raw',
      onProgress: () => void seen.add(readFileSync(file, 'latin1')),
    })
    expect([...seen]).toEqual(['of yesterday'])
    expect(statSync(file).size).toBe(SIZE)
  })

  test('the file of an export may be a link, and the file behind it is written', async () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput())
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'real'), '')
    symlinkSync(join(folder, 'real'), join(folder, 'link'))
    await outputs.exportTo('s-1', join(folder, 'link'), { format: 'raw' })
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('hello')
  })

  test('the file of an export must not be the database itself, by any name', async () => {
    const { connection, outputs } = openStores()
    const { path } = connection
    const folder = temporaryFolder()
    symlinkSync(path, join(folder, 'link'))
    linkSync(path, `${path}.hard`)
    const names = [path, `${path}-wal`, `${path}-shm`, `${path}-journal`, `${path}.hard`]
    for (const own of [...names, join(folder, 'link')]) {
      expect(await rejectionOf(outputs.exportTo('s-1', own, { format: 'raw' }))).toEqual(
        outOfRange('OutputStore.exportTo', 'file', 'another file'),
      )
    }
    expect(connection.verify().ok).toBe(true)
  })

  describe.skipIf(process.platform === 'win32').each(noTargets)(
    'must not be %s,',
    (_, make, words) => {
      test('an export refuses a file that is no plain file, and leaves it as it is', async ({
        skip,
      }) => {
        const { connection, outputs } = openStores()
        outputs.append(sampleOutput())
        const folder = temporaryFolder()
        const file = join(folder, 'target')
        if (!(await make(file))) return skip('this user may not make one')
        const before = looked(folder)
        expect(await rejectionOf(outputs.exportTo('s-1', file, { format: 'raw' }))).toEqual({
          type: 'SqliteError',
          code: 'SQLITE_CANTOPEN',
          message: naming('OutputStore.exportTo', '"s-1"', connection.path, file, words),
        })
        expect(looked(folder)).toEqual(before)
      })
    },
  )

  test('an export refuses a folder, a path below a file, and a database that is open', async () => {
    const { connection, outputs } = openStores()
    const other = openStores()
    other.outputs.append(sampleOutput({ data: 'of others' }))
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'notes.txt'), '')
    for (const file of [folder, join(folder, 'notes.txt', 'a'), other.connection.path]) {
      expect(await rejectionOf(outputs.exportTo('s-1', file, { format: 'raw' }))).toEqual({
        type: 'SqliteError',
        code: 'SQLITE_CANTOPEN',
        message: naming('OutputStore.exportTo', '"s-1"', connection.path, file),
      })
    }
    expect(readdirSync(folder)).toEqual(['notes.txt'])
    other.connection.close()
    expect(storedData(other.connection.path)).toEqual(['of others'])
  })
})

describe('exportTo() that fails', () => {
  test.each([[''], ['a\0b'], ['file:export'], [':memory:']])(
    'rejects for the file %o',
    async (file) => {
      const { outputs } = openStores()
      expect(await rejectionOf(outputs.exportTo('s-1', file, { format: 'raw' }))).toEqual(
        outOfRange('OutputStore.exportTo', 'file'),
      )
    },
  )

  test.each<[string, unknown[], string]>([
    ['no session', [undefined, 'export', { format: 'raw' }], 'sessionId'],
    ['no file', ['s-1', undefined, { format: 'raw' }], 'file'],
    ['no options', ['s-1', 'export'], 'options'],
    ['options that are a text', ['s-1', 'export', 'raw'], 'options'],
    ['no format', ['s-1', 'export', {}], 'options.format'],
    [
      'an onProgress that is a number',
      ['s-1', 'export', { format: 'raw', onProgress: 5 }],
      'onProgress',
    ],
    [
      'a signal that is an empty object',
      ['s-1', 'export', { format: 'raw', signal: {} }],
      'options.signal',
    ],
    ['columns that are a text', ['s-1', 'export', { format: 'raw', columns: '80' }], 'columns'],
  ])('rejects with a TypeError for %s', async (_, args, word) => {
    const { outputs } = openStores()
    const call = outputs.exportTo.bind(outputs, ...(args as [string, string, ExportOptions]))
    expect(await rejectionOf(call())).toEqual(wrongType('OutputStore.exportTo', word))
    expect(existsSync('export')).toBe(false)
  })

  test.each([
    ['format', { format: 'pdf' as ExportFormat }],
    ['columns', { format: 'asciicast' as const, columns: 0 }],
    ['rows', { format: 'asciicast' as const, rows: 65_536 }],
    ['rows', { format: 'asciicast' as const, rows: 1.5 }],
  ])('rejects with a RangeError for %s out of range', async (field, options) => {
    const { outputs } = openStores()
    expect(await rejectionOf(outputs.exportTo('s-1', 'export', options))).toEqual(
      outOfRange('OutputStore.exportTo', `options.${field}`),
    )
    expect(existsSync('export')).toBe(false)
  })

  test('an export rejects with what a getter throws', async () => {
    const { outputs } = openStores()
    const thrown = new Error('of the caller')
    const options = {
      get format(): never {
        throw thrown
      },
    }
    await expect(outputs.exportTo('s-1', 'export', options)).rejects.toBe(thrown)
    expect(existsSync('export')).toBe(false)
  })

  test('an export rejects with what onProgress throws, and leaves nothing', async () => {
    const { outputs } = openFilled()
    const folder = temporaryFolder()
    const file = join(folder, 'export')
    const thrown = new Error('enough')
    const onProgress = () => {
      throw thrown
    }
    await expect(outputs.exportTo('s-1', file, { format: 'raw', onProgress })).rejects.toBe(thrown)
    const atTheEnd = ({ outputs: written, totalOutputs }: ExportProgress) => {
      if (written === totalOutputs) throw thrown
    }
    await expect(
      outputs.exportTo('s-1', file, { format: 'raw', onProgress: atTheEnd }),
    ).rejects.toBe(thrown)
    expect(readdirSync(folder)).toEqual([])
  })

  test('an export rejects with the reason of its signal, and leaves the file as it was', async () => {
    const { outputs } = openFilled()
    const folder = temporaryFolder()
    const file = join(folder, 'export')
    writeFileSync(file, 'of yesterday')
    const controller = new AbortController()
    const done = outputs.exportTo('s-1', file, {
      format: 'raw',
      signal: controller.signal,
      onProgress: () => controller.abort('changed my mind'),
    })
    await expect(done).rejects.toBe('changed my mind')
    const signal = AbortSignal.abort()
    await expect(outputs.exportTo('s-1', file, { format: 'raw', signal })).rejects.toBe(
      signal.reason,
    )
    expect(readdirSync(folder)).toEqual(['export'])
    expect(readFileSync(file, 'latin1')).toBe('of yesterday')
  })

  test.each([['process.exit'], ['SIGKILL']])(
    'an export leaves the file as it was when the process ends by %s',
    async (how) => {
      const { connection } = openFilled()
      connection.close()
      const file = join(temporaryFolder(), 'export')
      writeFileSync(file, 'of yesterday')
      const child = startChild(
        async ({ pkg }, path, target, end) => {
          const own = new pkg.DatabaseConnection(path)
          await new pkg.OutputStore(own).exportTo('s-1', target, {
            format: 'raw',
            onProgress: () => {
              if (end === 'process.exit') process.exit(0)
              process.kill(process.pid, 'SIGKILL')
            },
          })
        },
        [connection.path, file, how],
      )
      const { code, signal } = await child.outcome
      expect([code, signal]).toEqual(how === 'SIGKILL' ? [null, 'SIGKILL'] : [0, null])
      expect(readFileSync(file, 'latin1')).toBe('of yesterday')
      expect(storedData(connection.path)).toHaveLength(3_000)
    },
  )
})
