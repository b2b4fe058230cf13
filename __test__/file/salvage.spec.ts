import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OutputStore, salvage } from '../../index.js'
import { inChild } from '../support/child.js'
import {
  at,
  copyOfPlanFile,
  everyRow,
  fileHash,
  fileMode,
  naming,
  openConnection,
  openStores,
  outOfRange,
  rejectionOf,
  sampleOutput,
  sampleSession,
  temporaryFolder,
  temporaryPath,
  writeForeignFile,
  wrongType,
} from '../support/support.js'

const PAGE = 4_096

/** The offset of the text encoding in the header of a file, and the number of each encoding. */
const ENCODING_AT = 56
const ENCODINGS = { 'UTF-8': 1, 'UTF-16le': 2, 'UTF-16be': 3 }
const encodings = Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[]

/** A file without tables whose texts are to be stored in this encoding. */
function emptyFile(encoding: keyof typeof ENCODINGS): string {
  const path = temporaryPath()
  writeForeignFile(path, 'CREATE TABLE other.t (x); DROP TABLE other.t')
  const content = readFileSync(path)
  content.writeUInt32BE(ENCODINGS[encoding], ENCODING_AT)
  writeFileSync(path, content)
  return path
}

/** A closed file with three sessions and a thousand chunks, what it holds, and where a table begins. */
function filledFile(encoding: keyof typeof ENCODINGS = 'UTF-8') {
  const { connection, sessions, outputs } = openStores(emptyFile(encoding), { slots: 4 })
  expect(connection.db.pragma('encoding', { simple: true })).toBe(encoding)
  for (const slot of [1, 2, 4]) sessions.create(sampleSession({ id: `s-${slot}`, slot, pid: slot }))
  const data = (index: number) => `${index} \0\uFEFF🚀\r\n`.repeat(index % 100 === 0 ? 900 : 20)
  outputs.appendMany(
    Array.from({ length: 1_000 }, (_, index) =>
      sampleOutput({ sessionId: 's-4', timestamp: at(index), data: data(index) }),
    ),
  )
  const rows = everyRow(connection)
  const roots = connection.db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck()
  const root = Number(roots.get('session_outputs'))
  connection.close()
  return { path: connection.path, rows, root }
}

/** Fills a page of the file with zeros. */
function zeroPage(path: string, page: number): void {
  const content = readFileSync(path)
  content.fill(0, (page - 1) * PAGE, page * PAGE)
  writeFileSync(path, content)
}

const NOTHING_LOST = { sessions: 0, outputs: 0, pages: 0 }

