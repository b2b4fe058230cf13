import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection } from '../../index.js'
import { inChild } from '../support/child.js'
import {
  failureOf,
  namesInHome,
  naming,
  openConnection,
  openStores,
  sampleSession,
  temporaryFolder,
  temporaryPath,
  wrongType,
} from '../support/support.js'

describe('the path of a database', () => {
  test.each([['no argument'], ['undefined'], ['null']])(
    'the default path is below the home folder, for %s',
    async (given) => {
      const home = temporaryFolder()
      const opened = await inChild(
        ({ pkg }, kind) => {
          const connection =
            kind === 'no argument'
              ? new pkg.DatabaseConnection()
              : new pkg.DatabaseConnection(kind === 'null' ? null : undefined, { timeout: 1 })
          const { path, isOpen } = connection
          connection.close()
          return { path, isOpen }
        },
        [given],
        { env: { HOME: home, USERPROFILE: home } },
      )
      expect(opened).toEqual({ path: join(home, '.gsd-harness', 'sessions.db'), isOpen: true })
      expect(namesInHome(home)).toEqual(['.gsd-harness'])
      expect(readdirSync(join(home, '.gsd-harness'))).toEqual(['sessions.db'])
    },
  )

  test('a database is created with every missing folder above it', () => {
    const path = join(temporaryFolder(), 'a', 'b', 'c', 'sessions.db')
    const { sessions } = openStores(path)
    sessions.create(sampleSession())
    expect(existsSync(path)).toBe(true)
  })

  test('a path may be relative to the working directory', async () => {
    const cwd = temporaryFolder()
    await inChild(({ pkg }) => new pkg.DatabaseConnection('nested/sessions.db').close(), [], {
      cwd,
    })
    expect(existsSync(join(cwd, 'nested', 'sessions.db'))).toBe(true)
  })

  test('a path is taken literally, whatever it would mean in a URI', () => {
    const name =
      process.platform === 'win32' ? 'sessions #%41 é.db' : 'sessions ?mode=ro#%41 é🚀.db'
    const folder = temporaryFolder()
    openConnection(join(folder, name)).close()
    expect(readdirSync(folder)).toEqual([name])
  })

  test('a database at :memory: is private and leaves no file', async () => {
    const cwd = temporaryFolder()
    const seen = await inChild(
      ({ pkg }) => {
        const one = new pkg.DatabaseConnection(':memory:')
        const other = new pkg.DatabaseConnection(':memory:')
        new pkg.SessionStore(one).create({
          id: 's-1',
          slot: 1,
          status: 'idle',
          workingDir: '/',
          startedAt: new Date(0),
        })
        const counts = [one, other].map(
          (connection) => new pkg.SessionStore(connection).list().length,
        )
        return { counts, path: one.path, memory: one.db.memory }
      },
      [],
      { cwd },
    )
    expect(seen).toEqual({ counts: [1, 0], path: ':memory:', memory: true })
    expect(readdirSync(cwd)).toEqual([])
  })

  test('a path may be that of an empty file', () => {
    const path = temporaryPath()
    writeFileSync(path, '')
    const { sessions } = openStores(path)
    sessions.create(sampleSession())
    expect(sessions.list()).toHaveLength(1)
  })
})

describe('a path that is refused', () => {
  test('an empty path is refused', () => {
    expect(failureOf(() => new DatabaseConnection(''))).toEqual({
      type: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: naming('DatabaseConnection', 'dbPath'),
    })
  })

  test('a path with NUL in it is refused', () => {
    const folder = temporaryFolder()
    expect(failureOf(() => new DatabaseConnection(join(folder, 'sessions\0.db')))).toEqual({
      type: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: naming('DatabaseConnection', 'dbPath', 'sessions'),
    })
    expect(readdirSync(folder)).toEqual([])
  })

  test.each([
    ['file:sessions.db'],
    ['file:///sessions.db?mode=memory'],
    ['file::memory:?cache=shared'],
    ['file:'],
  ])('the URI %s is refused as a path', (uri) => {
    expect(failureOf(() => new DatabaseConnection(uri))).toEqual({
      type: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: naming('DatabaseConnection', 'dbPath', uri),
    })
    expect(existsSync(uri)).toBe(false)
  })

  test.each([
    [5, '5'],
    [true, 'true'],
    [Symbol('path'), 'ymbol'],
    [7n, '7'],
    [{ path: 'x' }, 'object'],
    [['x.db'], 'dbPath'],
    [new URL('http://localhost/'), 'dbPath'],
    [Buffer.from('x.db'), 'dbPath'],
    [() => 'x.db', 'unction'],
  ])('a path of a wrong type is refused: %o', (path, word) => {
    expect(failureOf(() => new DatabaseConnection(path as never))).toEqual(
      wrongType('DatabaseConnection', 'dbPath', word),
    )
  })
})

describe('a path that cannot be opened', () => {
  test('a folder cannot be opened as a database', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'sessions.db')
    mkdirSync(path)
    expect(failureOf(() => new DatabaseConnection(path))).toEqual({
      type: 'SqliteError',
      code: expect.stringMatching(/^SQLITE_CANTOPEN/) as string,
      message: naming('DatabaseConnection', path),
    })
    expect(readdirSync(folder)).toEqual(['sessions.db'])
    expect(readdirSync(path)).toEqual([])
  })

  test('a path below a file cannot be opened', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'notes.txt'), 'notes')
    const path = join(folder, 'notes.txt', 'sessions.db')
    expect(failureOf(() => new DatabaseConnection(path))).toEqual({
      type: 'SqliteError',
      code: expect.stringMatching(/^SQLITE_CANTOPEN/) as string,
      message: naming('DatabaseConnection', 'notes.txt'),
    })
    expect(readdirSync(folder)).toEqual(['notes.txt'])
  })

  test('a path that cannot be opened does not stop the next connection', () => {
    expect(failureOf(() => new DatabaseConnection(temporaryFolder()))).toMatchObject({
      type: 'SqliteError',
    })
    const { sessions } = openStores()
    sessions.create(sampleSession())
    expect(sessions.get('s-1')?.id).toBe('s-1')
  })
})
