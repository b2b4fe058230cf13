import { basename } from 'node:path'
import { outcome, outcomes, topic } from './helpers.mjs'

const absent = [
  'explain', 'backup', 'serialize', 'function', 'aggregate', 'table', 'loadExtension', 'unsafeMode',
] // prettier-ignore

const receivers = [undefined, null, 5, {}, [], () => 1]

export default [
  ...topic('database', {
    'its properties': (db) => {
      const { open, inTransaction, readonly, memory } = db
      return { open, inTransaction, readonly, memory, name: basename(db.name).endsWith('.db') }
    },
    'in memory': (db, { openMemory }) => {
      const other = openMemory()
      const { open, memory, readonly, name } = other
      other.exec('CREATE TABLE t (a)')
      other.close()
      return { open, memory, readonly, name }
    },
    readonly: (db, { openAgain }) => {
      const { readonly, memory } = openAgain({ readonly: true }).close()
      return { readonly, memory }
    },
    inTransaction: (db) => {
      const seen = [db.inTransaction]
      for (const sql of [
        'BEGIN',
        'SAVEPOINT a',
        'RELEASE a',
        'ROLLBACK',
        'SAVEPOINT a',
        'RELEASE a',
      ]) {
        db.exec(sql)
        seen.push(db.inTransaction)
      }
      return seen
    },
    'properties that cannot be set': (db) =>
      outcomes(
        () => Object.assign(db, { open: false }),
        () => Object.assign(db, { inTransaction: true }),
        () => Object.assign(db, { name: 'x' }),
        () => Object.assign(db, { memory: true }),
        () => Object.assign(db, { readonly: true }),
      ),
    'properties of the caller': (db) => {
      Object.assign(db, { mine: 5 })
      return db.mine
    },
    'its own enumerable properties': (db) => Object.keys(db).toSorted(),
    'its class': (db) => [
      db.constructor.name,
      Object.prototype.toString.call(db),
      String(db),
      typeof db,
    ],
    'methods that are absent': (db) => absent.map((name) => [name, typeof db[name]]),
    'methods on another receiver': (db) =>
      ['prepare', 'exec', 'pragma', 'transaction', 'close', 'defaultSafeIntegers'].map((method) =>
        receivers.map((receiver) => outcome(() => db[method].call(receiver, 'SELECT 1'))),
      ),
    'a method taken off': (db) => {
      const { prepare } = db
      return outcome(() => prepare('SELECT 1'))
    },
    chaining: (db) => db.exec('SELECT 1').defaultSafeIntegers(false).close() === db,
  }),
  ...topic('statement', {
    'its own enumerable properties': (db) => Object.keys(db.prepare('SELECT 1')).toSorted(),
    'properties that cannot be set': (db) => {
      const statement = db.prepare('SELECT 1')
      return outcomes(
        () => Object.assign(statement, { source: 'x' }),
        () => Object.assign(statement, { reader: false }),
        () => Object.assign(statement, { readonly: false }),
        () => Object.assign(statement, { busy: true }),
        () => Object.assign(statement, { database: null }),
        () => delete statement.source,
      )
    },
    'its class': (db) => {
      const statement = db.prepare('SELECT 1')
      return [statement.constructor.name, Object.prototype.toString.call(statement)]
    },
    'its constructor': (db) => {
      const { constructor } = db.prepare('SELECT 1')
      return outcomes(
        () => new constructor(),
        () => new constructor('SELECT 1'),
        () => constructor('SELECT 1'),
      )
    },
    "its iterator's constructor": (db) => {
      const iterator = db.prepare('SELECT 1').iterate()
      iterator.return()
      const { constructor } = iterator
      return outcomes(
        () => new constructor(),
        () => constructor(),
      )
    },
    'methods on another receiver': (db) => {
      const statement = db.prepare('SELECT 1')
      return ['run', 'get', 'all', 'iterate', 'bind', 'pluck', 'columns', 'toString'].map(
        (method) => receivers.map((receiver) => outcome(() => statement[method].call(receiver))),
      )
    },
    'the database of a statement': (db) => db.prepare('SELECT 1').database === db,
    'the SQL as it was given': (db) => db.prepare('  SELECT 1 ; -- so ').source,
    'bind returns the statement': (db) => {
      const statement = db.prepare('SELECT ?')
      return statement.bind(1) === statement
    },
    'bind twice': (db) => {
      const statement = db.prepare('SELECT ? AS a').bind(1)
      return outcomes(
        () => statement.bind(2),
        () => statement.bind(),
        () => statement.get(),
        () => statement.get(3),
        () => statement.get([]),
        () => statement.get({}),
        () => statement.all(3),
        () => statement.run(3),
        () => statement.get(),
      )
    },
    'bind of nothing, twice': (db) => {
      const statement = db.prepare('SELECT 1 AS a').bind()
      return outcomes(
        () => statement.bind(),
        () => statement.get(),
        () => statement.get(undefined),
      )
    },
    'a bind that fails and one that does not': (db) => {
      const statement = db.prepare('SELECT ? AS a, ? AS b')
      return outcomes(
        () => statement.bind(1),
        () => statement.bind(1, true),
        () => statement.bind(1, 2n ** 64n),
        () => statement.get(1, 2),
        () => statement.bind(3, 4).get(),
      )
    },
    'values do not stay': (db) => {
      const statement = db.prepare('SELECT ? AS a, ? AS b')
      return outcomes(
        () => statement.get(1, 2),
        () => statement.get(3),
        () => statement.get(null, null),
      )
    },
    'toString of a bound statement': (db) =>
      [
        db.prepare("SELECT ?, ':a', :a -- ?").bind(1.5, { a: "it's" }),
        db.prepare('SELECT ?').bind(7n),
        db.prepare('SELECT ?').bind(null),
        db.prepare('SELECT ?').bind(Buffer.from('ab')),
        db.prepare('SELECT 1').bind(),
      ].map(String),
    'toString of a bound statement with long values': (db) =>
      [
        db.prepare('SELECT ?').bind('x'.repeat(100)),
        db.prepare('SELECT ?').bind(Buffer.alloc(100, 7)),
      ].map(String),
    'toString of a bound statement while it is iterated': (db) => {
      const statement = db.prepare('SELECT ? AS a').bind(1)
      const iterator = statement.iterate()
      const seen = outcome(() => String(statement))
      iterator.return()
      return seen
    },
    'a getter of a parameter that uses the statement': (db) => {
      const statement = db.prepare('SELECT :a AS a')
      return outcome(() =>
        statement.get({
          get a() {
            return statement.get({ a: 1 }).a + 1
          },
        }),
      )
    },
    'a getter of a parameter that throws': (db) => {
      const statement = db.prepare('SELECT :a AS a, :b AS b')
      const hostile = {
        a: 1,
        get b() {
          throw new Error('boom')
        },
      }
      return outcomes(
        () => statement.get(hostile),
        () => statement.bind(hostile),
        () => statement.get({ a: 1, b: 2 }),
      )
    },
    'a getter of a parameter that uses the statement, behind another': (db) => {
      const statement = db.prepare('SELECT :a AS a, :b AS b')
      return outcome(() =>
        statement.get({
          a: 'kept',
          get b() {
            return statement.get({ a: 1, b: 2 }).b
          },
        }),
      )
    },
    'a Proxy of a parameter that throws': (db) => {
      const hostile = new Proxy(
        {},
        {
          getPrototypeOf() {
            throw new Error('boom')
          },
        },
      )
      return outcome(() => db.prepare('SELECT :a').get(hostile))
    },
  }),
]