describe('salvage', () => {
  test('salvage of a sound file gives a new, private file with every row', async () => {
    const { path, rows } = filledFile()
    const folder = temporaryFolder()
    const target = join(folder, 'new', 'salvaged.db')
    expect(await salvage(path, target)).toEqual({
      sessions: 3,
      outputs: 1_000,
      lost: NOTHING_LOST,
      problems: [],
    })
    expect(readdirSync(join(folder, 'new'))).toEqual(['salvaged.db'])
    const { connection, sessions } = openStores(target)
    expect(everyRow(connection)).toEqual(rows)
    expect(connection.verify()).toMatchObject({ ok: true, schemaVersion: 2 })
    sessions.create(sampleSession({ id: 'in the fourth slot', slot: 4 }))
  })

  test.skipIf(process.platform === 'win32')(
    'salvage gives a file that only its owner can read',
    async () => {
      const { path } = filledFile()
      const target = temporaryPath()
      await salvage(path, target)
      expect(fileMode(target)).toBe('0600')
    },
  )

  test('gives what a file of the better-sqlite3 version holds', async () => {
    const path = copyOfPlanFile()
    const before = everyRow(openConnection(path, { readonly: true }))
    const target = temporaryPath()
    expect(await salvage(path, target)).toMatchObject({ lost: NOTHING_LOST, problems: [] })
    expect(everyRow(openConnection(target))).toEqual(before)
  })

  test('salvage gives every row although the first page is gone and SQLite can read nothing', async () => {
    const { path, rows } = filledFile()
    zeroPage(path, 1)
    expect(() => openConnection(path)).toThrow('not a database')
    const target = temporaryPath()
    const report = await salvage(path, target)
    expect(report).toMatchObject({ sessions: 3, outputs: 1_000, lost: { outputs: 0, pages: 1 } })
    expect(report.problems.join('\n')).toMatch(/header is damaged/)
    expect(everyRow(openConnection(target))).toEqual(rows)
  })

  test.each(encodings)('salvage gives every row of a file in %s', async (encoding) => {
    const { path, rows } = filledFile(encoding)
    const target = temporaryPath()
    expect(await salvage(path, target)).toEqual({
      sessions: 3,
      outputs: 1_000,
      lost: NOTHING_LOST,
      problems: [],
    })
    const salvaged = openConnection(target)
    expect(everyRow(salvaged)).toEqual(rows)
    expect(salvaged.db.pragma('encoding', { simple: true })).toBe('UTF-8')
  })

  test.each(encodings)(
    'salvage gives every row of a file in %s although its header names another encoding or is gone',
    async (encoding) => {
      const { path, rows } = filledFile(encoding)
      const content = readFileSync(path)
      for (const number of [0, 1, 2, 3, 0xffff]) {
        content.writeUInt32BE(number, ENCODING_AT)
        writeFileSync(path, content)
        const target = temporaryPath()
        expect(await salvage(path, target)).toMatchObject({ lost: NOTHING_LOST })
        expect(everyRow(openConnection(target))).toEqual(rows)
      }
      zeroPage(path, 1)
      const target = temporaryPath()
      expect(await salvage(path, target)).toMatchObject({ sessions: 3, outputs: 1_000 })
      expect(everyRow(openConnection(target))).toEqual(rows)
    },
  )

  test('salvage counts rows as lost where it can read none of them', async () => {
    const path = temporaryPath()
    writeForeignFile(
      path,
      `CREATE TABLE other.session_outputs (id, session_id, timestamp, type, data, created_at);
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
       INSERT INTO other.session_outputs SELECT NULL, 's', 'then', 'stdin', hex(randomblob(30)), NULL FROM n`,
    )
    expect(await salvage(path, temporaryPath())).toMatchObject({
      outputs: 0,
      lost: { outputs: 500 },
    })
    zeroPage(path, 1)
    expect(await salvage(path, temporaryPath())).toMatchObject({
      outputs: 0,
      lost: { outputs: 500 },
    })
  })

  test('lets ids go on where they were, so that no cursor misses what is new', async () => {
    const { path, root } = filledFile()
    const open = openStores(path)
    open.outputs.appendMany(Array.from({ length: 50 }, () => sampleOutput({ sessionId: 's-4' })))
    const { cursor } = open.outputs.tail('s-4', {})
    open.connection.db.exec('DELETE FROM session_outputs WHERE id > 990')
    open.connection.close()
    expect(cursor).toBe(1_050)
    for (const damage of [[], [root], [1]]) {
      for (const page of damage) zeroPage(path, page)
      const target = temporaryPath()
      await salvage(path, target)
      const { outputs } = openStores(target)
      outputs.append(sampleOutput({ sessionId: 's-4', data: 'new' }))
      const { outputs: read } = outputs.read('s-4', { after: cursor })
      expect(read.map(({ data }) => data)).toEqual(['new'])
    }
  })

  test('salvage lets ids go on after the highest one it found where the last one cannot be read', async () => {
    const { path } = filledFile()
    const connection = openConnection(path)
    const page = connection.db.prepare(
      "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_sequence'",
    )
    const sequence = Number(page.pluck().get())
    connection.close()
    zeroPage(path, sequence)
    const target = temporaryPath()
    const { problems } = await salvage(path, target)
    expect(problems.join('\n')).toMatch(/go on after 1000/)
    const { outputs } = openStores(target)
    outputs.append(sampleOutput({ sessionId: 's-4' }))
    expect(outputs.tail('s-4').cursor).toBe(1_001)
  })

  test('salvage gives every row although the root of the table is gone', async () => {
    const { path, rows, root } = filledFile()
    zeroPage(path, root)
    const target = temporaryPath()
    expect(await salvage(path, target)).toEqual({
      sessions: 3,
      outputs: 1_000,
      lost: { ...NOTHING_LOST, pages: 1 },
      problems: ['one page cannot be read'],
    })
    expect(everyRow(openConnection(target))).toEqual(rows)
  })

  test('salvage of a file that was cut off gives what is left, and counts what is known to be gone', async () => {
    const { path } = filledFile()
    truncateSync(path, PAGE * Math.floor(statSync(path).size / PAGE / 2))
    const target = temporaryPath()
    const { sessions, outputs, lost } = await salvage(path, target)
    expect({ sessions, lost: lost.sessions }).toEqual({ sessions: 3, lost: 0 })
    expect(outputs).toBeGreaterThan(100)
    expect(outputs).toBeLessThan(1_000)
    expect(lost.pages).toBeGreaterThan(10)
    const { connection, outputs: store } = openStores(target)
    expect(connection.verify().ok).toBe(true)
    expect(store.getBySession('s-4')).toHaveLength(outputs)
  })

  test('salvage reads the log of a process that was killed, and writes to neither file', async () => {
    const { connection, outputs } = openStores()
    connection.db.pragma('wal_autocheckpoint = 0')
    for (let i = 0; i < 50; i++) outputs.append(sampleOutput({ data: `${i}` }))
    const folder = temporaryFolder()
    const path = join(folder, 'killed.db')
    for (const suffix of ['', '-wal']) copyFileSync(connection.path + suffix, path + suffix)
    const hashes = () => ['', '-wal'].map((suffix) => fileHash(path + suffix))
    const before = hashes()
    const target = temporaryPath()
    expect(await salvage(path, target)).toMatchObject({ outputs: 50, problems: [] })
    expect(hashes()).toEqual(before)
    expect(readdirSync(folder).sort()).toEqual(['killed.db', 'killed.db-wal'])

    writeFileSync(`${path}-wal`, Buffer.alloc(10_000, 0xab))
    const { problems } = await salvage(path, temporaryPath())
    expect(problems.join('\n')).toMatch(/write-ahead log/)
  })

  test('salvage does not bring back what was deleted', async () => {
    const { path, root } = filledFile()
    const { connection, sessions } = openStores(path)
    connection.db.exec('DELETE FROM session_outputs WHERE id > 200')
    sessions.delete('s-1')
    const rows = everyRow(connection)
    connection.close()
    zeroPage(path, root)
    const target = temporaryPath()
    await salvage(path, target)
    expect(everyRow(openConnection(target))).toEqual(rows)
  })

  const REPEATS: [times: number, tags: string[]][] = [
    [10, []],
    [100, ['slow']],
  ]
  for (const [times, tags] of REPEATS)
    test.skipIf(process.platform !== 'linux')(
      `${times} times drops no lock that the same process holds on the file, and leaves nothing open`,
      { tags },
      async () => {
        const { connection, outputs } = openStores()
        outputs.append(sampleOutput())
        const path = connection.path
        const descriptors = () =>
          readdirSync('/proc/self/fd').filter((name) => {
            try {
              return readlinkSync(join('/proc/self/fd', name)).startsWith(path)
            } catch {
              return false // that of the listing itself
            }
          }).length
        // Every open connection in WAL mode holds a lock that keeps others from leaving that mode.
        const modeOfAnother = () =>
          inChild(
            ({ pkg }, file) => {
              const other = new pkg.DatabaseConnection(':memory:', { timeout: 0 })
              try {
                other.db.prepare('ATTACH ? AS other').run(file)
                return other.db.pragma('other.journal_mode = DELETE', { simple: true })
              } catch (error) {
                return (error as { code: string }).code
              } finally {
                other.close()
              }
            },
            [path],
          )
        expect(await modeOfAnother()).toBe('SQLITE_BUSY')
        const open = descriptors()
        for (let i = 0; i < times; i++) await salvage(path, join(temporaryFolder(), 'new.db'))
        // SQLite keeps one descriptor for the next reader while it holds a lock there.
        expect(descriptors()).toBeLessThanOrEqual(open + 1)
        expect(await modeOfAnother()).toBe('SQLITE_BUSY')
        outputs.append(sampleOutput())
        connection.close()
        expect(descriptors()).toBe(0)
        for (let i = 0; i < 10; i++) await salvage(path, join(temporaryFolder(), 'new.db'))
        expect(descriptors()).toBe(0)
        expect(await modeOfAnother()).toBe('delete')
      },
    )

  test.skipIf(process.platform !== 'linux')(
    'salvage refuses a log and a journal that are links, and drops no lock on the file they lead to',
    async () => {
      const { connection, outputs } = openStores()
      outputs.append(sampleOutput())
      const { path } = filledFile()
      for (const suffix of ['-wal', '-journal']) symlinkSync(connection.path, path + suffix)
      // The lock that every open connection in WAL mode holds: a part of the file with this inode.
      const shared = `:${statSync(connection.path).ino} 1073741826 `
      const isHeld = () =>
        readFileSync('/proc/locks', 'utf8')
          .split('\n')
          .some((line) => line.includes(` ${process.pid} `) && line.includes(shared))
      expect(isHeld()).toBe(true)
      await expect(salvage(path, temporaryPath())).rejects.toMatchObject({
        code: 'SQLITE_CANTOPEN',
      })
      expect(isHeld()).toBe(true)
      connection.close()
      expect(isHeld()).toBe(false)
    },
  )

  test('salvage leaves the event loop free to work', async () => {
    const { path } = filledFile()
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await salvage(path, temporaryPath())
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(0)
  })

  test('salvage keeps the order and the bytes of output', async () => {
    const { connection, outputs } = openStores()
    const chunks = ['', '\0', '\r\n', '\x1B[31m', '🚀', '\uFEFF', 'x'.repeat(100_000)]
    outputs.appendMany(chunks.map((data) => sampleOutput({ data })))
    connection.db.exec("UPDATE session_outputs SET data = CAST(x'ff41' AS TEXT) WHERE id = 3")
    const target = temporaryPath()
    connection.close()
    await salvage(connection.path, target)
    const salvaged = openConnection(target)
    const inOrder = new OutputStore(salvaged).getBySession('s-1').map(({ data }) => data)
    expect(inOrder.reverse()).toEqual(chunks.map((data, index) => (index === 2 ? '\uFFFDA' : data)))
    expect(
      salvaged.db.prepare('SELECT hex(data) FROM session_outputs WHERE id = 3').pluck().get(),
    ).toBe('FF41')
  })
})

