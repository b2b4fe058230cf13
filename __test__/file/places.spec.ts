import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { DatabaseConnection, type DatabaseOptions, type JournalMode } from '../../index.js'
import { inChild, packagePath } from '../support/child.js'
import {
  describeFailure,
  failureOf,
  fileMode,
  invalidState,
  naming,
  openConnection,
  openStores,
  sampleOutput,
  sqliteFailure,
  temporaryFolder,
  temporaryPath,
  writeForeignFile,
  type Failure,
} from '../support/support.js'

const isWindows = process.platform === 'win32'
const isRoot = process.getuid?.() === 0

/** The failure of opening, with the path and every one of `words` in its message. */
function refusal(code: string, path: string, ...words: string[]): Failure {
  return { type: 'SqliteError', code, message: naming('DatabaseConnection', path, ...words) }
}

/** What opening throws. */
function openFailure(path: string, options?: DatabaseOptions): Failure | undefined {
  return failureOf(() => new DatabaseConnection(path, options).close())
}

/** A file system of its own in memory, of one MB; `undefined` where this user may not mount one. */
function smallDisk(): { path: string; makeReadOnly: () => void } | undefined {
  if (process.platform !== 'linux' || !isRoot) return undefined
  const path = mkdtempSync(join(tmpdir(), 'session-store-disk-'))
  const mount = (...args: string[]) =>
    execFileSync('mount', ['-t', 'tmpfs', ...args, 'tmpfs', path], { stdio: 'ignore' })
  try {
    mount('-o', 'size=1m')
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
  onTestFinished(() => {
    execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true })
  })
  return { path, makeReadOnly: () => mount('-o', 'remount,ro') }
}

/** The failure of a user who has no rights but those that everybody has. */
function failureOfNobody(path: string, options?: DatabaseOptions): Promise<Failure | null> {
  return inChild(
    ({ pkg, failureOf: failure }, file, how) => {
      // Permissions do not apply to root.
      if (process.getuid?.() === 0) process.setuid?.(65_534)
      return failure(() => new pkg.DatabaseConnection(file, how ?? undefined).close()) ?? null
    },
    [path, options ?? null],
  )
}

/** A folder that everybody can enter, with a file that is closed. */
function publicFile(): { folder: string; path: string } {
  const folder = temporaryFolder()
  const path = join(folder, 'sessions.db')
  new DatabaseConnection(path).close()
  chmodSync(folder, 0o755)
  onTestFinished(() => chmodSync(folder, 0o755))
  return { folder, path }
}

describe('journalMode', () => {
  test('journalMode is wal for a file, and memory in memory', () => {
    expect(openConnection().journalMode).toBe('wal')
    expect(openConnection(':memory:').journalMode).toBe('memory')
    expectTypeOf<DatabaseConnection['journalMode']>().toEqualTypeOf<JournalMode>()
  })

  test('journalMode of a reader is that of the file', async () => {
    const { connection } = openStores()
    expect(openConnection(connection.path, { readonly: true }).journalMode).toBe('wal')
    const copy = temporaryPath()
    await connection.backup(copy)
    const reader = openConnection(copy, { readonly: true })
    expect(reader.journalMode).toBe('delete')
    reader.close()
    expect(openConnection(copy).journalMode).toBe('wal')
  })

  test('journalMode cannot be set, and throws once the connection is closed', () => {
    const connection = openConnection()
    expect(failureOf(() => Object.assign(connection, { journalMode: 'delete' }))?.type).toBe(
      'TypeError',
    )
    connection.close()
    expect(failureOf(() => connection.journalMode)).toEqual(
      invalidState('DatabaseConnection.journalMode', 'closed'),
    )
  })
})

describe('a path that is no place for a database', () => {
  test.each([[{}], [{ readonly: true }], [{ fileMustExist: true }]])(
    'a folder is refused as a database, with the options %o',
    (options) => {
      const folder = temporaryFolder()
      expect(openFailure(folder, options)).toEqual(
        refusal('SQLITE_CANTOPEN', folder, 'is a folder'),
      )
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test('a path below a file is refused', () => {
    const file = join(temporaryFolder(), 'notes.txt')
    writeFileSync(file, 'notes')
    const path = join(file, 'sessions.db')
    expect(openFailure(path)).toEqual(
      refusal('SQLITE_CANTOPEN', path, 'cannot create the folder', 'in its place'),
    )
    expect(openFailure(path, { readonly: true })).toEqual(refusal('SQLITE_CANTOPEN', path))
  })

  test.each([[{ readonly: true }], [{ fileMustExist: true }]])(
    'a missing file is refused with the options %o',
    (options) => {
      const path = temporaryPath()
      expect(openFailure(path, options)).toEqual(
        refusal('SQLITE_CANTOPEN', path, 'there is no such file', 'fileMustExist'),
      )
      expect(existsSync(path)).toBe(false)
    },
  )

  test.skipIf(isWindows)('a link to a file in a missing folder is refused', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'sessions.db')
    symlinkSync(join(folder, 'missing', 'real.db'), path)
    expect(openFailure(path)).toEqual(
      refusal('SQLITE_CANTOPEN', path, 'a link to', join('missing', 'real.db')),
    )
    expect(readdirSync(folder)).toEqual(['sessions.db'])
  })

  test.skipIf(isWindows)('a link to a file that can be made is accepted', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'sessions.db')
    symlinkSync('real.db', path)
    expect(openFailure(path, { fileMustExist: true })).toEqual(
      refusal('SQLITE_CANTOPEN', path, 'a link to', 'real.db'),
    )
    openConnection(path).close()
    expect(fileMode(join(folder, 'real.db'))).toBe('0600')
  })

  test.skipIf(isWindows)('a device and a pipe are refused', () => {
    const pipe = join(temporaryFolder(), 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const path of ['/dev/null', pipe])
      expect(openFailure(path)).toEqual(refusal('SQLITE_CANTOPEN', path, 'neither a file'))
    expect(existsSync('/dev/null-wal')).toBe(false)
  })
})

