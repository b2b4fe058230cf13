import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { buildSync } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { packagePath } from '../support/child.js'
import { at, sampleOutput, sampleSession, temporaryPath } from '../support/support.js'
import * as here from '../../index.js'

type Package = typeof here

interface Realm {
  readonly pkg: Package
  readonly Date: DateConstructor
  readonly Array: ArrayConstructor
  readonly Object: ObjectConstructor
  readonly Promise: PromiseConstructor
  readonly RangeError: RangeErrorConstructor
  readonly TypeError: TypeErrorConstructor
}

/** The package, evaluated in its own realm as test runners do it. The binary is that of this process. */
function inAnotherRealm(): Realm {
  const { outputFiles } = buildSync({
    entryPoints: [packagePath],
    bundle: true,
    platform: 'node',
    external: ['*/native.js', '../package.json'],
    write: false,
  })
  const require = createRequire(join(packagePath, '../lib/loader/load.js'))
  const { AbortController, clearTimeout, performance, setTimeout } = globalThis
  const context = createContext({
    ...{ AbortController, clearTimeout, performance, setTimeout },
    ...{ require, module: { exports: {} }, process },
  })
  runInContext(outputFiles[0]?.text ?? '', context)
  const names = 'Date, Array, Object, Promise, RangeError, TypeError'
  return runInContext(`({ pkg: module.exports, ${names} })`, context) as Realm
}

function storesIn({ pkg }: Realm) {
  const connection = new pkg.DatabaseConnection(temporaryPath())
  const sessions = new pkg.SessionStore(connection)
  const outputs = new pkg.OutputStore(connection)
  sessions.create(sampleSession())
  outputs.append(sampleOutput())
  return { connection, sessions, outputs }
}

describe('the package in a realm of its own', () => {
  test('the package gives dates, arrays and objects of its own realm', () => {
    const realm = inAnotherRealm()
    const { connection, sessions, outputs } = storesIn(realm)
    const session = sessions.get('s-1')
    expect(session?.startedAt).toBeInstanceOf(realm.Date)
    expect(session).toBeInstanceOf(realm.Object)
    expect(sessions.list()).toBeInstanceOf(realm.Array)
    expect(outputs.getBySession('s-1')[0]?.timestamp).toBeInstanceOf(realm.Date)
    expect(outputs.search('hello').matches[0]?.before).toBeInstanceOf(realm.Array)
    const stats = connection.stats()
    expect(stats).toBeInstanceOf(realm.Object)
    expect(stats.largest).toBeInstanceOf(realm.Array)
    expect(stats.oldest).toBeInstanceOf(realm.Date)
    expect(connection.walStatus()).toBeInstanceOf(realm.Object)
    expect(connection.verify().problems).toBeInstanceOf(realm.Array)
    const statement = connection.db.prepare('SELECT id FROM sessions')
    expect(statement.get()).toBeInstanceOf(realm.Object)
    expect(statement.columns()[0]).toBeInstanceOf(realm.Object)
    expect(statement.columns()).toBeInstanceOf(realm.Array)
    expect(statement.raw().all()[0]).toBeInstanceOf(realm.Array)
    expect('undefined' in realm.pkg.DatabaseConnection.prototype).toBe(false)
    expect('undefined' in connection.db).toBe(false)
    connection.close()
  })

  test('the package throws errors of its own realm', () => {
    const realm = inAnotherRealm()
    const { connection, sessions, outputs } = storesIn(realm)
    const thrownBy = (call: () => unknown) => {
      try {
        return call()
      } catch (error) {
        return error
      }
    }
    const { SqliteError } = realm.pkg
    expect(thrownBy(() => outputs.getBySession('s-1', -1))).toBeInstanceOf(realm.RangeError)
    expect(thrownBy(() => sessions.create(null as never))).toBeInstanceOf(realm.TypeError)
    expect(thrownBy(() => sessions.create({} as never))).toBeInstanceOf(realm.TypeError)
    expect(thrownBy(() => sessions.create(sampleSession()))).toBeInstanceOf(SqliteError)
    expect(thrownBy(() => connection.db.exec('no SQL'))).toBeInstanceOf(SqliteError)
    connection.close()
    expect(thrownBy(() => sessions.list())).toBeInstanceOf(realm.TypeError)
  })

  test('the package gives promises of its own realm, which reject with errors of that realm', async () => {
    const realm = inAnotherRealm()
    const { connection, outputs } = storesIn(realm)
    const target = temporaryPath()
    const told: unknown[] = []
    const backup = connection.backup(target, { onProgress: (progress) => void told.push(progress) })
    expect(backup).toBeInstanceOf(realm.Promise)
    expect(await backup).toBeInstanceOf(realm.Object)
    expect(told[0]).toBeInstanceOf(realm.Object)
    const changed = new Promise<here.SessionChange>((resolve) => connection.watch(resolve))
    outputs.append(sampleOutput())
    expect((await changed).sessions).toBeInstanceOf(realm.Array)
    const pruned = await connection.prune({ olderThan: at(0) })
    expect(pruned.sessions).toBeInstanceOf(realm.Array)
    await expect(connection.backup('')).rejects.toBeInstanceOf(realm.RangeError)
    await expect(outputs.exportTo('s-1', '', { format: 'raw' })).rejects.toBeInstanceOf(
      realm.RangeError,
    )
    await expect(realm.pkg.salvage(target, target)).rejects.toBeInstanceOf(realm.pkg.SqliteError)
    connection.close()
  })

  test('a store takes a connection of another evaluation of the same package', () => {
    const { pkg } = inAnotherRealm()
    const mine = new here.DatabaseConnection(':memory:')
    new pkg.SessionStore(mine).create(sampleSession())
    new pkg.OutputStore(mine.db).append(sampleOutput())
    expect(new here.SessionStore(mine).list()).toHaveLength(1)
    mine.close()
    expect(() => new pkg.SessionStore(mine)).toThrow(/closed/)
  })
})
