import { describe, expect, test } from 'vitest'
import { OutputStore, SessionStore } from '../../index.js'
import {
  failureOf,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  wrongType,
  writeForeignFile,
} from '../support/support.js'

describe('a store', () => {
  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', 'text'],
    [5, '5'],
    [true, 'true'],
    [7n, '7'],
    [{}, ''],
    [[], ''],
    [() => undefined, ''],
    [new Date(0), ''],
  ] as [unknown, string][])('a store cannot be made of %o', (db, word) => {
    expect(failureOf(() => new SessionStore(db as never))).toEqual(
      wrongType('SessionStore', 'db', word),
    )
    expect(failureOf(() => new OutputStore(db as never))).toEqual(
      wrongType('OutputStore', 'db', word),
    )
  })

  test('a store cannot be made of another store', () => {
    const { sessions, outputs } = openStores()
    expect(failureOf(() => new SessionStore(outputs as never))).toEqual(
      wrongType('SessionStore', 'db'),
    )
    expect(failureOf(() => new OutputStore(sessions as never))).toEqual(
      wrongType('OutputStore', 'db'),
    )
  })
})

describe('errors of SQLite', () => {
  test('a store throws SQLITE_FULL, and works on once there is room', () => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput())
    const pages = Number(connection.db.pragma('page_count', { simple: true }))
    connection.db.pragma(`max_page_count = ${pages + 2}`)
    const big = sampleOutput({ data: 'x'.repeat(100_000) })
    expect(failureOf(() => outputs.append(big))).toEqual(sqliteFailure('SQLITE_FULL'))
    expect(failureOf(() => outputs.appendMany([sampleOutput(), big]))).toEqual(
      sqliteFailure('SQLITE_FULL'),
    )
    expect(outputs.getBySession('s-1')).toHaveLength(1)
    connection.db.pragma(`max_page_count = ${pages + 1_000}`)
    outputs.append(big)
    expect(outputs.getBySession('s-1')).toHaveLength(2)
  })

  test('a store throws SQLITE_BUSY, and works on once the file is free', () => {
    const { connection, outputs, sessions } = openStores(undefined, { timeout: 0 })
    const holder = openConnection(connection.path)
    holder.db.exec('BEGIN IMMEDIATE')
    expect(failureOf(() => outputs.append(sampleOutput()))).toEqual(sqliteFailure('SQLITE_BUSY'))
    expect(failureOf(() => outputs.appendMany([sampleOutput()]))).toEqual(
      sqliteFailure('SQLITE_BUSY'),
    )
    expect(failureOf(() => sessions.create(sampleSession()))).toEqual(sqliteFailure('SQLITE_BUSY'))
    expect(failureOf(() => sessions.delete('s-1'))).toEqual(sqliteFailure('SQLITE_BUSY'))
    expect(sessions.list()).toEqual([])
    holder.db.exec('COMMIT')
    outputs.append(sampleOutput())
    expect(outputs.getBySession('s-1')).toHaveLength(1)
  })

  test('a store throws SQLITE_ERROR where a table is gone', () => {
    const { connection, outputs, sessions } = openStores()
    writeForeignFile(connection.path, 'DROP TABLE other.session_outputs')
    expect(failureOf(() => outputs.append(sampleOutput()))).toEqual(sqliteFailure('SQLITE_ERROR'))
    expect(failureOf(() => outputs.getFullOutput('s-1'))).toEqual(sqliteFailure('SQLITE_ERROR'))
    sessions.create(sampleSession())
    expect(failureOf(() => sessions.delete('s-1'))).toEqual(sqliteFailure('SQLITE_ERROR'))
    expect(sessions.list()).toHaveLength(1)
  })
})
