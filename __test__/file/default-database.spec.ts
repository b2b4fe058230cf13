import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inChild, packagePath } from '../support/child.js'
import { invalidState, outOfRange, temporaryFolder, wrongType } from '../support/support.js'

/** A home folder for one child process, and the variables that make it one. */
function temporaryHome() {
  const home = temporaryFolder()
  return { home, options: { env: { HOME: home, USERPROFILE: home } } }
}

describe('getDatabase()', () => {
  test('getDatabase() opens the default connection once', async () => {
    const { home, options } = temporaryHome()
    const seen = await inChild(
      ({ pkg }) => {
        const first = pkg.getDatabase()
        return {
          same: first === pkg.getDatabase(),
          isConnection: first instanceof pkg.DatabaseConnection,
          path: first.path,
          isOpen: first.isOpen,
        }
      },
      [],
      options,
    )
    const path = join(home, '.gsd-harness', 'sessions.db')
    expect(seen).toEqual({ same: true, isConnection: true, path, isOpen: true })
  })

  test.each([['closeDatabase()'], ['close()'], ['db.close()']])(
    'getDatabase() opens a new connection after %s',
    async (way) => {
      const { options } = temporaryHome()
      const seen = await inChild(
        ({ pkg }, how) => {
          const first = pkg.getDatabase()
          new pkg.OutputStore(first).append({
            sessionId: 's-1',
            timestamp: new Date(0),
            type: 'stdout',
            data: 'kept',
          })
          if (how === 'closeDatabase()') pkg.closeDatabase()
          else if (how === 'close()') first.close()
          else first.db.close()
          const firstIsOpen = first.isOpen
          const second = pkg.getDatabase()
          return {
            firstIsOpen,
            same: first === second,
            isOpen: second.isOpen,
            sameAgain: second === pkg.getDatabase(),
            output: new pkg.OutputStore(second).getFullOutput('s-1'),
          }
        },
        [way],
        options,
      )
      expect(seen).toEqual({
        firstIsOpen: false,
        same: false,
        isOpen: true,
        sameAgain: true,
        output: 'kept',
      })
    },
  )

  test('getDatabase() gives the same connection for require and for another path to the package', async () => {
    const { options } = temporaryHome()
    const same = await inChild(
      ({ pkg, require }) => {
        const again = require(require.resolve('./index.js')) as typeof pkg
        return again.getDatabase() === pkg.getDatabase()
      },
      [],
      { ...options, cwd: join(import.meta.dirname, '../..') },
    )
    expect(same).toBe(true)
  })

  test('getDatabase() throws where the file cannot be opened, and works once it can', async () => {
    const { home, options } = temporaryHome()
    const seen = await inChild(
      ({ pkg, require, failureOf }, folder) => {
        const { rmSync, writeFileSync } = require('node:fs') as typeof import('node:fs')
        writeFileSync(`${folder}/.gsd-harness`, 'in the way')
        const failure = failureOf(() => pkg.getDatabase())
        rmSync(`${folder}/.gsd-harness`)
        return { type: failure?.type, isOpen: pkg.getDatabase().isOpen }
      },
      [home],
      options,
    )
    expect(seen).toEqual({ type: 'SqliteError', isOpen: true })
  })
})

describe('getDatabase() with a path and options', () => {
  test('the first call of getDatabase() decides on the path and the options', async () => {
    const { home, options } = temporaryHome()
    const seen = await inChild(
      ({ pkg, require }, folder) => {
        const { mkdirSync, symlinkSync } = require('node:fs') as typeof import('node:fs')
        process.chdir(folder)
        const first = pkg.getDatabase('./own.db', { timeout: 100, slots: 4 })
        symlinkSync('own.db', 'link.db')
        mkdirSync('x')
        return {
          path: first.path,
          same: [
            pkg.getDatabase(),
            pkg.getDatabase(null, null),
            pkg.getDatabase(undefined, {}),
            pkg.getDatabase('own.db'),
            pkg.getDatabase(`${folder}/x/../own.db`),
            pkg.getDatabase('link.db'),
            pkg.getDatabase('./own.db', { timeout: 100, slots: 4 }),
            pkg.getDatabase(null, { timeout: 100, readonly: false, synchronous: 'normal' }),
          ].map((connection) => connection === first),
        }
      },
      [home],
      options,
    )
    expect(seen).toEqual({ path: './own.db', same: Array.from({ length: 8 }, () => true) })
    expect(readdirSync(home)).not.toContain('.gsd-harness')
  })

  test('getDatabase() throws where it is open with another path or another option, and names both', async () => {
    const { home, options } = temporaryHome()
    const seen = await inChild(
      ({ pkg, failureOf }, folder) => {
        process.chdir(folder)
        const first = pkg.getDatabase('own.db', { timeout: 100 })
        const failures = [
          failureOf(() => pkg.getDatabase('other.db')),
          failureOf(() => pkg.getDatabase(':memory:')),
          failureOf(() => pkg.getDatabase(null, { timeout: 5000 })),
          failureOf(() => pkg.getDatabase('own.db', { synchronous: 'full' })),
          failureOf(() => pkg.getDatabase('own.db', { readonly: true })),
          failureOf(() => pkg.getDatabase(5 as never)),
          failureOf(() => pkg.getDatabase('')),
          failureOf(() => pkg.getDatabase(null, { timeout: -1 })),
          failureOf(() => pkg.getDatabase(null, { timeOut: 1 } as never)),
        ]
        return { failures, same: pkg.getDatabase() === first && first.isOpen }
      },
      [home],
      options,
    )
    const state = (...words: string[]) => invalidState('getDatabase', 'closeDatabase()', ...words)
    expect(seen.failures).toEqual([
      state('dbPath', '"own.db"', '"other.db"'),
      state('dbPath', '"own.db"', '":memory:"'),
      state('options.timeout', '100', '5000'),
      state('options.synchronous', "'normal'", "'full'"),
      state('options.readonly', 'false', 'true'),
      wrongType('getDatabase', 'dbPath', '5'),
      outOfRange('getDatabase', 'dbPath', '""'),
      outOfRange('getDatabase', 'options.timeout', '-1'),
      wrongType('getDatabase', 'timeOut', 'timeout'),
    ])
    expect(seen.same).toBe(true)
    expect(readdirSync(home)).not.toContain('other.db')
  })

  test.each([['closeDatabase()'], ['close()']])(
    'getDatabase() decides anew after %s, and after a call that failed',
    async (way) => {
      const { home, options } = temporaryHome()
      const seen = await inChild(
        ({ pkg, failureOf }, folder, how) => {
          process.chdir(folder)
          const failure = failureOf(() => pkg.getDatabase('none.db', { fileMustExist: true }))
          const first = pkg.getDatabase('one.db')
          if (how === 'closeDatabase()') pkg.closeDatabase()
          else first.close()
          const second = pkg.getDatabase('two.db', { synchronous: 'full' })
          return { code: failure?.code, message: failure?.message, path: second.path }
        },
        [home, way],
        options,
      )
      expect(seen).toMatchObject({ code: 'SQLITE_CANTOPEN', path: 'two.db' })
      expect(seen.message).toMatch(/^getDatabase: /)
    },
  )
})

