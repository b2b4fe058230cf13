import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { failureOf, openConnection, sqliteFailure, temporaryPath } from './support.js'

/** A file with a table of another program, `word` of whose schema is no UTF-8 any more. */
function fileWith(word: string): string {
  const path = temporaryPath()
  const connection = openConnection(path)
  connection.db.exec(
    `CREATE TABLE notes (name_of_note TEXT_OF_NOTE); INSERT INTO notes VALUES ('kept')`,
  )
  connection.close()
  const bytes = readFileSync(path)
  for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at)) bytes[at] = 0xff
  writeFileSync(path, bytes)
  return path
}

describe('a name in the schema that is no UTF-8', () => {
  test('of a column, is an error of SQLite where rows are named after it', () => {
    const { db } = openConnection(fileWith('name_of_note'))
    const statement = db.prepare('SELECT * FROM notes')
    const corrupt = sqliteFailure('SQLITE_CORRUPT')
    expect(failureOf(() => statement.all())).toEqual(corrupt)
    expect(failureOf(() => statement.get())).toEqual(corrupt)
    expect(failureOf(() => [...statement.iterate()])).toEqual(corrupt)
    expect(failureOf(() => statement.columns())).toEqual(corrupt)
    expect(db.prepare('SELECT rowid FROM notes').pluck().all()).toEqual([1])
  })

  test('of a type, is one where it is asked for', () => {
    const { db } = openConnection(fileWith('TEXT_OF_NOTE'))
    const statement = db.prepare('SELECT * FROM notes')
    expect(failureOf(() => statement.columns())).toEqual(sqliteFailure('SQLITE_CORRUPT'))
    expect(statement.all()).toEqual([{ name_of_note: 'kept' }])
  })
})
