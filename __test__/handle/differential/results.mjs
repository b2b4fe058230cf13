import { outcome, outcomes, topic } from './helpers.mjs'

const joined = `
  SELECT a.id, a.name, b.id, b.name, count(*) AS n, 1 + 1
  FROM people a JOIN people b ON b.boss = a.id GROUP BY a.id, b.id ORDER BY a.id, b.id`

const queries = {
  'all columns': 'SELECT * FROM people',
  'one column': 'SELECT name FROM people',
  'no rows': 'SELECT * FROM people WHERE 0',
  'one row': 'SELECT * FROM people WHERE id = 1',
  'an expression': 'SELECT 1 + 1',
  'an alias': 'SELECT 1 + 1 AS two',
  'an empty alias': 'SELECT 1 AS ""',
  'duplicate names': 'SELECT 1 AS a, 2 AS b, 3 AS a',
  'duplicate names of a join': joined,
  'names that are numbers': 'SELECT 1 AS "2", 2 AS "1", 3 AS b, 4 AS "0"',
  'the name __proto__': 'SELECT 1 AS a, 2 AS __proto__, 3 AS b',
  'the name __proto__ with null': 'SELECT NULL AS __proto__',
  'names of Object.prototype': 'SELECT 1 AS constructor, 2 AS toString, 3 AS hasOwnProperty',
  'names that are no identifiers': `SELECT 1 AS "a b", 2 AS "it's", 3 AS "a""b", 4 AS "\\", 5 AS "\n"`,
  'names with line separators': 'SELECT 1 AS "\u{2028}", 2 AS "`${x}`"',
  'names of other letters': 'SELECT 1 AS größe, 2 AS "🚀"',
  'a name with a lone surrogate': 'SELECT 1 AS "\ud800"',
  'the name get': 'SELECT 1 AS "get", 2 AS async, 3 AS "*"',
  'the name $': 'SELECT 1 AS "$", a.id FROM people a',
  'a subquery': 'SELECT * FROM (SELECT id AS inner_id, name FROM people) LIMIT 1',
  'a view': 'SELECT * FROM adults',
  'a union': 'SELECT id FROM people UNION SELECT id + 2 FROM people ORDER BY 1',
  rowid: 'SELECT rowid, * FROM notes',
  'a star twice': 'SELECT *, * FROM bag',
  'EXPLAIN QUERY PLAN': 'EXPLAIN QUERY PLAN SELECT * FROM people WHERE id = 1',
  'the names of EXPLAIN': 'EXPLAIN SELECT 1',
  'a table called __proto__': 'SELECT * FROM "__proto__"',
  'sixteen columns': `SELECT ${Array.from({ length: 16 }, (_, i) => `${i} AS c${i}`).join(', ')}`,
  'seventeen columns': `SELECT ${Array.from({ length: 17 }, (_, i) => `${i} AS c${i}`).join(', ')}`,
  'two thousand columns': `SELECT ${Array.from({ length: 2000 }, (_, i) => `${i} AS c${i}`).join(', ')}`,
}

const shapes = {
  objects: (statement) => statement,
  pluck: (statement) => statement.pluck(),
  raw: (statement) => statement.raw(),
  expand: (statement) => statement.expand(),
}

function shaped(sql, shape) {
  return (db) => {
    db.exec('CREATE TABLE "__proto__" (a); INSERT INTO "__proto__" VALUES (1), (2)')
    const statement = shape(db.prepare(sql))
    // The program that EXPLAIN shows is SQLite's own business.
    if (sql.startsWith('EXPLAIN SELECT')) return statement.columns().map(({ name }) => name)
    return [statement.get(), statement.all(), [...statement.iterate()]]
  }
}

const everyShape = Object.entries(queries).flatMap(([name, sql]) =>
  Object.entries(shapes).map(([shape, make]) => [`${name}, ${shape}`, shaped(sql, make)]),
)

const modes = {
  'pluck and raw': (statement) => statement.pluck().raw(),
  'raw and pluck': (statement) => statement.raw().pluck(),
  'raw and expand': (statement) => statement.raw().expand(),
  'expand and pluck': (statement) => statement.expand().pluck(),
  'pluck off': (statement) => statement.pluck().pluck(false),
  'raw off': (statement) => statement.raw().raw(false),
  'expand off': (statement) => statement.expand().expand(false),
  'pluck, raw off': (statement) => statement.pluck().raw(false),
  'raw, expand off': (statement) => statement.raw().expand(false),
  'expand, pluck off': (statement) => statement.expand().pluck(false),
  'pluck twice': (statement) => statement.pluck().pluck(true),
  'pluck and safe integers': (statement) => statement.pluck().safeIntegers(),
  'expand and safe integers': (statement) => statement.expand().safeIntegers(),
  'safe integers off': (statement) => statement.safeIntegers().safeIntegers(false),
}

const noBooleans = {
  undefined,
  null: null,
  0: 0,
  1: 1,
  'a string': 'true',
  'an object': {},
  'a Boolean': Object(true),
}

