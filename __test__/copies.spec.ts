import { copyFileSync, cpSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inChild, packagePath } from './child.js'
import { temporaryFolder } from './support.js'

/** A second copy of the package, as a nested node_modules folder would hold it. */
function copyOfThePackage(): string {
  const folder = temporaryFolder()
  const root = dirname(packagePath)
  copyFileSync(packagePath, join(folder, 'index.js'))
  for (const addon of readdirSync(root).filter((name) => name.endsWith('.node'))) {
    cpSync(join(root, addon), join(folder, addon))
  }
  return join(folder, 'index.js')
}

describe('two copies of the package in one process', () => {
  test('take no connection of each other, and work side by side', async () => {
    const seen = await inChild(
      ({ pkg, require, failureOf }, copy) => {
        const other = require(copy) as typeof pkg
        const connection = new pkg.DatabaseConnection(':memory:')
        const refused = [
          failureOf(() => new other.SessionStore(connection)),
          failureOf(() => new other.OutputStore(connection.db)),
        ]
        const own = new other.SessionStore(new other.DatabaseConnection(':memory:'))
        return { refused, own: own.list(), first: new pkg.SessionStore(connection).list() }
      },
      [copyOfThePackage()],
    )
    const failure = expect.objectContaining({ type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(seen).toEqual({ refused: [failure, failure], own: [], first: [] })
  })

  test('leave the classes of the first one usable after it is loaded again', async () => {
    const paths = await inChild(
      ({ pkg, require }, path) => {
        delete require.cache[path]
        const again = require(path) as typeof pkg
        return [
          new again.DatabaseConnection(':memory:').path,
          new pkg.DatabaseConnection(':memory:').path,
        ]
      },
      [packagePath],
    )
    expect(paths).toEqual([':memory:', ':memory:'])
  })
})
