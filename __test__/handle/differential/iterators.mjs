import { outcome, outcomes, rows, topic, value } from './helpers.mjs'

const ids = 'SELECT id FROM people'

function each(db, sql = ids) {
  return db.prepare(sql).iterate()
}

// Calls on the same handle while a statement is iterated.
const meanwhile = {
  prepare: (db) => db.prepare('SELECT 1').get(),
  'get of another statement': (db) => value(db, 'SELECT count(*) FROM people'),
  'all of another statement': (db) => rows(db, ids),
  'iterate of another statement': (db) => [...each(db)],
  'get of the same statement': (db, statement) => statement.get(),
  'all of the same statement': (db, statement) => statement.all(),
  'iterate of the same statement': (db, statement) => statement.iterate(),
  'run of the same statement': (db, statement) => statement.run(),
  'bind of the same statement': (db, statement) => statement.bind(),
  'pluck of the same statement': (db, statement) => statement.pluck(),
  'raw of the same statement': (db, statement) => statement.raw(),
  'expand of the same statement': (db, statement) => statement.expand(),
  'safeIntegers of the same statement': (db, statement) => statement.safeIntegers(),
  'columns of the same statement': (db, statement) => statement.columns(),
  'toString of the same statement': (db, statement) => String(statement),
  'properties of the same statement': (db, statement) => {
    const { source, reader, readonly, busy } = statement
    return { source, reader, readonly, busy }
  },
  'run of an insert': (db) => db.prepare("INSERT INTO bag VALUES ('a')").run(),
  'run of a select': (db) => db.prepare('SELECT 1').run(),
  'run of a begin': (db) => db.prepare('BEGIN').run(),
  'get of an insert': (db) => db.prepare("INSERT INTO bag VALUES ('a') RETURNING value").get(),
  'all of an insert': (db) => db.prepare("INSERT INTO bag VALUES ('a') RETURNING value").all(),
  'all of an update of what is iterated': (db) =>
    db.prepare('UPDATE people SET age = 1 RETURNING id').all(),
  'iterate of an insert': (db) => [
    ...each(db, "INSERT INTO bag VALUES ('a'), ('b') RETURNING value"),
  ],
  exec: (db) => db.exec("INSERT INTO bag VALUES ('a')"),
  'exec of a select': (db) => db.exec('SELECT 1'),
  'exec of nothing': (db) => db.exec(''),
  pragma: (db) => db.pragma('user_version'),
  'pragma that writes': (db) => db.pragma('application_id = 4'),
  'pragma as a statement': (db) => db.prepare('PRAGMA user_version').get(),
  'making a transaction': (db) => typeof db.transaction(() => 1),
  'a transaction': (db) => db.transaction(() => 1)(),
  defaultSafeIntegers: (db) => db.defaultSafeIntegers() === db,
  close: (db) => db.close(),
  'the state': (db) => [db.open, db.inTransaction],
}

const during = Object.entries(meanwhile).map(([name, call]) => [
  name,
  (db) => {
    const statement = db.prepare(ids)
    const iterator = statement.iterate()
    // Both before the first row and after it.
    const seen = outcomes(
      () => call(db, statement),
      () => iterator.next(),
      () => call(db, statement),
      () => iterator.next(),
      () => iterator.return(),
      () => statement.busy,
      () => call(db, statement),
    )
    return [seen, outcome(() => rows(db, 'SELECT value FROM bag'))]
  },
])

