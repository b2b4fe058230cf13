import { outcome, outcomes, topic, value } from './helpers.mjs'

/** A form that prepares `source` and describes the statement, or the error. */
function prepared(source) {
  return (db) => {
    const statement = db.prepare(source)
    const { reader, readonly, busy } = statement
    return { source: statement.source, text: String(statement), reader, readonly, busy }
  }
}

const sources = {
  'a select': 'SELECT 1',
  'a select with a semicolon': 'SELECT 1;',
  'semicolons only': ';;;',
  'semicolons behind': 'SELECT 1;;; ;',
  'semicolons in front': ';;SELECT 1',
  'white space around': ' \t\n\r\f SELECT 1 \n ; \t ',
  'a vertical tab behind': 'SELECT 1;\v',
  'a no-break space behind': 'SELECT 1;\u{a0}',
  'a byte order mark in front': '\u{feff}SELECT 1',
  'a byte order mark behind': 'SELECT 1;\u{feff}',
  nothing: '',
  'white space only': ' \n ',
  'a line comment only': '-- nothing here',
  'a block comment only': '/* nothing here */',
  'an open block comment only': '/* nothing here',
  'a line comment in front': '-- one\nSELECT 1',
  'a block comment in front': '/* one */ SELECT 1',
  'a block comment inside': 'SELECT /* one */ 1',
  'a line comment behind': 'SELECT 1; -- one',
  'a block comment behind': 'SELECT 1; /* one */',
  'an open block comment behind': 'SELECT 1; /* one',
  'comments and semicolons behind': 'SELECT 1; -- a\n ; /* b */ ; -- c',
  'a minus behind': 'SELECT 1; -',
  'a slash behind': 'SELECT 1; /',
  'two statements': 'SELECT 1; SELECT 2',
  'two statements, the second invalid': 'SELECT 1; SELEC 2',
  'two statements, the first invalid': 'SELEC 1; SELECT 2',
  'a statement and a stray word': 'SELECT 1; oops',
  'a statement and an open string': "SELECT 1; 'oops",
  'a statement behind a comment': 'SELECT 1; /* and */ SELECT 2',
  'NUL only': '\0',
  'NUL in front': '\0SELECT 1',
  'NUL behind': 'SELECT 1\0',
  'NUL and more behind': 'SELECT 1\0; SELECT 2',
  'NUL in a literal': "SELECT 'a\0b'",
  'NUL behind a semicolon': 'SELECT 1;\0SELECT 2',
  'an emoji': 'SELECT \'🚀\' AS "🚀"',
  'a lone surrogate': "SELECT '\ud800' AS s",
  'a syntax error': 'SELECT FROM',
  'an incomplete statement': 'SELECT',
  'an open string': "SELECT 'open",
  'an unknown token': 'SELECT 1 § 2',
  'an unknown table': 'SELECT * FROM nowhere',
  'an unknown column': 'SELECT height FROM people',
  'an unknown function': 'SELECT no_such_function(1)',
  'a function with too few arguments': 'SELECT substr()',
  'an ambiguous column': 'SELECT id FROM people a, people b',
  'a double-quoted string': 'SELECT "text"',
  'a double-quoted column': 'SELECT "name" FROM people',
  'a single-quoted column': "SELECT 'name' FROM people",
  'a back-quoted column': 'SELECT `name` FROM people',
  'a bracketed column': 'SELECT [name] FROM people',
  'an insert': "INSERT INTO people (name) VALUES ('Eve')",
  'an insert of unknown columns': 'INSERT INTO people (height) VALUES (1)',
  'an insert of too few values': 'INSERT INTO people (name, age) VALUES (1)',
  'an insert with RETURNING': "INSERT INTO people (name) VALUES ('Eve') RETURNING id",
  'an update': 'UPDATE people SET age = 1',
  'a delete': 'DELETE FROM people',
  'a create table': 'CREATE TABLE other (a)',
  'a create table that exists': 'CREATE TABLE people (a)',
  'a create table if not exists': 'CREATE TABLE IF NOT EXISTS people (a)',
  'a drop': 'DROP TABLE people',
  'a drop of nothing': 'DROP TABLE IF EXISTS nowhere',
  begin: 'BEGIN',
  'begin immediate': 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  rollback: 'ROLLBACK',
  'a savepoint': 'SAVEPOINT a',
  'a release': 'RELEASE a',
  attach: "ATTACH ':memory:' AS other",
  detach: 'DETACH other',
  'a pragma that reads': 'PRAGMA user_version',
  'a pragma that writes': 'PRAGMA application_id = 5',
  'a pragma with a table': 'PRAGMA table_info(people)',
  'an unknown pragma': 'PRAGMA nothing_like_it',
  vacuum: 'VACUUM',
  analyze: 'ANALYZE',
  reindex: 'REINDEX',
  explain: 'EXPLAIN SELECT 1',
  'explain query plan': 'EXPLAIN QUERY PLAN SELECT 1',
  'explain of an insert': "EXPLAIN INSERT INTO people (name) VALUES ('Eve')",
  'explain of a select without columns': 'EXPLAIN DROP TABLE people',
  values: 'VALUES (1), (2)',
  'a common table expression': 'WITH a AS (SELECT 1 AS b) SELECT b FROM a',
  'too many columns': `SELECT ${Array.from({ length: 2001 }, () => '1').join(', ')}`,
  'too many parameters': 'SELECT ?32767',
  'too deep an expression': `SELECT ${'('.repeat(2000)}1${')'.repeat(2000)}`,
  'too many compounds': Array.from({ length: 502 }, () => 'SELECT 1').join(' UNION ALL '),
  'a long statement': `SELECT '${'x'.repeat(100_000)}' AS long`,
}