const toggles = ['pluck', 'raw', 'expand', 'safeIntegers'].map((method) => [
  `${method} takes a boolean`,
  (db) =>
    Object.values(noBooleans).map((toggle) =>
      outcome(() => db.prepare('SELECT 1')[method](toggle)),
    ),
])

export default [
  ...topic('rows', Object.fromEntries(everyShape)),
  ...topic(
    'columns',
    Object.fromEntries(
      Object.entries(queries).map(([name, sql]) => [
        name,
        (db) => {
          db.exec('CREATE TABLE "__proto__" (a); INSERT INTO "__proto__" VALUES (1), (2)')
          return db.prepare(sql).columns()
        },
      ]),
    ),
  ),
  ...topic(
    'mode',
    Object.fromEntries(
      Object.entries(modes).map(([name, set]) => [
        name,
        (db) => {
          const statement = db.prepare('SELECT id, name, 1 + 1 AS two FROM people LIMIT 2')
          return [set(statement) === statement, statement.get(), statement.all()]
        },
      ]),
    ),
  ),
  ...topic('mode', {
    ...Object.fromEntries(toggles),
    'of a statement that returns no data': (db) => {
      const statement = db.prepare('DELETE FROM bag')
      return outcomes(
        () => statement.pluck(),
        () => statement.raw(),
        () => statement.expand(),
        () => statement.pluck('wrong'),
        () => statement.safeIntegers(),
        () => statement.columns(),
        () => statement.get(),
        () => statement.all(),
        () => statement.iterate(),
        () => statement.run(),
      )
    },
    'set between two calls': (db) => {
      const statement = db.prepare('SELECT id, name FROM people WHERE id = 1')
      return [
        statement.get(),
        statement.pluck().get(),
        statement.raw().get(),
        statement.expand().get(),
        statement.expand(false).get(),
      ]
    },
    'of a statement of pragma': (db) => db.prepare('PRAGMA user_version').pluck().get(),
    'default safe integers': (db) => {
      const before = db.prepare('SELECT 1')
      const same = db.defaultSafeIntegers() === db
      const after = db.prepare('SELECT 1')
      const off = db.defaultSafeIntegers(false).prepare('SELECT 1')
      const on = db.defaultSafeIntegers(true).prepare('SELECT 1').safeIntegers(false)
      return [same, before.get(), after.get(), off.get(), on.get(), db.pragma('user_version')]
    },
    'default safe integers takes a boolean': (db) =>
      Object.values(noBooleans).map((toggle) => outcome(() => db.defaultSafeIntegers(toggle))),
    'safe integers in what run returns': (db) => {
      const insert = db.prepare('INSERT INTO notes (text) VALUES (?)')
      return [insert.run('a'), insert.safeIntegers().run('b'), insert.safeIntegers(false).run('c')]
    },
    'safe integers and reals': (db) =>
      db.prepare("SELECT 1, 1.0, 1.5, '1', NULL, x'01'").raw().safeIntegers().get(),
  }),
  ...topic('rows', {
    'run of a select': (db) => db.prepare('SELECT * FROM people').run(),
    'run of a select behind an insert': (db) => {
      const insert = db.prepare('INSERT INTO notes (text) VALUES (1), (2)').run()
      return [insert, db.prepare('SELECT * FROM people').run()]
    },
    'run of a select that fails behind its first row': (db) => {
      const statement = db.prepare('SELECT abs(column1) FROM (VALUES (1), (?), (3))')
      return statement.run(-9223372036854775808n)
    },
    'many rows': (db) => {
      const sql = `
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        SELECT i, 'row ' || i AS text, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN i * 0.5 ELSE 'é' END AS v
        FROM n`
      const all = db.prepare(sql).all()
      return [all.length, all[0], all[63], all[64], all[1023], all[1024], all[4999]]
    },
    'many rows of blobs and bigints': (db) => {
      const sql = `
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        SELECT i, CAST(i AS BLOB) AS b, CASE WHEN i % 7 THEN 'é' || i END AS t FROM n`
      const all = db.prepare(sql).safeIntegers().raw().all()
      return [all.length, all[0], all[63], all[64], all[127], all[499]]
    },
    'long and short texts': (db) => {
      const sql = `
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
        SELECT printf('%.*c', i * 37 % 3000, 'x') AS a, 'é' || i AS b, i AS c FROM n`
      const all = db.prepare(sql).raw().all()
      return all.map(([a, b, c]) => [a.length, b, c])
    },
    'a bigint too big for a column': (db) =>
      outcome(() => db.prepare('SELECT ? AS a').get(2n ** 63n)),
    'an error in the middle': (db) => {
      const statement = db.prepare('SELECT abs(column1) FROM (VALUES (1), (?), (3))').pluck()
      return outcomes(
        () => statement.get(-9223372036854775808n),
        () => statement.all(-9223372036854775808n),
        () => statement.all(-5),
        () => [...statement.iterate(-9223372036854775808n)],
        () => statement.busy,
      )
    },
  }),
]
