import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, test } from 'vitest'
import * as exported from '../../index.js'
import {
  DatabaseConnection,
  SqliteError,
  type DatabaseOptions,
  type NewSession,
  type Session,
  type SessionOutput,
  type SessionStatus,
  type SessionUpdateFields,
} from '../../index.js'
import { inChild, packagePath, packageUrl, runModule } from '../support/child.js'
import { failureOf, namesInHome, temporaryFolder } from '../support/support.js'

const NAMES = [
  'DatabaseConnection',
  'OutputStore',
  'SessionStore',
  'SqliteError',
  'closeDatabase',
  'getDatabase',
  'restore',
  'salvage',
] as const

describe('what the package exports', () => {
  test.each(NAMES)('the package exports %s as a function', (name) => {
    expect(exported[name]).toBeTypeOf('function')
    expect(exported[name].name).toBe(name)
  })

  test('an ES module can import every name', async () => {
    const source = `
      import { ${NAMES.join(', ')} } from ${JSON.stringify(packageUrl)}
      console.log([${NAMES.join(', ')}].map((value) => typeof value).join())`
    const { code, stdout } = await runModule(source)
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'function,function,function,function,function,function,function,function\n',
    })
  })

  test('a CommonJS module requires the same classes that an ES module imports', async () => {
    const source = `
      import { createRequire } from 'node:module'
      import * as imported from ${JSON.stringify(packageUrl)}
      const required = createRequire(import.meta.url)(${JSON.stringify(packagePath)})
      console.log(${JSON.stringify(NAMES)}.map((name) => required[name] === imported[name]).join())`
    const { code, stdout } = await runModule(source)
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'true,true,true,true,true,true,true,true\n',
    })
  })

  test('an import of the package touches no file', async () => {
    const home = join(temporaryFolder(), 'home')
    const cwd = join(home, 'work')
    mkdirSync(cwd, { recursive: true })
    await inChild(() => null, [], { cwd, env: { HOME: home, USERPROFILE: home } })
    expect(namesInHome(home)).toEqual(['work'])
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('SqliteError', () => {
  test('SqliteError is an Error with a name, a message and a code', () => {
    const error = new SqliteError('database is locked', 'SQLITE_BUSY')
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(SqliteError)
    expect(error.name).toBe('SqliteError')
    expect(error.message).toBe('database is locked')
    expect(error.code).toBe('SQLITE_BUSY')
    expect(String(error)).toBe('SqliteError: database is locked')
    expect(error.stack).toContain('exports.spec')
  })

  test('SqliteError is the class of what the package throws for SQLite', () => {
    const connection = new DatabaseConnection(':memory:')
    try {
      expect(failureOf(() => connection.db.exec('not SQL'))).toMatchObject({
        type: 'SqliteError',
        code: 'SQLITE_ERROR',
      })
    } finally {
      connection.close()
    }
  })

  test('SqliteError is one class in every module that loads the package', () => {
    const required = createRequire(import.meta.url)('../../index.js') as typeof exported
    const error = new required.SqliteError('disk full', 'SQLITE_FULL')
    expect(error.name).toBe('SqliteError')
    expect(error).toBeInstanceOf(Error)
  })
})

describe('the types', () => {
  test('the types contain no any', () => {
    const declarations = readFileSync(new URL('../../index.d.ts', import.meta.url), 'utf8')
    const withoutComments = declarations.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/\/\/.*/g, '')
    expect(withoutComments).toContain('class DatabaseConnection')
    expect(withoutComments).not.toMatch(/\bany\b/)
  })

  test('the types have a doc comment before every class, function and method of the stores', () => {
    const declarations = readFileSync(new URL('../../index.d.ts', import.meta.url), 'utf8')
    const lines = declarations.split('\n').map((line) => line.trim())
    const undocumented = lines.filter(
      (line, index) =>
        /^(export declare (class|function) |(append|appendMany|create|get|update|delete|list|listByStatus|findRunning)\()/.test(
          line,
        ) && !lines[index - 1]?.endsWith('*/'),
    )
    expect(undocumented).toEqual([])
  })

  test('the types of statuses, slots and streams are literal unions', () => {
    type Statuses = 'idle' | 'running' | 'waiting_checkpoint' | 'completed' | 'failed'
    expectTypeOf<SessionStatus>().toEqualTypeOf<Statuses>()
    expectTypeOf<Session['status']>().toEqualTypeOf<Statuses>()
    expectTypeOf<Session['slot']>().toEqualTypeOf<1 | 2 | 3>()
    expectTypeOf<Session['startedAt']>().toEqualTypeOf<Date>()
    expectTypeOf<Session['pid']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<Session['endedAt']>().toEqualTypeOf<Date | undefined>()
    expectTypeOf<Session['currentCommand']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<SessionOutput['type']>().toEqualTypeOf<'stdout' | 'stderr'>()
    expectTypeOf<NonNullable<DatabaseOptions['synchronous']>>().toEqualTypeOf<'normal' | 'full'>()
  })

  test('the types of arguments accept null for SQL NULL', () => {
    expectTypeOf<NewSession['slot']>().toEqualTypeOf<number>()
    expectTypeOf<null>().toExtend<NewSession['pid']>()
    expectTypeOf<null>().toExtend<NewSession['endedAt']>()
    expectTypeOf<null>().toExtend<NewSession['currentCommand']>()
    expectTypeOf<{
      currentCommand: null
      endedAt: null
      pid: null
    }>().toExtend<SessionUpdateFields>()
    expectTypeOf<Session>().toExtend<NewSession>()
  })
})
