// Schemas with bytes that are not valid UTF-8. Other programs and damage make them.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore, salvage } from '../../index.js'
import { startChild } from '../support/child.js'
import {
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  slotCheck,
  temporaryFolder,
  temporaryPath,
} from '../support/support.js'

/** A closed file with a session and what `sql` adds, in which every `word` is changed so that it is not valid UTF-8. */
function fileWith(sql: string, word: string): string {
  const path = temporaryPath()
  const connection = new DatabaseConnection(path)
  new SessionStore(connection).create(sampleSession())
  new OutputStore(connection).append(sampleOutput())
  connection.db.exec(sql)
  connection.close()
  const bytes = readFileSync(path)
  expect(bytes.includes(word)).toBe(true)
  for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at)) bytes[at] = 0xff
  writeFileSync(path, bytes)
  return path
}

describe('a name in the schema that is not valid UTF-8', () => {
  const notes = `CREATE TABLE notes (name_of_note TEXT_OF_NOTE); INSERT INTO notes VALUES ('kept')`

  test('the name of a column that is not valid UTF-8 appears with U+FFFD', () => {
    const { db } = openConnection(fileWith(notes, 'name_of_note'))
    const statement = db.prepare('SELECT * FROM notes')
    const row = { '\uFFFDame_of_note': 'kept' }
    expect(statement.all()).toEqual([row])
    expect(statement.get()).toEqual(row)
    expect([...statement.iterate()]).toEqual([row])
    expect(statement.columns()).toMatchObject([
      { name: '\uFFFDame_of_note', column: '\uFFFDame_of_note', table: 'notes' },
    ])
    expect(db.prepare('SELECT rowid FROM notes').pluck().all()).toEqual([1])
  })

  test('the name of a type that is not valid UTF-8 appears with U+FFFD', () => {
    const { db } = openConnection(fileWith(notes, 'TEXT_OF_NOTE'))
    const statement = db.prepare('SELECT * FROM notes')
    expect(statement.columns()).toMatchObject([{ type: '\uFFFDEXT_OF_NOTE' }])
    expect(statement.all()).toEqual([{ name_of_note: 'kept' }])
  })

  test('the name of a table that is not valid UTF-8 appears with U+FFFD', () => {
    const { db } = openConnection(fileWith('CREATE TABLE odd_notes (x)', 'odd_notes'))
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE '%dd_notes'")
    expect(names.pluck().all()).toEqual(['\uFFFDdd_notes'])
  })

  test('a column name that is not valid UTF-8 causes no message on the standard error', async () => {
    const child = startChild(
      ({ pkg }, path) => {
        const { db } = new pkg.DatabaseConnection(path)
        return db.prepare('SELECT * FROM notes').all()
      },
      [fileWith(notes, 'name_of_note')],
    )
    const { code, stdout, stderr } = await child.outcome
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '[{"\uFFFDame_of_note":"kept"}]',
      stderr: '',
    })
  })
})

describe('the columns of two statements with the same SQL', () => {
  test('two statements with the same SQL both give the current columns after ALTER TABLE', () => {
    const { db } = openConnection()
    db.exec('CREATE TABLE t (a)')
    const [first, second] = [db.prepare('SELECT * FROM t'), db.prepare('SELECT * FROM t')]
    db.exec('INSERT INTO t VALUES (1); ALTER TABLE t RENAME COLUMN a TO b')
    expect(second.get()).toEqual({ b: 1 })
    expect(first.get()).toEqual({ b: 1 })
    expect(db.prepare('-- a comment\n; SELECT 1 AS one').get()).toEqual({ one: 1 })
  })
})

