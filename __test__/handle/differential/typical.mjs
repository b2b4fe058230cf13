// SQL as stores write it: what must run unchanged when a store moves from better-sqlite3.
import { outcome, outcomes, rows, topic, value } from './helpers.mjs'

const documents = `
  CREATE TABLE documents (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL CHECK (json_valid(body)),
    size INTEGER GENERATED ALWAYS AS (length(body)) VIRTUAL, revision INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  CREATE INDEX documents_kind ON documents (kind, json_extract(body, '$.rank'));`

const save = `
  INSERT INTO documents (id, kind, body) VALUES (@id, @kind, @body)
  ON CONFLICT (id) DO UPDATE SET body = excluded.body, revision = revision + 1
  RETURNING id, revision, size`

function document(id, rank) {
  return { id, kind: 'note', body: JSON.stringify({ rank, tags: ['a', 'é'] }) }
}

// Where the type that a number is bound with shows.
const numbers = {
  'LIMIT and OFFSET': ['SELECT id FROM people ORDER BY id LIMIT ? OFFSET ?', 2, 1],
  'LIMIT of a fraction': ['SELECT id FROM people LIMIT ?', 1.5],
  'LIMIT of a text': ['SELECT id FROM people LIMIT ?', 'x'],
  'LIMIT of null': ['SELECT id FROM people LIMIT ?', null],
  'LIMIT of -1': ['SELECT id FROM people LIMIT ?', -1],
  'LIMIT of NaN': ['SELECT id FROM people LIMIT ?', NaN],
  'a division': ['SELECT ? / 2, ? % 2, ? / 2', 5, 5, 5n],
  'a concatenation': ["SELECT ? || '', ? || '', ? || ''", 5, 5n, 1.5],
  'a comparison with a text': ["SELECT ? = '5', ? < 'a', '5' = ?", 5, 5, 5n],
  'a comparison with an integer column': ['SELECT name FROM people WHERE id = ?', 2],
  'a comparison with a text column': ['SELECT name FROM people WHERE name = ?', 2],
  'a rowid of a fraction': ['SELECT name FROM people WHERE rowid = ?', 1.5],
  'a rowid of a bigint': ['SELECT name FROM people WHERE rowid = ?', 2n],
  'a rowid of digits': ['SELECT name FROM people WHERE id = ?', '2'],
  substr: ["SELECT substr('abcdef', ?, ?)", 2, 3],
  printf: ["SELECT printf('%d %s %.1f', ?, ?, ?)", 5, 5, 5],
  'bit operations': ['SELECT ? & 3, ~?, ? << 2', 6, 6, 6n],
  'CAST to an integer': ['SELECT CAST(? AS INTEGER), CAST(? AS INTEGER)', 1e19, -1.9],
  'a date of seconds': [
    "SELECT datetime(?, 'unixepoch'), date(?, 'unixepoch', '+1 day')",
    0,
    86_400,
  ],
  'a date of milliseconds': [
    "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ? / 1000.0, 'unixepoch')",
    1_772_359_200_123,
  ],
  'IN of JSON': ['SELECT name FROM people WHERE id IN (SELECT value FROM json_each(?))', '[1, 3]'],
  'IN of parameters': ['SELECT name FROM people WHERE id IN (?, ?)', 1, 3],
  'json of a number': ['SELECT json_array(?, ?), json_object(?, ?)', 1, 1n, 'k', 2],
  'ORDER BY a parameter': ['SELECT id FROM people ORDER BY ?, id DESC', 'name'],
  'VALUES of parameters': ['WITH v (a) AS (VALUES (?), (?)) SELECT a, typeof(a) FROM v', 1, 'x'],
  'LIKE with a parameter': ['SELECT name FROM people WHERE name LIKE ?', '%d%'],
  BETWEEN: ['SELECT name FROM people WHERE age BETWEEN ? AND ?', 30, 40],
  CASE: ['SELECT CASE ? WHEN 1 THEN ? ELSE ? END', 1, 'one', 'other'],
  IS: ['SELECT name FROM people WHERE age IS ?', null],
  'a bigint beside REAL': ['SELECT ? = ?, ? + ?', 2n ** 53n + 1n, 2 ** 53, 1n, 0.5],
  'a blob compared': ["SELECT ? = x'6162', ? < 'z'", Buffer.from('ab'), Buffer.from('ab')],
  'a table name': ['SELECT * FROM ?', 'people'],
  'a parameter of ATTACH': ['ATTACH ? AS other', ':memory:'],
  'a parameter of PRAGMA': ['PRAGMA user_version = ?', 5],
  'a parameter of a table-valued PRAGMA': ['SELECT name FROM pragma_table_info(?)', 'bag'],
  'a parameter of CREATE TABLE': ['CREATE TABLE t (a DEFAULT (?))', 5],
  'a parameter of CREATE VIEW': ['CREATE VIEW v AS SELECT ?', 5],
}

function query([sql, ...parameters]) {
  return (db) => {
    const statement = db.prepare(sql)
    return statement.reader ? statement.raw().all(...parameters) : statement.run(...parameters)
  }
}

