// Every call after close().
import { basename } from 'node:path'
import { outcome, outcomes, topic } from './helpers.mjs'

const methods = {
  prepare: (db) => db.prepare('SELECT 1'),
  'prepare of no string': (db) => db.prepare(5),
  exec: (db) => db.exec('SELECT 1'),
  'exec of nothing': (db) => db.exec(''),
  pragma: (db) => db.pragma('user_version'),
  transaction: (db) => db.transaction(() => 1),
  'transaction of no function': (db) => db.transaction(5),
  defaultSafeIntegers: (db) => db.defaultSafeIntegers() === db,
  close: (db) => db.close() === db,
  open: (db) => db.open,
  inTransaction: (db) => db.inTransaction,
  readonly: (db) => db.readonly,
  memory: (db) => db.memory,
  name: (db) => basename(db.name).length > 0,
}

const statementMethods = {
  run: (statement) => statement.run(),
  'run with too many parameters': (statement) => statement.run(1, 2, 3),
  get: (statement) => statement.get(),
  all: (statement) => statement.all(),
  iterate: (statement) => statement.iterate(),
  bind: (statement) => statement.bind(),
  pluck: (statement) => statement.pluck() === statement,
  raw: (statement) => statement.raw() === statement,
  expand: (statement) => statement.expand() === statement,
  safeIntegers: (statement) => statement.safeIntegers() === statement,
  columns: (statement) => statement.columns(),
  toString: (statement) => String(statement),
  busy: (statement) => statement.busy,
  source: (statement) => statement.source,
  reader: (statement) => statement.reader,
  readonly: (statement) => statement.readonly,
  database: (statement, db) => statement.database === db,
}

const map = (record, make) =>
  Object.fromEntries(Object.entries(record).map(([name, entry]) => [name, make(entry)]))

export default [
  ...topic(
    'closed',
    map(methods, (call) => (db) => {
      db.transaction(() => 1)()
      db.close()
      return [outcome(() => call(db)), outcome(() => call(db)), db.open]
    }),
  ),
  ...topic(
    'closed without a transaction before',
    map(methods, (call) => (db) => {
      db.close()
      return outcome(() => call(db))
    }),
  ),
  ...topic(
    'closed statement',
    map(statementMethods, (call) => (db) => {
      const statement = db.prepare('SELECT 1 AS one')
      statement.get()
      db.close()
      return outcome(() => call(statement, db))
    }),
  ),
  ...topic(
    'closed statement that was bound',
    map(statementMethods, (call) => (db) => {
      const statement = db.prepare('SELECT ? AS one').bind(1)
      db.close()
      return outcome(() => call(statement, db))
    }),
  ),
  ...topic(
    'closed statement that returns no data',
    map(statementMethods, (call) => (db) => {
      const statement = db.prepare('DELETE FROM bag')
      db.close()
      return outcome(() => call(statement, db))
    }),
  ),
  ...topic('closed', {
    'a transaction function': (db) => {
      const run = db.transaction(() => 1)
      db.close()
      return [outcome(run), outcome(run.immediate), run.database === db]
    },
    'an iterator that has ended': (db) => {
      const iterator = db.prepare('SELECT 1').iterate()
      const all = [...iterator]
      db.close()
      return [
        all,
        outcomes(
          () => iterator.next(),
          () => iterator.return(),
        ),
      ]
    },
    'in a transaction': (db, { openAgain }) => {
      db.exec("BEGIN; INSERT INTO bag VALUES ('a')")
      db.close()
      const again = openAgain()
      const seen = again.prepare('SELECT * FROM bag').all()
      again.close()
      return seen
    },
    'with statements that were used': (db) => {
      const statements = Array.from({ length: 50 }, (_, i) => db.prepare(`SELECT ${i} AS i`))
      for (const statement of statements) statement.get()
      return [db.close() === db, db.open]
    },
  }),
]
