import { describe, expect, test } from 'vitest'
import { inChild, packagePath } from './child.js'
import { copyWithBinary } from './installation.js'

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
      [copyWithBinary()],
    )
    const failure = expect.objectContaining({ type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(seen).toEqual({ refused: [failure, failure], own: [], first: [] })
  })

  test('leave the classes of the first one usable after it is loaded again', async () => {
    const paths = await inChild(
      ({ pkg, require }, path) => {
        for (const file of Object.keys(require.cache)) delete require.cache[file]
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