describe('GSD_SESSIONS_DB', () => {
  test('GSD_SESSIONS_DB is the default path of getDatabase() and new DatabaseConnection(), at the time of the call', async () => {
    const { home, options } = temporaryHome()
    const seen = await inChild(
      ({ pkg }, folder) => {
        const pathOf = (path?: string | null) => {
          const connection = new pkg.DatabaseConnection(path)
          connection.close()
          return connection.path
        }
        process.env['GSD_SESSIONS_DB'] = `${folder}/a/one.db`
        const shared = pkg.getDatabase()
        process.env['GSD_SESSIONS_DB'] = `${folder}/two.db`
        const paths = [shared.path, pathOf(), pathOf(null), pathOf(`${folder}/three.db`)]
        const same = pkg.getDatabase() === shared
        pkg.closeDatabase()
        paths.push(pkg.getDatabase().path)
        process.env['GSD_SESSIONS_DB'] = ''
        paths.push(pathOf())
        delete process.env['GSD_SESSIONS_DB']
        return { paths: [...paths, pathOf()], same }
      },
      [home],
      options,
    )
    const [one, two, three] = ['a/one.db', 'two.db', 'three.db'].map((name) => `${home}/${name}`)
    const usual = join(home, '.gsd-harness', 'sessions.db')
    expect(seen).toEqual({ paths: [one, two, two, three, two, usual, usual], same: true })
  })

  test('a Worker has a GSD_SESSIONS_DB of its own', async () => {
    const { home, options } = temporaryHome()
    const path = join(home, 'worker.db')
    const seen = await inChild(
      async ({ require }, packageFile, env) => {
        const { Worker } = require('node:worker_threads') as typeof import('node:worker_threads')
        const program = `const { DatabaseConnection } = require(${JSON.stringify(packageFile)})
          const connection = new DatabaseConnection()
          require('node:worker_threads').parentPort.postMessage(connection.path)
          connection.close()`
        const worker = new Worker(program, { eval: true, env })
        return new Promise((told) => worker.once('message', told))
      },
      [packagePath, { ...options.env, GSD_SESSIONS_DB: path }],
      options,
    )
    expect(seen).toBe(path)
  })

  test('a GSD_SESSIONS_DB that is no path is refused by its name', async () => {
    const { options } = temporaryHome()
    const failure = await inChild(({ pkg, failureOf }) => failureOf(() => pkg.getDatabase()), [], {
      env: { ...options.env, GSD_SESSIONS_DB: 'file:x.db' },
    })
    expect(failure).toEqual(outOfRange('getDatabase', 'GSD_SESSIONS_DB', 'file:x.db'))
  })
})

describe('closeDatabase()', () => {
  test('closeDatabase() may be called twice, and without a connection', async () => {
    const { home, options } = temporaryHome()
    const created = await inChild(
      ({ pkg, require }, folder) => {
        const { existsSync: exists } = require('node:fs') as typeof import('node:fs')
        pkg.closeDatabase()
        pkg.closeDatabase()
        const before = exists(`${folder}/.gsd-harness`)
        pkg.getDatabase()
        pkg.closeDatabase()
        pkg.closeDatabase()
        return before
      },
      [home],
      options,
    )
    expect(created).toBe(false)
    expect(readdirSync(join(home, '.gsd-harness'))).toEqual(['sessions.db'])
  })

  test('closeDatabase() does not close a connection that the caller made', async () => {
    const { home, options } = temporaryHome()
    const isOpen = await inChild(
      ({ pkg }) => {
        const own = new pkg.DatabaseConnection()
        pkg.getDatabase()
        pkg.closeDatabase()
        return own.isOpen
      },
      [],
      options,
    )
    expect(isOpen).toBe(true)
    expect(existsSync(join(home, '.gsd-harness', 'sessions.db'))).toBe(true)
  })
})
