import { readFileSync } from 'node:fs'
import { describe, expect, expectTypeOf, test } from 'vitest'
import Compat from '../../compat.js'
import {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  SqliteError,
  type Database,
} from '../../index.js'
import { packageUrl, runModule } from '../support/child.js'
import {
  failureOf,
  openConnection,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryPath,
  wrongType,
} from '../support/support.js'

/** A handle that is closed at the end of `work`. */
function withHandle<T>(path: string | null, options: unknown, work: (db: Database) => T): T {
  const db = new Compat(path, options as Compat.Options)
  try {
    return work(db)
  } finally {
    db.close()
  }
}

describe('the constructor of @gsd/session-store/compat', () => {
  test('new Database(path) opens the file of the path, with our tables', () => {
    const path = temporaryPath()
    withHandle(path, undefined, (db) => {
      expect([db.name, db.open, db.memory, db.readonly]).toEqual([path, true, false, false])
      new SessionStore(db).create(sampleSession())
    })
    expect(new SessionStore(openConnection(path)).get('s-1')?.id).toBe('s-1')
  })

  test('new Database() and an empty path give a private database in memory', () => {
    for (const path of [null, '', ':memory:']) {
      expect(withHandle(path, undefined, (db) => [db.memory, db.name])).toEqual([true, ':memory:'])
    }
    const db = Compat()
    expect(db.close().open).toBe(false)
  })

  test('every handle is an instance of the constructor, that of a connection as well', () => {
    withHandle(null, undefined, (db) => expect(db).toBeInstanceOf(Compat))
    expect(openConnection().db).toBeInstanceOf(Compat)
    expect({}).not.toBeInstanceOf(Compat)
  })

  test('a subclass of the constructor keeps its own methods, and its handle is taken by the stores', () => {
    class Counting extends Compat {
      count() {
        return this.prepare<[], number>('SELECT count(*) FROM sessions').pluck().get()
      }
    }
    const db = new Counting(':memory:')
    new SessionStore(db).create(sampleSession())
    expect([db.count(), db instanceof Counting, db instanceof Compat]).toEqual([1, true, true])
    db.close()
  })

  test('the constructor has the name and the SqliteError of better-sqlite3', () => {
    expect([Compat.name, Compat.SqliteError]).toEqual(['Database', SqliteError])
  })

  test('foreign keys are on, unless the options say otherwise', () => {
    const foreignKeys = (options: unknown) =>
      withHandle(null, options, (db) => db.pragma('foreign_keys', { simple: true }))
    expect([undefined, {}, { foreignKeys: null }, { foreignKeys: false }].map(foreignKeys)).toEqual(
      [1, 1, 1, 0],
    )
    withHandle(null, {}, (db) => {
      const append = () => new OutputStore(db).append(sampleOutput())
      expect(failureOf(append)).toEqual(sqliteFailure('SQLITE_CONSTRAINT_FOREIGNKEY'))
    })
  })

  test('the options readonly, fileMustExist and timeout are those of the connection', () => {
    const path = temporaryPath()
    const open = (options: unknown) => failureOf(() => new Compat(path, options as Compat.Options))
    expect(open({ fileMustExist: true })).toMatchObject({ code: 'SQLITE_CANTOPEN' })
    expect(open({ timeout: -1 })).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    openConnection(path).close()
    withHandle(path, { readonly: true, timeout: 7 }, (db) => {
      expect(db.readonly).toBe(true)
      expect(db.pragma('busy_timeout', { simple: true })).toBe(7)
    })
  })

  test('options that better-sqlite3 has and the handle has not are ignored where they ask for nothing', () => {
    const options = { verbose: null, nativeBinding: '/a/better_sqlite3.node', readonly: false }
    expect(withHandle(null, options, (db) => db.open)).toBe(true)
  })

  test.each<[string, unknown]>([
    ['verbose', { verbose: () => {} }],
    ['fileMustExists', { fileMustExists: true }],
  ])('the option %s is refused by its name', (name, options) => {
    const failure = failureOf(() => new Compat(':memory:', options as Compat.Options))
    expect(failure).toMatchObject({ type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    expect(failure?.message).toMatch(/^Database: options/)
    expect(failure?.message).toContain(name)
  })

  test('a database as bytes is refused', () => {
    const open = () => new Compat(Buffer.from('SQLite format 3') as never)
    expect(failureOf(open)).toEqual(wrongType('dbPath'))
  })

  test('the package has the constructor under its own path, for import and for require', async () => {
    const { code, stdout, stderr } = await runModule(
      `import { createRequire } from 'node:module'
       import Database, { SqliteError } from ${JSON.stringify(new URL('../../compat.js', import.meta.url))}
       import * as main from ${JSON.stringify(packageUrl)}
       const required = createRequire(${JSON.stringify(packageUrl)})('@gsd/session-store/compat')
       console.log(required === Database, SqliteError === main.SqliteError, Object.keys(main).join())`,
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^true true /)
    expect(stdout).not.toContain('Compat')
  })

  test('the types of the constructor contain no any, and are those of the handle', () => {
    const declarations = readFileSync(new URL('../../compat.d.ts', import.meta.url), 'utf8')
    expect(declarations).toContain('export = Database')
    expect(declarations).not.toMatch(/\bany\b/)
    expectTypeOf<Compat.Database>().toEqualTypeOf<Database>()
    expectTypeOf<Compat.Options>().toEqualTypeOf<Database.Options>()
    expectTypeOf<Compat.Statement<[number], string>>().toEqualTypeOf<
      Database.Statement<[number], string>
    >()
    expectTypeOf<InstanceType<typeof Compat>>().toEqualTypeOf<Database>()
  })
})

describe('a store that is made on something else', () => {
  class Foreign {
    prepare() {}
    exec() {}
  }
  const given: [string, unknown, string][] = [
    ['a path', './a.db', 'received "./a.db"; pass new DatabaseConnection(path)'],
    ['a handle of another library', new Foreign(), 'a handle of another SQLite; use new'],
    ['a database of drizzle', { $client: new Foreign() }, 'pass the connection.db under it'],
    ['a promise', Promise.resolve(), 'received a promise; await it first'],
    ['nothing', undefined, 'received undefined'],
    ['an object', {}, 'received an object'],
    [
      'an object that throws when it is looked at',
      new Proxy({}, { has: () => expect.unreachable() }),
      'received an object',
    ],
  ]
  test.each(given)('a store that is made on %s says what to pass', (_, db, words) => {
    for (const Store of [SessionStore, OutputStore]) {
      const failure = failureOf(() => new Store(db as DatabaseConnection))
      expect(failure).toMatchObject({ type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
      expect(failure?.message).toContain(`${Store.name}: db must be a DatabaseConnection or its db`)
      expect(failure?.message).toContain(words)
    }
  })

  test('a handle of node:sqlite is named as one of another SQLite', async () => {
    const source = `
      import { SessionStore } from ${JSON.stringify(packageUrl)}
      let sqlite
      try {
        sqlite = await import('node:sqlite')
      } catch {}
      try {
        if (sqlite) new SessionStore(new sqlite.DatabaseSync(':memory:'))
        else console.log('a handle of another SQLite')
      } catch (error) {
        console.log(error.message)
      }`
    const { stdout } = await runModule(source)
    expect(stdout).toContain('a handle of another SQLite')
  })
})
