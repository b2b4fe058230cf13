import { outcome, outcomes, rows, topic } from './helpers.mjs'

const tables = `
  CREATE TABLE strict_table (i INTEGER, r REAL, t TEXT, b BLOB, a ANY) STRICT;
  CREATE TABLE checked (a CHECK (a > 0), b CONSTRAINT b_is_short CHECK (length(b) < 3));
  CREATE TABLE keyed (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
  CREATE TABLE unique_pair (a, b, UNIQUE (a, b));
  CREATE UNIQUE INDEX unique_lower ON bag (lower(value));
  CREATE TABLE parent (id INTEGER PRIMARY KEY);
  CREATE TABLE child (parent INTEGER REFERENCES parent (id));
  CREATE TABLE later (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE needed (a NOT NULL, b NOT NULL DEFAULT 5);
  CREATE TABLE generated (a INTEGER, twice AS (a * 2), kept AS (a + 1) STORED CHECK (kept < 100));
  CREATE TABLE guarded (a);
  CREATE TRIGGER guard_abort BEFORE INSERT ON guarded WHEN new.a = 'abort'
    BEGIN SELECT RAISE(ABORT, 'aborted by hand'); END;
  CREATE TRIGGER guard_fail BEFORE INSERT ON guarded WHEN new.a = 'fail'
    BEGIN SELECT RAISE(FAIL, 'failed by hand'); END;
  CREATE TRIGGER guard_rollback BEFORE INSERT ON guarded WHEN new.a = 'rollback'
    BEGIN SELECT RAISE(ROLLBACK, 'rolled back by hand'); END;
  CREATE TRIGGER guard_ignore BEFORE INSERT ON guarded WHEN new.a = 'ignore'
    BEGIN SELECT RAISE(IGNORE); END;
  CREATE TRIGGER guard_emoji BEFORE INSERT ON guarded WHEN new.a = 'emoji'
    BEGIN SELECT RAISE(ABORT, 'né 🚀'); END;
  CREATE TRIGGER guard_colon BEFORE INSERT ON guarded WHEN new.a = 'colon'
    BEGIN SELECT RAISE(ABORT, 'one: two: three'); END;`

const statements = {
  'a primary key': "INSERT INTO people (id, name) VALUES (1, 'x')",
  'a primary key of two columns': 'INSERT INTO keyed VALUES (1, 2), (1, 2)',
  'a rowid': 'INSERT INTO bag (rowid, value) VALUES (1, 1), (1, 2)',
  'a unique column': "INSERT INTO people (name, email) VALUES ('x', 'ada@example.org')",
  'two unique columns': 'INSERT INTO unique_pair VALUES (1, 2), (1, 2)',
  'a unique expression': "INSERT INTO bag VALUES ('A'), ('a')",
  'a unique partial index': "INSERT INTO jobs (slot, state) VALUES (1, 'on')",
  'a partial index that does not apply': "INSERT INTO jobs (slot, state) VALUES (1, 'off')",
  'an update to a taken key': 'UPDATE people SET id = 2 WHERE id = 1',
  'NOT NULL': 'INSERT INTO people (name) VALUES (NULL)',
  'NOT NULL left out': 'INSERT INTO needed (b) VALUES (1)',
  'NOT NULL with a default': 'INSERT INTO needed (a) VALUES (1)',
  'NULL for a default': 'INSERT INTO needed (a, b) VALUES (1, NULL)',
  'a check': 'INSERT INTO checked (a) VALUES (0)',
  'a named check': "INSERT INTO checked (b) VALUES ('long')",
  'a check of an update': 'UPDATE people SET age = -1',
  'a check of a generated column': 'INSERT INTO generated (a) VALUES (100)',
  'a generated column': 'INSERT INTO generated (a) VALUES (4)',
  'a value for a generated column': 'INSERT INTO generated (a, twice) VALUES (1, 2)',
  'a foreign key': 'INSERT INTO child VALUES (99)',
  'a deferred foreign key': 'INSERT INTO later VALUES (99)',
  'a text in a STRICT integer': "INSERT INTO strict_table (i) VALUES ('x')",
  'digits in a STRICT integer': "INSERT INTO strict_table (i) VALUES ('12')",
  'a fraction in a STRICT integer': 'INSERT INTO strict_table (i) VALUES (1.5)',
  'a whole REAL in a STRICT integer': 'INSERT INTO strict_table (i) VALUES (2.0)',
  'a text in a STRICT real': "INSERT INTO strict_table (r) VALUES ('x')",
  'an integer in a STRICT text': 'INSERT INTO strict_table (t) VALUES (1)',
  'a blob in a STRICT text': "INSERT INTO strict_table (t) VALUES (x'00')",
  'a text in a STRICT blob': "INSERT INTO strict_table (b) VALUES ('x')",
  'anything in a STRICT any': "INSERT INTO strict_table (a) VALUES ('x'), (1), (x'00')",
  'a text for a rowid': "INSERT INTO people (id, name) VALUES ('x', 'y')",
  'a trigger that aborts': "INSERT INTO guarded VALUES ('fine'), ('abort'), ('never')",
  'a trigger that fails': "INSERT INTO guarded VALUES ('fine'), ('fail'), ('never')",
  'a trigger that rolls back': "INSERT INTO guarded VALUES ('fine'), ('rollback'), ('never')",
  'a trigger that ignores': "INSERT INTO guarded VALUES ('fine'), ('ignore'), ('more')",
  'a trigger with an emoji': "INSERT INTO guarded VALUES ('emoji')",
  'a trigger with colons': "INSERT INTO guarded VALUES ('colon')",
  'OR FAIL': "INSERT OR FAIL INTO people (id, name) VALUES (50, 'x'), (1, 'y'), (51, 'z')",
  'OR ROLLBACK': "INSERT OR ROLLBACK INTO people (id, name) VALUES (50, 'x'), (1, 'y')",
  'OR ABORT': "INSERT OR ABORT INTO people (id, name) VALUES (50, 'x'), (1, 'y')",
  'a division that is no error': 'INSERT INTO bag VALUES (1 / 0)',
  'an overflow': 'INSERT INTO bag VALUES (abs(-9223372036854775808))',
  'malformed JSON': "INSERT INTO bag VALUES (json('{'))",
  'a bad JSON path': "INSERT INTO bag VALUES (json_extract('{}', 'a'))",
  'a bad pattern': "INSERT INTO bag SELECT 1 WHERE 'a' LIKE 'b' ESCAPE 'cc'",
}