export default [
  ...topic('while iterating', Object.fromEntries(during)),
  ...topic('iterate', {
    'to its end': (db) => {
      const iterator = each(db)
      return Array.from({ length: 7 }, () => iterator.next())
    },
    'no rows': (db) => {
      const iterator = each(db, `${ids} WHERE 0`)
      return [iterator.next(), iterator.next(), iterator.statement.busy]
    },
    break: (db) => {
      const statement = db.prepare(ids)
      const seen = []
      for (const row of statement.iterate()) {
        seen.push(row, statement.busy)
        break
      }
      return [seen, statement.busy, outcome(() => db.exec("INSERT INTO bag VALUES ('a')") === db)]
    },
    'a throw in the loop': (db) => {
      const statement = db.prepare(ids)
      const seen = outcome(() => {
        for (const { id } of statement.iterate()) if (id === 2) throw new Error('boom')
      })
      return [seen, statement.busy, outcome(() => db.exec("INSERT INTO bag VALUES ('a')") === db)]
    },
    'a return in the loop': (db) => {
      const statement = db.prepare(ids)
      const find = () => {
        for (const row of statement.iterate()) if (row.id === 2) return row
        return undefined
      }
      return [find(), statement.busy, find()]
    },
    destructuring: (db) => {
      const statement = db.prepare(ids)
      const [first, second] = statement.iterate()
      return [first, second, statement.busy]
    },
    spread: (db) => [...each(db)],
    'Array.from with a function': (db) => Array.from(each(db), ({ id }) => id * 2),
    'return before the first row': (db) => {
      const iterator = each(db)
      return [iterator.return(), iterator.next(), iterator.return(), iterator.statement.busy]
    },
    'return with a value': (db) => each(db).return('mine'),
    'return behind the end': (db) => {
      const iterator = each(db, 'SELECT 1 AS one')
      return [iterator.next(), iterator.next(), iterator.return()]
    },
    'next with a value': (db) => each(db).next('mine'),
    'the same statement again': (db) => {
      const statement = db.prepare(ids)
      return [[...statement.iterate()], [...statement.iterate()]]
    },
    'an old iterator beside a new one': (db) => {
      const statement = db.prepare(ids)
      const old = statement.iterate()
      old.next()
      old.return()
      const now = statement.iterate()
      return [now.next(), old.next(), old.return(), now.next(), statement.busy]
    },
    'an ended iterator beside a new one': (db) => {
      const statement = db.prepare('SELECT 1 AS one UNION SELECT 2')
      const old = statement.iterate()
      const all = [...old]
      const now = statement.iterate()
      return [all, now.next(), [...old], now.next(), now.next()]
    },
    'two iterators at once': (db) => {
      const [a, b] = [each(db), each(db, `${ids} ORDER BY id DESC`)]
      const seen = [a.next(), b.next(), a.next(), b.next(), a.return(), b.next()]
      return [seen, outcome(() => db.exec('DELETE FROM bag')), b.return(), db.exec('') === db]
    },
    'two iterators of equal statements': (db) => {
      const [a, b] = [each(db), each(db)]
      return [a.next(), a.next(), b.next(), [...a], [...b]]
    },
    'nested loops': (db) => {
      const seen = []
      const inner = db.prepare('SELECT id FROM people WHERE boss = ?').pluck()
      for (const { id } of each(db)) for (const boss of inner.iterate(id)) seen.push([id, boss])
      return seen
    },
    'the same statement nested': (db) => {
      const statement = db.prepare(ids)
      return outcome(() => {
        for (const row of statement.iterate())
          for (const again of statement.iterate()) return [row, again]
        return undefined
      })
    },
    'its properties': (db) => {
      const statement = db.prepare(ids)
      const iterator = statement.iterate()
      return [
        iterator.statement === statement,
        iterator[Symbol.iterator]() === iterator,
        typeof iterator.throw,
        Object.keys(iterator),
        iterator.constructor.name,
        Object.prototype.toString.call(iterator),
      ]
    },
    'with parameters': (db) => [...db.prepare('SELECT name FROM people WHERE id > ?').iterate(2)],
    'with bound parameters': (db) => {
      const statement = db.prepare('SELECT name FROM people WHERE id > ?').bind(2)
      return [[...statement.iterate()], outcome(() => statement.iterate(3)), statement.busy]
    },
    'with wrong parameters': (db) => {
      const statement = db.prepare('SELECT name FROM people WHERE id > ?')
      return [
        outcomes(
          () => statement.iterate(),
          () => statement.iterate(1, 2),
          () => statement.iterate(true),
          () => statement.iterate(2n ** 70n),
        ),
        statement.busy,
        outcome(() => db.exec('') === db),
      ]
    },
    'of a statement that returns no data': (db) =>
      outcome(() => db.prepare('DELETE FROM bag').iterate()),
    'of a pragma': (db) => [...each(db, 'PRAGMA table_info(bag)')],
    'of a write, read by another statement': (db) => {
      const seen = []
      for (const row of each(db, "INSERT INTO bag VALUES ('a'), ('b') RETURNING value")) {
        seen.push(row, rows(db, 'SELECT count(*) FROM bag'), db.inTransaction)
      }
      return seen
    },
    'of a write, left at once': (db) => {
      each(db, "INSERT INTO bag VALUES ('a')  RETURNING value").return()
      return rows(db, 'SELECT * FROM bag')
    },
    'an error in the middle': (db) => {
      const statement = db.prepare('SELECT abs(column1) AS a FROM (VALUES (1), (?), (3))')
      const iterator = statement.iterate(-9223372036854775808n)
      const seen = outcomes(
        () => iterator.next(),
        () => iterator.next(),
        () => iterator.next(),
      )
      return [seen, statement.busy, outcome(() => db.exec('') === db), statement.all(5)]
    },
    'of many rows': (db) => {
      const sql = `
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        SELECT i, 'row ' || i AS t FROM n`
      let sum = 0
      let last
      for (last of each(db, sql)) sum += last.i
      return [sum, last]
    },
    'of an endless query': (db) => {
      const sql = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n'
      for (const { i } of each(db, sql)) if (i === 1000) return i
      return undefined
    },
    'modes and integers': (db) => [
      [...db.prepare(ids).pluck().iterate()],
      [...db.prepare(ids).raw().iterate()],
      [...db.prepare(ids).expand().iterate()],
      [...db.prepare(ids).safeIntegers().iterate()],
    ],
    'a change by a store of another connection': (db, { openAgain }) => {
      const other = openAgain()
      const iterator = each(db)
      const first = iterator.next()
      other.exec('DELETE FROM people')
      other.close()
      return [first, [...iterator], rows(db, 'SELECT count(*) FROM people')]
    },
    'in a transaction that is rolled back meanwhile': (db) => {
      db.exec("BEGIN; INSERT INTO people (id, name) VALUES (90, 'x')")
      const iterator = each(db)
      const seen = [iterator.next().value, outcome(() => db.exec('ROLLBACK')), [...iterator].length]
      db.exec('ROLLBACK')
      return seen
    },
    'a receiver that is no iterator': (db) => {
      const iterator = each(db)
      const { next } = iterator
      const seen = outcomes(
        () => next.call({}),
        () => next(),
        () => iterator.return.call(db),
      )
      iterator.return()
      return seen
    },
    'many statements at once': (db) => {
      const iterators = Array.from({ length: 200 }, () => each(db))
      const firsts = iterators.map((iterator) => iterator.next().value.id)
      for (const iterator of iterators) iterator.return()
      return [new Set(firsts).size, outcome(() => db.exec('') === db)]
    },
  }),
]
