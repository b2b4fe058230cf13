import { outcome, outcomes, rows, topic, value } from './helpers.mjs'

// Statements that change something, and the content of the tables afterwards.
const statements = {
  'an insert': "INSERT INTO notes (text) VALUES ('a')",
  'an insert of two rows': "INSERT INTO notes (text) VALUES ('a'), ('b')",
  'an insert of default values': 'INSERT INTO notes DEFAULT VALUES',
  'an insert from a select': 'INSERT INTO notes (text) SELECT name FROM people',
  'an insert of nothing': 'INSERT INTO notes (text) SELECT name FROM people WHERE 0',
  'an insert with a rowid': "INSERT INTO notes (id, text) VALUES (1000, 'a')",
  'an insert with a negative rowid': "INSERT INTO notes (id, text) VALUES (-5, 'a')",
  'an insert with the last rowid': 'INSERT INTO bag (rowid, value) VALUES (9223372036854775807, 1)',
  'an insert without rowid': "INSERT INTO pairs VALUES ('k', 'v')",
  'INSERT OR IGNORE': "INSERT OR IGNORE INTO people (id, name) VALUES (1, 'again'), (20, 'new')",
  'INSERT OR IGNORE of nothing': "INSERT OR IGNORE INTO people (id, name) VALUES (1, 'again')",
  'INSERT OR REPLACE': "INSERT OR REPLACE INTO people (id, name) VALUES (1, 'again'), (20, 'new')",
  REPLACE: "REPLACE INTO pairs VALUES ('a', 'z')",
  'ON CONFLICT DO NOTHING':
    "INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT (id) DO NOTHING",
  'ON CONFLICT DO UPDATE':
    "INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name || '!'",
  'ON CONFLICT DO UPDATE of a new row':
    "INSERT INTO people (id, name) VALUES (30, 'x') ON CONFLICT (id) DO UPDATE SET name = 'old'",
  'ON CONFLICT DO UPDATE with WHERE':
    "INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = 'y' WHERE age > 99",
  'ON CONFLICT without a target':
    "INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT DO UPDATE SET name = 'y'",
  'ON CONFLICT on another column':
    "INSERT INTO people (name, email) VALUES ('x', 'ada@example.org') ON CONFLICT (email) DO UPDATE SET age = 1",
  'ON CONFLICT on no index':
    "INSERT INTO people (id, name) VALUES (1, 'x') ON CONFLICT (age) DO NOTHING",
  'ON CONFLICT on a partial index':
    "INSERT INTO jobs (slot, state) VALUES (1, 'on') ON CONFLICT (slot) WHERE state = 'on' DO UPDATE SET note = 'taken'",
  'an update of all rows': 'UPDATE people SET age = 1',
  'an update of one row': 'UPDATE people SET age = 1 WHERE id = 1',
  'an update of no row': 'UPDATE people SET age = 1 WHERE id = 99',
  'an update to the same values': 'UPDATE people SET age = age',
  'an update from another table':
    'UPDATE people SET age = b.age FROM people b WHERE b.id = people.boss',
  'a delete of all rows': 'DELETE FROM people',
  'a delete of one row': 'DELETE FROM people WHERE id = 1',
  'a delete of no row': 'DELETE FROM people WHERE id = 99',
  'an insert that fires a trigger': "INSERT INTO watched VALUES ('a'), ('b')",
  'an update through a view': "UPDATE adults SET name = 'x' WHERE id = 1",
  'an insert into a view without a trigger': 'INSERT INTO adults VALUES (1, 2)',
  'a create table': 'CREATE TABLE other (a)',
  'a create table as select': 'CREATE TABLE other AS SELECT * FROM people',
  'a drop': 'DROP TABLE people',
  'a create index': 'CREATE INDEX by_age ON people (age)',
  'a select': 'SELECT * FROM people',
  'a pragma': 'PRAGMA application_id = 3',
  begin: 'BEGIN',
  'an insert with RETURNING': "INSERT INTO notes (text) VALUES ('a'), ('b') RETURNING id, text",
  'an update with RETURNING': 'UPDATE people SET age = age + 1 RETURNING *',
  'a delete with RETURNING': 'DELETE FROM people WHERE age > 30 RETURNING name, age AS years',
  'a delete of no row with RETURNING': 'DELETE FROM people WHERE 0 RETURNING *',
  'an update with LIMIT': 'UPDATE people SET age = 1 ORDER BY id LIMIT 1',
  'a delete with LIMIT': 'DELETE FROM people ORDER BY id LIMIT 1',
}

