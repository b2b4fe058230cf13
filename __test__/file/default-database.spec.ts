import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import { temporaryFolder } from '../support/support.js'

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