function contents(db) {
  const read = (table) => outcome(() => rows(db, `SELECT * FROM ${table}`))
  return ['people', 'guarded', 'strict_table', 'generated', 'later', 'needed'].map(read)
}

const ways = {
  alone: (db, sql) => outcome(() => db.prepare(sql).run()),
  'in a transaction': (db, sql) => {
    db.exec("BEGIN; INSERT INTO people (id, name) VALUES (70, 'before')")
    const seen = [outcome(() => db.prepare(sql).run()), db.inTransaction]
    return [seen, outcome(() => db.exec('COMMIT')), db.inTransaction]
  },
  'in exec': (db, sql) => outcome(() => db.exec(sql)),
}

const forms = Object.entries(statements).flatMap(([name, sql]) =>
  Object.entries(ways).map(([way, run]) => [
    `${name}, ${way}`,
    (db) => {
      db.exec(tables)
      db.pragma('foreign_keys = ON')
      const seen = run(db, sql)
      if (db.inTransaction) db.exec('ROLLBACK')
      return [seen, contents(db)]
    },
  ]),
)

// A statement that returns rows commits when it is over, not when it has its first row.
const returning = 'INSERT INTO later VALUES (99) RETURNING parent'
const atCommit = Object.entries({
  run: (statement) => statement.run(),
  get: (statement) => statement.get(),
  all: (statement) => statement.all(),
  iterate: (statement) => [...statement.iterate()],
  'iterate and return': (statement) => {
    const iterator = statement.iterate()
    return [iterator.next(), iterator.return()]
  },
}).map(([method, call]) => [
  `a deferred foreign key with RETURNING, ${method}`,
  (db) => {
    db.exec(tables)
    db.pragma('foreign_keys = ON')
    const seen = outcome(() => call(db.prepare(returning)))
    return [seen, db.inTransaction, rows(db, 'SELECT * FROM later')]
  },
])

export default [
  ...topic('constraint', Object.fromEntries(forms)),
  ...topic('constraint', {
    ...Object.fromEntries(atCommit),
    'an error is an Error': (db) => {
      try {
        db.exec(statements['a primary key'])
        return 'no error'
      } catch (error) {
        const { name, constructor, stack } = error
        const own = Object.keys(error)
        return [error instanceof Error, name, constructor.name, own, typeof stack, String(error)]
      }
    },
    'a readonly database': (db, { openAgain }) => {
      const reader = openAgain({ readonly: true })
      const seen = outcomes(
        () => reader.exec("INSERT INTO bag VALUES ('x')"),
        () => reader.prepare("INSERT INTO bag VALUES ('x')").run(),
        () => reader.prepare('SELECT count(*) AS n FROM people').get(),
        () => reader.prepare('CREATE TEMP TABLE t (a)').run(),
        () => reader.transaction(() => reader.exec('DELETE FROM people'))(),
        () => reader.transaction(() => 'read').immediate(),
        () => reader.readonly,
        () => reader.inTransaction,
      )
      reader.close()
      return seen
    },
    'a locked database': (db, { openAgain }) => {
      const other = openAgain({ timeout: 0 })
      db.exec('BEGIN IMMEDIATE')
      const read = other.prepare('SELECT count(*) AS n FROM people')
      const seen = outcomes(
        () => read.get(),
        () => other.exec("INSERT INTO bag VALUES ('x')"),
        () => other.prepare("INSERT INTO bag VALUES ('x') RETURNING value").get(),
        () => other.transaction(() => 'never').immediate(),
        () => other.transaction(() => other.exec('DELETE FROM people'))(),
        () => other.inTransaction,
      )
      db.exec('ROLLBACK')
      other.close()
      return seen
    },
    'a snapshot that is too old': (db, { openAgain }) => {
      const other = openAgain({ timeout: 0 })
      const seen = outcomes(() =>
        other.transaction(() => {
          other.prepare('SELECT count(*) FROM people').get()
          db.exec("INSERT INTO bag VALUES ('x')")
          other.exec("INSERT INTO bag VALUES ('y')")
        })(),
      )
      return [seen, other.inTransaction, other.close() === other]
    },
  }),
]