describe('salvage refuses', () => {
  test.each([
    ['no paths', [], 'path'],
    ['a number', [5, 'b.db'], 'path'],
    ['no new path', ['a.db'], 'newPath'],
    ['an object', ['a.db', {}], 'newPath'],
  ])('wrong arguments: %s', async (_, args, word) => {
    const [path, target] = args as unknown as [string, string]
    expect(await rejectionOf(salvage(path, target))).toEqual(wrongType('salvage', word))
  })

  test.each([
    ['', 'b.db', 'path'],
    [':memory:', 'b.db', 'path'],
    ['file:a.db', 'b.db', 'path'],
    ['a.db', '', 'newPath'],
    ['a.db', ':memory:', 'newPath'],
    ['a.db', 'b\0.db', 'newPath'],
  ])('the paths %o and %o', async (path, target, word) => {
    expect(await rejectionOf(salvage(path, target))).toEqual(outOfRange('salvage', word))
  })

  test('a new path that exists', async () => {
    const { path } = filledFile()
    const before = fileHash(path)
    const folder = temporaryFolder()
    const file = join(folder, 'kept.txt')
    writeFileSync(file, 'kept')
    mkdirSync(join(folder, 'folder'))
    for (const target of [path, file, join(folder, 'folder')]) {
      expect(await rejectionOf(salvage(path, target))).toEqual({
        type: 'SqliteError',
        code: 'SQLITE_CANTOPEN',
        message: naming('salvage', target, 'exists already'),
      })
    }
    expect(readFileSync(file, 'utf8')).toBe('kept')
    expect(fileHash(path)).toBe(before)
    expect(readdirSync(folder).sort()).toEqual(['folder', 'kept.txt'])
  })

  test('salvage refuses a new path that has a log or a journal beside it', async () => {
    const { path } = filledFile()
    const target = temporaryPath()
    for (const suffix of ['-wal', '-journal']) {
      writeFileSync(target + suffix, 'of a database that is gone')
      expect(await rejectionOf(salvage(path, target))).toMatchObject({
        code: 'SQLITE_CANTOPEN',
        message: naming('salvage', target, 'would be taken for'),
      })
      rmSync(target + suffix)
    }
    await salvage(path, target)
  })

  test('salvage refuses a new path that would be a companion of the damaged file', async () => {
    const { path } = filledFile()
    const before = fileHash(path)
    for (const suffix of ['-wal', '-shm', '-journal'])
      expect(await rejectionOf(salvage(path, path + suffix))).toMatchObject({
        code: 'SQLITE_CANTOPEN',
        message: naming('salvage', path + suffix, 'a part of'),
      })
    expect(readdirSync(dirname(path))).toEqual([basename(path)])
    expect(fileHash(path)).toBe(before)
  })

  test.each([
    ['nothing', '', 'SQLITE_NOTADB'],
    ['a text', 'notes\n'.repeat(2_000), 'SQLITE_NOTADB'],
    ['zeros', '\0'.repeat(20_000), 'SQLITE_NOTADB'],
  ])('salvage refuses a file with %s in it', async (_, content, code) => {
    const path = temporaryPath()
    writeFileSync(path, content)
    const target = temporaryPath()
    expect(await rejectionOf(salvage(path, target))).toEqual({
      type: 'SqliteError',
      code,
      message: naming('salvage', path),
    })
    expect(existsSync(target)).toBe(false)
  })

  test('a damaged path that is no file', async () => {
    const folder = temporaryFolder()
    for (const path of [folder, join(folder, 'missing.db')])
      expect(await rejectionOf(salvage(path, temporaryPath()))).toEqual({
        type: 'SqliteError',
        code: 'SQLITE_CANTOPEN',
        message: naming('salvage', path),
      })
  })
})