const notText = {
  nothing: [],
  undefined: [undefined],
  null: [null],
  'a number': [1],
  'a boolean': [true],
  'a bigint': [1n],
  'an object': [{}],
  'an array': [['SELECT 1']],
  'a String object': [Object('SELECT 1')],
  'a Buffer': [Buffer.from('SELECT 1')],
  'a function': [() => 'SELECT 1'],
  'a symbol': [Symbol('SELECT 1')],
  'an object with toString': [{ toString: () => 'SELECT 1' }],
}

export default [
  ...topic(
    'prepare',
    Object.fromEntries(Object.entries(sources).map(([name, sql]) => [name, prepared(sql)])),
  ),
  ...topic(
    'prepare what is no string',
    Object.fromEntries(
      Object.entries(notText).map(([name, args]) => [name, (db) => db.prepare(...args)]),
    ),
  ),
  ...topic('prepare and run', {
    'NUL in front of more': (db) => value(db, 'SELECT 1\0 + 1'),
    'a byte order mark in front': (db) => value(db, '\u{feff}SELECT 1'),
    'a lone surrogate in a literal': (db) => value(db, "SELECT hex('\ud800')"),
    'the same text twice': (db) => {
      const [a, b] = [db.prepare('SELECT 1 AS one'), db.prepare('SELECT 1 AS one')]
      return [a === b, a.get(), b.get()]
    },
    'an extra argument of prepare': (db) => db.prepare('SELECT 1 AS one', 'more').get(),
    'a table that goes away': (db) => {
      const statement = db.prepare('SELECT count(*) FROM people')
      db.exec('DROP TABLE people')
      return outcomes(
        () => statement.get(),
        () => statement.all(),
        () => [...statement.iterate()],
        () => statement.columns(),
      )
    },
    'a table that goes away and comes back': (db) => {
      const statement = db.prepare('SELECT * FROM notes')
      db.exec('DROP TABLE notes')
      const gone = outcome(() => statement.all())
      db.exec('CREATE TABLE notes (a, b); INSERT INTO notes VALUES (1, 2)')
      return [gone, statement.all(), statement.columns()]
    },
    'an error and then success': (db) => {
      const insert = db.prepare('INSERT INTO people (id, name) VALUES (?, ?)')
      return outcomes(
        () => insert.run(1, 'again'),
        () => insert.run(10, null),
        () => insert.run(10, 'Ten'),
        () => insert.run(11, 'Eleven'),
      )
    },
    'begin, commit and rollback as statements': (db) => {
      const seen = []
      for (const sql of ['BEGIN', 'COMMIT', 'BEGIN', 'ROLLBACK', 'COMMIT', 'ROLLBACK']) {
        seen.push(
          outcome(() => db.prepare(sql).run()),
          db.inTransaction,
        )
      }
      return seen
    },
    'a statement kept through a rollback': (db) => {
      const insert = db.prepare('INSERT INTO bag VALUES (?)')
      db.exec('BEGIN')
      insert.run('lost')
      db.exec('ROLLBACK')
      insert.run('kept')
      return db.prepare('SELECT value FROM bag').all()
    },
    'a table made in a transaction that is rolled back': (db) => {
      db.exec('BEGIN; CREATE TABLE brief (a)')
      const insert = db.prepare('INSERT INTO brief VALUES (1)')
      const first = insert.run()
      db.exec('ROLLBACK')
      return [first, outcome(() => insert.run())]
    },
  }),
]
