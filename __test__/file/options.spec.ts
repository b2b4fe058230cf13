import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore } from '../../index.js'
import {
  failureOf,
  fileHash,
  openConnection,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryFolder,
  temporaryPath,
  wrongType,
} from '../support/support.js'

describe('an option that is wrong', () => {
  test.each([
    ['readonly', 'yes', 'yes'],
    ['readonly', 1, '1'],
    ['fileMustExist', 0, '0'],
    ['fileMustExist', {}, 'fileMustExist'],
    ['foreignKeys', 'on', 'on'],
    ['timeout', '5000', '5000'],
    ['timeout', 5n, '5'],
    ['timeout', true, 'true'],
    ['synchronous', 1, '1'],
    ['synchronous', true, 'true'],
    ['slots', '4', '4'],
    ['slots', 4n, '4'],
    ['slots', [4], 'slots'],
  ])('an option of a wrong type is refused: %s = %o', (option, value, word) => {
    const path = temporaryPath()
    expect(failureOf(() => new DatabaseConnection(path, { [option]: value } as never))).toEqual(
      wrongType('DatabaseConnection', option, word),
    )
    expect(existsSync(path)).toBe(false)
  })

  test.each([
    ['timeout', -1, '-1'],
    ['timeout', 0.5, '0.5'],
    ['timeout', Number.NaN, 'NaN'],
    ['timeout', Infinity, 'Infinity'],
    ['timeout', 2 ** 31, '2147483648'],
    ['synchronous', 'off', 'off'],
    ['synchronous', 'FULL', 'FULL'],
    ['synchronous', '', 'synchronous'],
    ['slots', 0, '0'],
    ['slots', -3, '-3'],
    ['slots', 3.5, '3.5'],
    ['slots', Number.NaN, 'NaN'],
    ['slots', Infinity, 'Infinity'],
  ])('an option out of range is refused: %s = %o', (option, value, word) => {
    const path = temporaryPath()
    expect(failureOf(() => new DatabaseConnection(path, { [option]: value } as never))).toEqual(
      outOfRange('DatabaseConnection', option, word),
    )
    expect(existsSync(path)).toBe(false)
  })

  test.each([['text'], [5], [true], [Symbol('options')], [() => ({})]])(
    'options that are not an object are refused: %o',
    (options) => {
      const path = temporaryPath()
      expect(failureOf(() => new DatabaseConnection(path, options as never))).toEqual(
        wrongType('DatabaseConnection', 'options'),
      )
      expect(existsSync(path)).toBe(false)
    },
  )

  test('the getter of an option passes on what it throws', () => {
    const own = new Error('of the caller')
    const options = {
      get slots(): number {
        throw own
      },
    }
    expect(() => new DatabaseConnection(temporaryPath(), options)).toThrow(own)
  })
})

describe('options that are left out', () => {
  test('options may be undefined, each or all of them', () => {
    expect(openConnection(temporaryPath(), undefined).isOpen).toBe(true)
    expect(openConnection(temporaryPath(), {}).isOpen).toBe(true)
    const none = {
      readonly: undefined,
      timeout: undefined,
      synchronous: undefined,
      slots: undefined,
    } as never
    expect(openConnection(temporaryPath(), none).db.pragma('busy_timeout', { simple: true })).toBe(
      5_000,
    )
  })
})

describe('fileMustExist', () => {
  test('fileMustExist refuses a missing file and creates nothing', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'missing', 'sessions.db')
    expect(failureOf(() => new DatabaseConnection(path, { fileMustExist: true }))).toEqual(
      sqliteFailure('SQLITE_CANTOPEN'),
    )
    expect(readdirSync(folder)).toEqual([])
  })

  test('fileMustExist opens a file that exists', () => {
    const path = temporaryPath()
    openConnection(path).close()
    expect(openConnection(path, { fileMustExist: true }).isOpen).toBe(true)
  })
})

describe('readonly', () => {
  test('readonly refuses a missing file and creates nothing', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'missing', 'sessions.db')
    expect(failureOf(() => new DatabaseConnection(path, { readonly: true }))).toEqual(
      sqliteFailure('SQLITE_CANTOPEN'),
    )
    expect(readdirSync(folder)).toEqual([])
  })

  test('readonly allows reads, and refuses every write', () => {
    const path = temporaryPath()
    const writer = openStores(path)
    writer.sessions.create(sampleSession())
    writer.outputs.append(sampleOutput())
    writer.connection.close()
    const before = fileHash(path)

    const connection = openConnection(path, { readonly: true })
    const sessions = new SessionStore(connection)
    const outputs = new OutputStore(connection)
    expect(connection.db.readonly).toBe(true)
    expect(sessions.list().map(({ id }) => id)).toEqual(['s-1'])
    expect(outputs.getFullOutput('s-1')).toBe('hello')
    const writes = [
      () => sessions.create(sampleSession({ id: 's-2' })),
      () => sessions.update('s-1', { pid: 1 }),
      () => sessions.delete('s-1'),
      () => outputs.append(sampleOutput()),
      () => outputs.appendMany([sampleOutput()]),
      () => outputs.deleteBySession('s-1'),
      () => connection.db.exec('DELETE FROM sessions'),
    ]
    for (const write of writes) expect(failureOf(write)).toEqual(sqliteFailure('SQLITE_READONLY'))
    expect(sessions.list().map(({ id }) => id)).toEqual(['s-1'])
    connection.close()
    expect(fileHash(path)).toBe(before)
  })

  test('a readonly connection sees what a writer commits meanwhile', () => {
    const path = temporaryPath()
    const writer = openStores(path)
    const reader = new SessionStore(openConnection(path, { readonly: true }))
    expect(reader.list()).toEqual([])
    writer.sessions.create(sampleSession())
    expect(reader.get('s-1')?.workingDir).toBe('/srv/project')
  })
})

describe('timeout', () => {
  test.each([[0], [1], [60_000], [2 ** 31 - 1]])(
    'a timeout of %i ms is what SQLite waits',
    (timeout) => {
      const connection = openConnection(temporaryPath(), { timeout })
      expect(connection.db.pragma('busy_timeout', { simple: true })).toBe(timeout)
    },
  )
})

describe('synchronous', () => {
  test.each([
    ['normal', 1],
    ['full', 2],
  ] as const)("synchronous: '%s' is what SQLite uses", (synchronous, level) => {
    const connection = openConnection(temporaryPath(), { synchronous })
    expect(connection.db.pragma('synchronous', { simple: true })).toBe(level)
  })
})

describe('foreignKeys', () => {
  test('foreignKeys: true makes SQLite enforce foreign keys', () => {
    const { connection, outputs, sessions } = openStores(temporaryPath(), { foreignKeys: true })
    expect(connection.db.pragma('foreign_keys', { simple: true })).toBe(1)
    expect(failureOf(() => outputs.append(sampleOutput()))).toEqual(
      sqliteFailure('SQLITE_CONSTRAINT_FOREIGNKEY'),
    )
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    expect(outputs.getFullOutput('s-1')).toBe('hello')
  })

  test('foreignKeys: false accepts the output of an unknown session', () => {
    const { connection, outputs } = openStores(temporaryPath(), { foreignKeys: false })
    expect(connection.db.pragma('foreign_keys', { simple: true })).toBe(0)
    outputs.append(sampleOutput({ sessionId: 'unknown' }))
    expect(outputs.getFullOutput('unknown')).toBe('hello')
  })
})