export default topic('typical', {
  ...Object.fromEntries(Object.entries(numbers).map(([name, entry]) => [name, query(entry)])),
  'a store of documents': (db) => {
    db.exec(documents)
    const statement = db.prepare(save)
    return [
      statement.get(document('a', 1)),
      statement.get(document('b', 2)),
      statement.get(document('a', 3)),
      db.prepare('SELECT id, body ->> ? AS rank FROM documents ORDER BY rank').all('$.rank'),
      outcome(() => statement.get({ ...document('c', 1), body: '{' })),
      outcome(() => statement.get({ ...document('c', 1), kind: null })),
      outcome(() => statement.get({ id: 'c', body: '{}' })),
      value(db, 'SELECT count(*) FROM documents'),
    ]
  },
  'many documents in a transaction': (db) => {
    db.exec(documents)
    const statement = db.prepare(save)
    const saveAll = db.transaction((list) => {
      for (const each of list) statement.run(each)
      return list.length
    })
    const list = Array.from({ length: 300 }, (_, index) => document(`d-${index % 250}`, index))
    return [
      saveAll(list),
      outcome(() =>
        saveAll.immediate([document('x', 1), { ...document('y', 1), body: 'no JSON' }]),
      ),
      db.prepare('SELECT count(*) AS n, sum(revision) AS revisions FROM documents').get(),
    ]
  },
  'pages by a cursor': (db) => {
    const page = db.prepare('SELECT id, name FROM people WHERE id > @after ORDER BY id LIMIT @size')
    const pages = []
    for (let after = 0; ;) {
      const list = page.all({ after, size: 3 })
      if (list.length === 0) return pages
      pages.push(list)
      after = list.at(-1).id
    }
  },
  'a search': (db) => {
    db.exec(`CREATE VIRTUAL TABLE search USING fts5(text);
      INSERT INTO search VALUES ('the quick brown fox'), ('the lazy dog'), ('quick thinking')`)
    const find = db.prepare('SELECT rowid, text FROM search WHERE search MATCH ? ORDER BY rank')
    return outcomes(
      () => find.all('quick'),
      () => find.all('"quick brown"'),
      () => find.all('qui*'),
      () => find.all('AND'),
      () => find.all(''),
      () => find.all(5),
    )
  },
  'a queue': (db) => {
    db.exec('CREATE TABLE queue (id INTEGER PRIMARY KEY, job TEXT, taken INTEGER DEFAULT 0)')
    const put = db.prepare('INSERT INTO queue (job) VALUES (?)')
    for (const job of ['a', 'b', 'c']) put.run(job)
    const take = db
      .prepare(
        `UPDATE queue SET taken = 1 WHERE id = (SELECT min(id) FROM queue WHERE taken = 0)
         RETURNING job`,
      )
      .pluck()
    return [take.get(), take.get(), take.get(), take.get()]
  },
  'a migration': (db) => {
    const migrate = db.transaction(() => {
      const version = db.pragma('application_id', { simple: true })
      db.exec("ALTER TABLE people ADD COLUMN role TEXT NOT NULL DEFAULT 'none'")
      db.exec('CREATE INDEX people_role ON people (role, name)')
      db.pragma(`application_id = ${version + 41}`)
      return version
    })
    return [
      migrate.exclusive(),
      db.pragma('application_id', { simple: true }),
      db.pragma('table_info(people)').map(({ name }) => name),
      outcome(migrate),
      db.pragma('application_id', { simple: true }),
    ]
  },
  'a table built anew': (db) => {
    const before = db.prepare('SELECT * FROM pairs')
    before.all()
    db.transaction(() => {
      db.exec(`CREATE TABLE pairs_new (key TEXT PRIMARY KEY, value TEXT, at INTEGER DEFAULT 0);
        INSERT INTO pairs_new (key, value) SELECT key, value FROM pairs;
        DROP TABLE pairs; ALTER TABLE pairs_new RENAME TO pairs`)
    })()
    return [before.all(), rows(db, "SELECT sql FROM sqlite_schema WHERE name = 'pairs'")]
  },
  'statements kept in an object': (db) => {
    const statements = {
      insert: db.prepare('INSERT INTO notes (text) VALUES (@text)'),
      find: db.prepare('SELECT * FROM notes WHERE id = ?'),
      count: db.prepare('SELECT count(*) FROM notes').pluck(),
      remove: db.prepare('DELETE FROM notes WHERE id = ?'),
    }
    const { lastInsertRowid } = statements.insert.run({ text: 'one', more: 'ignored' })
    return [
      statements.find.get(lastInsertRowid),
      statements.count.get(),
      statements.remove.run(lastInsertRowid),
      statements.remove.run(lastInsertRowid),
      statements.find.get(lastInsertRowid),
      statements.count.get(),
    ]
  },
  'an optimistic lock': (db) => {
    db.exec('ALTER TABLE pairs ADD COLUMN version INTEGER NOT NULL DEFAULT 1')
    const update = db.prepare(
      'UPDATE pairs SET value = @value, version = version + 1 WHERE key = @key AND version = @version',
    )
    return [
      update.run({ key: 'a', value: 'x', version: 1 }).changes,
      update.run({ key: 'a', value: 'y', version: 1 }).changes,
    ]
  },
  'a stack overflow in a transaction': (db) => {
    const dive = () => dive() + 1
    const run = db.transaction(() => {
      db.exec("INSERT INTO bag VALUES ('a')")
      return dive()
    })
    return [outcome(run), db.inTransaction, rows(db, 'SELECT * FROM bag')]
  },
})