const everyTable = ['people', 'notes', 'bag', 'pairs', 'jobs', 'watched', 'log']

function contents(db) {
  return everyTable.map((table) => outcome(() => rows(db, `SELECT * FROM ${table}`)))
}

const run = Object.entries(statements).map(([name, sql]) => [
  name,
  (db) => {
    const first = outcome(() => db.prepare(sql).run())
    const second = outcome(() => db.prepare(sql).run())
    if (db.inTransaction) db.exec('ROLLBACK')
    return [first, second, contents(db)]
  },
])

const read = Object.entries(statements)
  .filter(([, sql]) => sql.includes('RETURNING'))
  .flatMap(([name, sql]) => [
    [`${name}, get`, (db) => [db.prepare(sql).get(), contents(db)]],
    [`${name}, all`, (db) => [db.prepare(sql).all(), contents(db)]],
    [`${name}, iterate`, (db) => [[...db.prepare(sql).iterate()], contents(db)]],
    [
      `${name}, iterate and break`,
      (db) => {
        for (const row of db.prepare(sql).iterate()) return [row, contents(db)]
        return contents(db)
      },
    ],
    [`${name}, columns`, (db) => db.prepare(sql).columns()],
    [
      `${name}, properties`,
      (db) => {
        const { reader, readonly } = db.prepare(sql)
        return { reader, readonly }
      },
    ],
  ])

export default [
  ...topic('run', Object.fromEntries(run)),
  ...topic('returning', Object.fromEntries(read)),
  ...topic('changes', {
    'SQL functions agree': (db) => {
      const done = db.prepare("INSERT INTO notes (text) VALUES ('a'), ('b')").run()
      return [done, rows(db, 'SELECT changes(), total_changes(), last_insert_rowid()')]
    },
    'of a statement behind another': (db) => {
      const insert = db.prepare("INSERT INTO notes (text) VALUES ('a'), ('b')")
      const nothing = db.prepare('DELETE FROM people WHERE 0')
      return [insert.run(), nothing.run(), db.prepare('BEGIN').run(), db.prepare('COMMIT').run()]
    },
    'of a trigger that writes more': (db) => {
      const insert = db.prepare('INSERT INTO watched VALUES (?)')
      return [insert.run('a'), insert.run('b'), rows(db, 'SELECT * FROM log')]
    },
    'of a trigger that inserts elsewhere keeps the rowid': (db) => {
      db.exec("INSERT INTO log VALUES ('1'), ('2'), ('3')")
      return db.prepare("INSERT INTO watched VALUES ('a')").run()
    },
    'of a cascade': (db) => {
      db.pragma('foreign_keys = ON')
      db.exec(`
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (parent REFERENCES parent (id) ON DELETE CASCADE);
        INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1), (1), (2)`)
      return [
        db.prepare('DELETE FROM parent WHERE id = 1').run(),
        rows(db, 'SELECT * FROM child'),
        rows(db, 'SELECT total_changes()'),
      ]
    },
    'the object of run': (db) => {
      const done = db.prepare('DELETE FROM people').run()
      done.changes = 'mine'
      return [Object.keys(done), Object.getOwnPropertyDescriptors(done)]
    },
    'a rowid beyond 2^53': (db) => {
      const insert = db.prepare('INSERT INTO bag (rowid) VALUES (?)')
      return [insert.run(2n ** 53n + 1n), insert.safeIntegers().run(2n ** 53n + 3n)]
    },
    'AUTOINCREMENT never uses a rowid again': (db) => {
      const insert = db.prepare('INSERT INTO notes (text) VALUES (1)')
      const first = insert.run()
      db.exec('DELETE FROM notes')
      return [
        first,
        insert.run(),
        value(db, "SELECT seq FROM sqlite_sequence WHERE name = 'notes'"),
      ]
    },
    'AUTOINCREMENT at the end': (db) => {
      db.exec('INSERT INTO notes (id) VALUES (9223372036854775807)')
      return outcomes(() => db.prepare('INSERT INTO notes (text) VALUES (1)').run())
    },
    'a rowid at the end': (db) => {
      db.exec('INSERT INTO bag (rowid) VALUES (9223372036854775807)')
      const { lastInsertRowid } = db.prepare('INSERT INTO bag VALUES (1)').run()
      return lastInsertRowid > 0 && value(db, 'SELECT count(*) FROM bag')
    },
  }),
]