describe.skipIf(isWindows)('a user without the rights', () => {
  test('a user who may not read the file is refused', async () => {
    const { path } = publicFile()
    chmodSync(path, 0o000)
    expect(await failureOfNobody(path)).toEqual(
      refusal('SQLITE_CANTOPEN', path, 'this user must be able to write'),
    )
    expect(await failureOfNobody(path, { readonly: true })).toEqual(
      refusal('SQLITE_CANTOPEN', path, 'the right to read it'),
    )
  })

  test('a user who may not write to the file is refused when it is opened', async () => {
    const { folder, path } = publicFile()
    chmodSync(path, 0o444)
    expect(await failureOfNobody(path)).toEqual(
      refusal('SQLITE_READONLY', path, 'not written to', 'readonly'),
    )
    chmodSync(folder, 0o777)
    expect(await failureOfNobody(path, { readonly: true })).toBeNull()
  })

  test('a reader who may not keep a log beside the file is refused, and told to use a copy or a backup', async () => {
    const { folder, path } = publicFile()
    chmodSync(path, 0o444)
    chmodSync(folder, 0o555)
    expect(await failureOfNobody(path, { readonly: true })).toEqual(
      refusal('SQLITE_READONLY_DIRECTORY', path, '-wal and -shm', 'a copy or a backup'),
    )
    chmodSync(folder, 0o755)
    const copy = join(folder, 'backup.db')
    const connection = openConnection(path)
    await connection.backup(copy)
    connection.close()
    chmodSync(copy, 0o444)
    chmodSync(folder, 0o555)
    expect(await failureOfNobody(copy, { readonly: true })).toBeNull()
  })

  test('a user who may not enter the folder, or not write to it, is refused', async () => {
    const { folder, path } = publicFile()
    chmodSync(folder, 0o555)
    for (const missing of [join(folder, 'new.db'), join(folder, 'new', 'new.db')])
      expect(await failureOfNobody(missing)).toEqual(
        refusal('SQLITE_CANTOPEN', missing, 'cannot create', 'ermission', 'another path'),
      )
    chmodSync(folder, 0o000)
    for (const options of [{ readonly: true }, { fileMustExist: true }])
      expect(await failureOfNobody(path, options)).toEqual(
        refusal('SQLITE_CANTOPEN', path, 'ermission', 'another path'),
      )
  })
})

/** Opens databases in a process that may have `limit` files open, until that fails. */
function openTooMany(folder: string, limit: number) {
  const program = `
    const pkg = require(${JSON.stringify(packagePath)})
    const failureOf = (action) => (${describeFailure.toString()})(pkg.SqliteError, action)
    const folder = process.env.FOLDER
    const open = []
    const failure = failureOf(() => {
      for (let i = 0; i < 100; i++) open.push(new pkg.DatabaseConnection(folder + '/' + i + '.db'))
    })
    const opened = open.length
    open.pop().close()
    const afterwards = failureOf(() => new pkg.DatabaseConnection(folder + '/' + opened + '.db').close())
    console.log(JSON.stringify({ opened, failure, afterwards }))
    process.exit(0)`
  const env = { ...process.env, NODE: process.execPath, PROGRAM: program, FOLDER: folder }
  const command = `ulimit -n ${limit}; exec "$NODE" -e "$PROGRAM"`
  const stdout = execFileSync('sh', ['-c', command], { env, encoding: 'utf8' })
  return JSON.parse(stdout) as { opened: number; failure?: Failure; afterwards?: Failure }
}

describe.skipIf(isWindows)('too many open files', () => {
  // A database opens three files. With these limits each of the three is once the one too many.
  test.each([60, 61, 62, 63, 64, 65])(
    'too many open files are named as the reason, where %i are allowed',
    (limit) => {
      const folder = temporaryFolder()
      const { opened, failure, afterwards } = openTooMany(folder, limit)
      expect(opened).toBeGreaterThan(1)
      expect(failure).toEqual(refusal('SQLITE_CANTOPEN', folder, 'ulimit -n', 'close connections'))
      expect(failure?.message).not.toMatch(/this user must|local disk/)
      expect(afterwards).toBeUndefined()
    },
  )
})

