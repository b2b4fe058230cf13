import { outcome, outcomes, topic, value } from './helpers.mjs'

// Statements that live through a change of their tables.
const alterations = {
  'a column added': 'ALTER TABLE people ADD COLUMN height REAL DEFAULT 1.5',
  'a column renamed': 'ALTER TABLE people RENAME COLUMN age TO years',
  'a column dropped': 'ALTER TABLE people DROP COLUMN age',
  'the table renamed': 'ALTER TABLE people RENAME TO persons',
  'the table dropped': 'DROP TABLE people',
  'the table made anew':
    'DROP TABLE people; CREATE TABLE people (b, a, __proto__); INSERT INTO people VALUES (1, 2, 3)',
  'an index added': 'CREATE INDEX by_age ON people (age)',
  'another table added': 'CREATE TABLE other (a)',
  'a temp table of the same name':
    "CREATE TEMP TABLE people (mine); INSERT INTO people VALUES ('m')",
  'the statistics renewed': 'ANALYZE',
}

const statements = {
  'SELECT *': (db) => db.prepare('SELECT * FROM people ORDER BY 1'),
  'SELECT * plucked': (db) => db.prepare('SELECT * FROM people ORDER BY 1').pluck(),
  'SELECT * raw': (db) => db.prepare('SELECT * FROM people ORDER BY 1').raw(),
  'SELECT * expanded': (db) => db.prepare('SELECT * FROM people ORDER BY 1').expand(),
  'SELECT * bound': (db) => db.prepare('SELECT *, ? AS p FROM people ORDER BY 1').bind('p'),
  'a column by name': (db) => db.prepare('SELECT age FROM people ORDER BY id'),
}

const forms = Object.entries(alterations).flatMap(([change, sql]) =>
  Object.entries(statements).map(([name, prepare]) => [
    `${change}, ${name}`,
    (db) => {
      const [used, unused] = [prepare(db), prepare(db)]
      const before = used.all().length
      db.exec(sql)
      return [
        before,
        outcomes(
          () => used.columns().length,
          () => used.all(),
          () => used.get(),
          () => [...used.iterate()],
          () => used.columns(),
          () => unused.get(),
        ),
        outcome(() => String(used)),
      ]
    },
  ]),
)

export default topic('altered', {
  ...Object.fromEntries(forms),
  'rows before and behind a change': (db) => {
    const statement = db.prepare('SELECT * FROM pairs')
    const first = statement.get()
    db.exec('ALTER TABLE pairs ADD COLUMN more')
    const second = statement.get()
    db.exec('ALTER TABLE pairs DROP COLUMN more')
    return [first, second, statement.get(), statement.all()]
  },
  'an insert that lacks a column': (db) => {
    const insert = db.prepare('INSERT INTO bag VALUES (?)')
    insert.run(1)
    db.exec('ALTER TABLE bag ADD COLUMN more')
    return outcomes(() => insert.run(2))
  },
  'by another connection': (db, { openAgain }) => {
    const statement = db.prepare('SELECT * FROM pairs')
    const before = statement.all()
    const other = openAgain()
    other.exec("ALTER TABLE pairs ADD COLUMN more DEFAULT 'm'")
    other.close()
    return [before, statement.all(), statement.columns()]
  },
  'while a row of it is read by an iterator': (db) => {
    const iterator = db.prepare('SELECT * FROM people').iterate()
    const first = iterator.next()
    const refused = outcome(() => db.exec('ALTER TABLE people ADD COLUMN x'))
    iterator.return()
    db.exec('ALTER TABLE people ADD COLUMN x')
    return [first.done, refused, [...db.prepare('SELECT * FROM people').iterate()].length]
  },
  'the widest table': (db) => {
    const statement = db.prepare('SELECT * FROM bag')
    db.exec('INSERT INTO bag VALUES (0)')
    for (let i = 0; i < 30; i++) db.exec(`ALTER TABLE bag ADD COLUMN c${i} DEFAULT ${i}`)
    return [statement.get(), statement.raw().get(), value(db, 'SELECT count(*) FROM bag')]
  },
})