describe('a session file with names that are not valid UTF-8', () => {
  test.each([
    ['a comment in the table', 'ALTER TABLE sessions ADD COLUMN x TEXT /* weird_word */'],
    ['a column of others', 'ALTER TABLE sessions ADD COLUMN weird_word TEXT'],
    ['a column of output', 'ALTER TABLE session_outputs ADD COLUMN weird_word TEXT'],
    ['the name of an index', 'CREATE INDEX weird_word ON sessions (pid)'],
    ['a trigger', 'CREATE TRIGGER weird_word AFTER DELETE ON sessions BEGIN SELECT 1; END'],
    ['a view', 'CREATE VIEW weird_word AS SELECT 1 AS weird_word'],
    ['a table', 'CREATE TABLE weird_word (weird_word)'],
    ['a virtual table', 'CREATE VIRTUAL TABLE notes USING fts5 (weird_word)'],
  ])(
    'the stores, a backup, an export and a salvage work where %s is not valid UTF-8',
    async (_, sql) => {
      const path = fileWith(sql, 'weird_word')
      const folder = temporaryFolder()
      const { connection, sessions, outputs } = openStores(path, { slots: 4 })
      expect(slotCheck(connection)).toBe('1, 2, 3, 4')
      sessions.create(sampleSession({ id: 's-2', slot: 4 }))
      expect(sessions.list().map(({ id }) => id)).toEqual(['s-2', 's-1'])
      expect(outputs.getFullOutput('s-1')).toBe('hello')
      expect(connection.verify().problems).toEqual([])
      await connection.backup(join(folder, 'backup.db'))
      await outputs.exportTo('s-1', join(folder, 'output.txt'), { format: 'raw' })
      expect(statSync(join(folder, 'output.txt')).size).toBeGreaterThan(0)
      connection.close()
      const salvaged = await salvage(path, join(folder, 'salvaged.db'))
      expect(salvaged).toMatchObject({ sessions: 2, outputs: 1 })
      const leftOut = (problem: string) => problem.startsWith('columns of others')
      expect(salvaged.problems.filter((problem) => !leftOut(problem))).toEqual([])
      // Every other byte of the schema is as it was.
      expect(readFileSync(path).includes(Buffer.from('\xffeird_word', 'latin1'))).toBe(true)
      const copy = openConnection(join(folder, 'backup.db'), { readonly: true })
      expect(copy.verify().ok).toBe(true)
    },
  )

  test('a file can be widened and verified where two column names differ only in bytes that are not valid UTF-8', () => {
    const path = fileWith(
      'ALTER TABLE sessions ADD COLUMN one_weird; ALTER TABLE sessions ADD COLUMN two_weird',
      'one_weird',
    )
    const bytes = readFileSync(path)
    const at = bytes.indexOf('two_weird')
    bytes.set([0xfe, ...Buffer.from('ne_weird')], at)
    writeFileSync(path, bytes)
    const { connection } = openStores(path, { slots: 4 })
    expect(connection.verify().problems).toEqual([])
  })

  test('a file with names that are not valid UTF-8 causes no message on the standard error, whatever is called', async () => {
    const path = fileWith(
      `ALTER TABLE sessions ADD COLUMN weird_word weird_word DEFAULT 'weird_word';
       ALTER TABLE session_outputs ADD COLUMN weird_word TEXT CHECK (weird_word <> 'weird_word');
       CREATE TABLE others (weird_word INTEGER PRIMARY KEY, x weird_word NOT NULL);
       CREATE TABLE others_without (weird_word TEXT PRIMARY KEY) WITHOUT ROWID;
       CREATE INDEX weird_word ON sessions (weird_word || weird_word);
       CREATE TRIGGER by_others AFTER UPDATE ON sessions BEGIN SELECT NEW.weird_word AS weird_word; END;
       CREATE VIEW of_others AS SELECT weird_word AS weird_word, x FROM others;
       INSERT INTO others VALUES (1, 'x')`,
      'weird_word',
    )
    const child = startChild(
      async ({ pkg, failureOf }, file, folder) => {
        const connection = new pkg.DatabaseConnection(file, { slots: 9 })
        const sessions = new pkg.SessionStore(connection)
        const outputs = new pkg.OutputStore(connection, { writeBehind: true })
        const { db } = connection
        const stop = connection.watch(() => {})
        sessions.update('s-1', { status: 'failed', pid: 7 })
        outputs.append({ sessionId: 's-1', timestamp: new Date(), type: 'stdout', data: 'more' })
        const seen = [
          outputs.getFullOutput('s-1'),
          outputs.search('more').matches.length,
          [...outputs.iterate('s-1')].length,
          sessions.list({ limit: 5 }).length,
          connection.stats().sessions.failed,
          connection.verify().problems.length,
        ]
        stop()
        for (const sql of [
          'SELECT * FROM sessions',
          'SELECT * FROM others',
          'SELECT rowid FROM others',
          'SELECT * FROM others_without',
          'SELECT * FROM of_others',
          'SELECT * FROM sqlite_schema',
          'UPDATE sessions SET pid = 8 RETURNING *',
          'EXPLAIN SELECT * FROM of_others',
        ]) {
          const statement = db.prepare(sql)
          statement.columns()
          statement.all()
          statement.get()
          statement.raw().all()
          statement.raw(false).expand().all()
          for (const row of statement.iterate()) void row
          String(statement)
        }
        for (const pragma of ['table_xinfo(sessions)', 'index_list(others)', 'integrity_check'])
          db.pragma(pragma)
        const failure = failureOf(() => db.exec('INSERT INTO others DEFAULT VALUES'))
        failureOf(() => db.exec('INSERT INTO others_without VALUES (NULL)'))
        db.exec('ANALYZE; REINDEX; VACUUM')
        for (const format of ['raw', 'text', 'html', 'ndjson', 'asciicast'] as const)
          await outputs.exportTo('s-1', `${folder}/export`, { format })
        await connection.backup(`${folder}/backup.db`)
        await connection.prune({ keepLast: 0 })
        connection.close()
        const salvaged = await pkg.salvage(`${folder}/backup.db`, `${folder}/salvaged.db`)
        return [...seen, salvaged.sessions, failure?.code]
      },
      [path, temporaryFolder()],
    )
    const { code, stdout, stderr } = await child.outcome
    expect({ code, seen: code === 0 ? JSON.parse(stdout) : stdout, stderr }).toEqual({
      code: 0,
      seen: ['hello\nmore', 1, 2, 1, 1, 0, 1, 'SQLITE_CONSTRAINT_NOTNULL'],
      stderr: '',
    })
  })
})