describe('a disk that is full or read-only', () => {
  test('a full disk is named as the reason, and files can be opened once there is room', ({
    skip,
  }) => {
    const disk = smallDisk()
    if (!disk) return skip()
    const { connection } = openStores(join(disk.path, 'old.db'))
    connection.close()
    expect(() => writeFileSync(join(disk.path, 'fill'), Buffer.alloc(2 << 20))).toThrow('ENOSPC')
    for (const name of ['new.db', join('folder', 'new.db')]) {
      const path = join(disk.path, name)
      const words = ['make room', 'an empty file stays']
      expect(openFailure(path)).toEqual(refusal('SQLITE_FULL', path, ...words))
      expect(statSync(path).size).toBe(0)
    }
    expect(openFailure(connection.path)).toEqual(
      refusal('SQLITE_IOERR_SHMSIZE', connection.path, 'the disk may be full'),
    )
    rmSync(join(disk.path, 'fill'))
    for (const path of [connection.path, join(disk.path, 'new.db')])
      expect(openConnection(path).verify().ok).toBe(true)
  })

  test('a full disk stops a backup, which leaves nothing', async ({ skip }) => {
    const disk = smallDisk()
    if (!disk) return skip()
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput({ data: 'x'.repeat(2 << 20) }))
    const target = join(disk.path, 'backup.db')
    await expect(connection.backup(target)).rejects.toMatchObject({
      name: 'SqliteError',
      code: 'SQLITE_FULL',
      message: naming('DatabaseConnection.backup', target),
    })
    expect(readdirSync(disk.path)).toEqual([])
  })

  test('a full disk stops an export, which leaves the old file', async ({ skip }) => {
    const disk = smallDisk()
    if (!disk) return skip()
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: 'x'.repeat(2 << 20) }))
    const target = join(disk.path, 'export')
    writeFileSync(target, 'of yesterday')
    await expect(outputs.exportTo('s-1', target, { format: 'raw' })).rejects.toMatchObject({
      name: 'SqliteError',
      code: 'SQLITE_FULL',
      message: naming('OutputStore.exportTo', target, 'make room'),
    })
    expect(readdirSync(disk.path)).toEqual(['export'])
    expect(readFileSync(target, 'utf8')).toBe('of yesterday')
  })

  test('a read-only disk is named as the reason', async ({ skip }) => {
    const disk = smallDisk()
    if (!disk) return skip()
    const path = join(disk.path, 'sessions.db')
    new DatabaseConnection(path).close()
    disk.makeReadOnly()
    expect(openFailure(path)).toEqual(refusal('SQLITE_READONLY', path, 'not written to'))
    const missing = join(disk.path, 'folder', 'new.db')
    expect(openFailure(missing)).toEqual(refusal('SQLITE_CANTOPEN', missing, 'ead-only'))
    const { connection } = openStores()
    await expect(connection.backup(join(disk.path, 'backup.db'))).rejects.toMatchObject({
      name: 'SqliteError',
      code: 'SQLITE_CANTOPEN',
    })
    expect(readdirSync(disk.path)).toEqual(['sessions.db'])
  })
})

describe('a file in another journal mode', () => {
  test('a file in another journal mode is changed to WAL mode, unless others are using it', () => {
    const path = temporaryPath()
    writeForeignFile(path, 'CREATE TABLE other.notes (x)')
    const others = openConnection(':memory:')
    others.db.prepare('ATTACH ? AS other').run(path)
    others.db.exec('BEGIN')
    others.db.prepare('SELECT * FROM other.notes').all()
    expect(openFailure(path, { timeout: 50 })).toEqual(
      refusal('SQLITE_BUSY', path, 'journal mode', 'delete', 'while others use it'),
    )
    others.db.exec('COMMIT')
    expect(openConnection(path, { timeout: 50 }).journalMode).toBe('wal')
  })
})

describe('the SQLite of the addon', () => {
  test('SQLite refuses writes to the tables behind a virtual table', () => {
    const { db } = openConnection()
    db.exec('CREATE VIRTUAL TABLE words USING fts5(x)')
    expect(failureOf(() => db.exec('DELETE FROM words_data'))).toEqual(
      sqliteFailure('SQLITE_ERROR'),
    )
  })

  test('the addon exports no symbol of its SQLite to the process', ({ skip }) => {
    const folder = join(import.meta.dirname, '../..')
    const addon = readdirSync(folder).find((name) => /linux-.*\.node$/.test(name))
    if (!addon) return skip()
    let symbols: string
    try {
      symbols = execFileSync('nm', ['-D', '--defined-only', join(folder, addon)], {
        encoding: 'utf8',
      })
    } catch {
      return skip()
    }
    const names = symbols
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ').at(-1) ?? '')
    expect(names.filter((name) => !/^(napi|node_api)_/.test(name))).toEqual([])
    expect(names).toContain('napi_register_module_v1')
  })
})
