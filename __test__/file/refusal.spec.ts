import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, type DatabaseOptions } from '../../index.js'
import {
  copyOfPlanFile,
  failureOf,
  fileHash,
  naming,
  openConnection,
  openStores,
  sampleSession,
  temporaryPath,
  writeForeignFile,
  type Failure,
} from '../support/support.js'

/** The failure to open `path`. Checks that the file and its folder are as they were. */
function refusalOf(path: string, options?: DatabaseOptions): Failure | undefined {
  const before = { hash: fileHash(path), files: readdirSync(dirname(path)) }
  const failure = failureOf(() => new DatabaseConnection(path, options).close())
  expect({ hash: fileHash(path), files: readdirSync(dirname(path)) }).toEqual(before)
  return failure
}

/** The same for a reader, which cannot remove the -wal and -shm that it made to read. */
function refusalOfReader(path: string): Failure | undefined {
  const before = fileHash(path)
  const failure = failureOf(() => new DatabaseConnection(path, { readonly: true }).close())
  expect(fileHash(path)).toBe(before)
  return failure
}

describe('a file from a newer version', () => {
  test.each([[99], [2 ** 31 - 1]])(
    'a file with the newer version %i is refused, and stays as it was',
    (version) => {
      const path = temporaryPath()
      openConnection(path).close()
      writeForeignFile(path, `PRAGMA other.user_version = ${version}`)
      expect(refusalOf(path)).toMatchObject({
        message: naming('DatabaseConnection', path, String(version)),
      })
      expect(refusalOf(path, { slots: 4 })).toMatchObject({
        message: naming('DatabaseConnection', String(version)),
      })
      expect(refusalOfReader(path)).toMatchObject({
        message: naming('DatabaseConnection', String(version)),
      })
    },
  )

  test('a file from a newer version is refused although it has no tables', () => {
    const path = temporaryPath()
    writeForeignFile(path, 'PRAGMA other.user_version = 99')
    expect(refusalOf(path)).toMatchObject({ message: naming('DatabaseConnection', path, '99') })
  })
})

describe('a sessions table with other columns', () => {
  test.each([
    [
      'of another program',
      'CREATE TABLE other.sessions (sid TEXT PRIMARY KEY, sess TEXT, expire TEXT)',
    ],
    [
      'that lacks columns',
      'CREATE TABLE other.sessions (id TEXT PRIMARY KEY, slot INTEGER NOT NULL, status TEXT NOT NULL)',
    ],
    [
      'with another name for a column',
      `CREATE TABLE other.sessions (id TEXT PRIMARY KEY, slot INTEGER NOT NULL, status TEXT NOT NULL, cwd TEXT NOT NULL,
         current_command TEXT, started_at TEXT NOT NULL, ended_at TEXT, pid INTEGER, created_at TEXT, updated_at TEXT)`,
    ],
  ])('a sessions table %s is refused, and the file stays as it was', (_, sql) => {
    const path = temporaryPath()
    writeForeignFile(path, `${sql}; INSERT INTO other.sessions VALUES (${valuesFor(sql)});`)
    expect(refusalOf(path)).toMatchObject({
      message: naming('DatabaseConnection', path, 'sessions'),
    })
  })

  test('a sessions table with other columns is refused in a file in WAL mode', () => {
    const path = temporaryPath()
    writeForeignFile(
      path,
      'PRAGMA other.journal_mode = WAL; CREATE TABLE other.sessions (sid TEXT, sess TEXT)',
    )
    expect(readdirSync(dirname(path))).toEqual(['sessions.db'])
    expect(refusalOf(path)).toMatchObject({
      message: naming('DatabaseConnection', path, 'sessions'),
    })
  })

  test('a view with the name sessions is refused', () => {
    const path = temporaryPath()
    writeForeignFile(path, "CREATE VIEW other.sessions AS SELECT 'a' AS id")
    expect(refusalOf(path)).toMatchObject({
      message: naming('DatabaseConnection', path, 'sessions'),
    })
  })

  test('a sessions table with other columns is refused whatever slots asks for', () => {
    const path = temporaryPath()
    writeForeignFile(path, 'CREATE TABLE other.sessions (sid TEXT, sess TEXT)')
    expect(refusalOf(path, { slots: 5 })).toMatchObject({
      message: naming('DatabaseConnection', 'sessions'),
    })
  })

  /** As many values as the table has columns. */
  function valuesFor(sql: string): string {
    const columns = sql.slice(sql.indexOf('(')).split(',').length
    return Array.from({ length: columns }, (_, index) => `'value ${index}'`).join(', ')
  }
})

describe('a file that is no database', () => {
  test.each([
    ['a short text', 'hello'],
    ['a long text', 'not a database\n'.repeat(2_000)],
    ['two bytes', 'SQ'],
    ['bytes', Buffer.alloc(8_192, 0xab)],
    [
      'a header of another version',
      Buffer.concat([Buffer.from('SQLite format 9\0'), Buffer.alloc(4_080)]),
    ],
  ])('a file with %s is refused, and stays as it was', (_, content) => {
    const path = temporaryPath()
    writeFileSync(path, content)
    expect(refusalOf(path)).toEqual({
      type: 'SqliteError',
      code: 'SQLITE_NOTADB',
      message: naming('DatabaseConnection', path),
    })
    expect(refusalOfReader(path)).toMatchObject({
      type: 'SqliteError',
      code: 'SQLITE_NOTADB',
    })
  })
})

describe('a damaged database', () => {
  test('a damaged database throws a SqliteError, and never ends the process', () => {
    const path = copyOfPlanFile()
    const whole = openStores(path)
    for (let index = 0; index < 200; index++) {
      whole.sessions.create(sampleSession({ id: `s-${index}`, workingDir: '/srv/'.repeat(100) }))
    }
    whole.connection.close()
    const content = readFileSync(path)
    content.fill(0xff, 4_096)
    writeFileSync(path, content)
    expect(failureOf(() => openStores(path).sessions.list())).toMatchObject({
      type: 'SqliteError',
      code: expect.stringMatching(/^SQLITE_(CORRUPT|NOTADB)/) as string,
    })
  })
})

describe('after a refusal', () => {
  test('a file can be opened as soon as the cause of its refusal is gone', () => {
    const path = temporaryPath()
    writeForeignFile(path, 'PRAGMA other.user_version = 99')
    expect(refusalOf(path)).toBeDefined()
    writeForeignFile(path, 'PRAGMA other.user_version = 0')
    expect(openConnection(path).isOpen).toBe(true)
  })
})
