import { bag, outcome, outcomes, put, rows, topic } from './helpers.mjs'

const variants = ['default', 'deferred', 'immediate', 'exclusive']

const perVariant = variants.flatMap((variant) => [
  [
    `${variant}, committed`,
    (db) => {
      const run = db.transaction((text) => [put(db, text), db.inTransaction])[variant]
      return [run('a'), db.inTransaction, bag(db)]
    },
  ],
  [
    `${variant}, rolled back`,
    (db) => {
      const run = db.transaction((text) => {
        put(db, text)
        throw new Error('boom')
      })[variant]
      return [outcome(() => run('a')), db.inTransaction, bag(db)]
    },
  ],
  [
    `${variant}, nested in a transaction`,
    (db) => {
      const inner = db.transaction((text) => put(db, text).changes)[variant]
      const failing = db.transaction((text) => {
        put(db, text)
        throw new Error('boom')
      })[variant]
      const outer = db.transaction(() => [inner('a'), outcome(() => failing('b')), inner('c')])
      return [outer[variant](), db.inTransaction, bag(db)]
    },
  ],
  [
    `${variant}, inside BEGIN`,
    (db) => {
      db.exec('BEGIN')
      const run = db.transaction((text) => put(db, text).changes)[variant]
      const seen = [run('a'), db.inTransaction]
      db.exec('ROLLBACK')
      return [seen, bag(db)]
    },
  ],
])

const noFunctions = [undefined, null, 1, 'SELECT 1', {}, [], true, Symbol('f')]

export default topic('transaction', {
  ...Object.fromEntries(perVariant),
  'this and arguments': (db) => {
    const run = db.transaction(function (...args) {
      return [this?.me, args]
    })
    return [
      run.call({ me: 'called' }, 1, undefined, 'x'),
      run.apply({ me: 'applied' }, [2]),
      { me: 'method', run }.run(3),
      { me: 'variant', run: run.immediate }.run(),
      run.bind({ me: 'bound' })(4),
      run(),
    ]
  },
  'this of a variant called by its function': (db) => {
    const run = db.transaction(function () {
      return this === run
    })
    return [run.immediate(), run()]
  },
  'what it returns': (db) =>
    [undefined, null, 0, '', 'text', 5n, { a: 1 }, [1], () => 1].map((result) =>
      outcome(() => db.transaction(() => result)()),
    ),
  'what is no function': (db) => noFunctions.map((fn) => outcome(() => db.transaction(fn))),
  'an async function': (db) => {
    const run = db.transaction(async () => put(db, 'a'))
    return [outcome(run), db.inTransaction, bag(db)]
  },
  'a promise': (db) => {
    const run = db.transaction(() => {
      put(db, 'a')
      return Promise.resolve(1)
    })
    return [outcome(run), db.inTransaction, bag(db)]
  },
  'a thenable': (db) =>
    outcomes(
      // oxlint-disable-next-line unicorn/no-thenable
      db.transaction(() => ({ then: () => 1 })),
      // oxlint-disable-next-line unicorn/no-thenable
      db.transaction(() => ({ then: 1 })),
      // oxlint-disable-next-line unicorn/no-thenable
      db.transaction(() => Object.assign(() => 1, { then: () => 1 })),
    ),
  'a generator function': (db) => {
    const run = db.transaction(function* () {
      yield put(db, 'a').changes
    })
    const generator = run()
    return [db.inTransaction, generator.next(), db.inTransaction, bag(db)]
  },
  'a class': (db) => outcome(() => db.transaction(Map)()),
  properties: (db) => {
    const run = db.transaction(() => 1)
    return variants.map((variant) => {
      const { database } = run[variant]
      const own = Object.getOwnPropertyDescriptor(run, variant)
      return [
        typeof run[variant],
        run[variant][variant] === run[variant],
        run[variant].default === run,
        database === db,
        own.writable,
        own.enumerable,
        own.configurable,
      ]
    })
  },
  'the default is itself': (db) => {
    const run = db.transaction(() => 1)
    return [run.default === run, run.deferred === run, Object.keys(run), run.name, run.length]
  },
  'a property cannot be set': (db) => {
    const run = db.transaction(() => 1)
    return outcomes(
      () => Object.assign(run, { deferred: 1 }),
      () => Object.assign(run, { database: 1 }),
      () => delete run.database,
    )
  },
  'a statement for a function': (db) => outcome(() => db.transaction(db.prepare('SELECT 1'))),
  'a function twice': (db) => {
    const work = (text) => put(db, text).changes
    const [a, b] = [db.transaction(work), db.transaction(work)]
    return [a === b, a('1'), b('2'), bag(db)]
  },
  'deep nesting': (db) => {
    const nest = db.transaction((depth) => {
      put(db, depth)
      if (depth > 0) nest(depth - 1)
      if (depth === 5) throw new Error('boom')
    })
    const outer = db.transaction(() => {
      put(db, 'kept')
      return outcome(() => nest(10))
    })
    return [outer(), bag(db)]
  },
  'called while a statement is iterated': (db) => {
    const run = db.transaction(() => 1)
    const seen = []
    for (const { id } of db.prepare('SELECT id FROM people').iterate()) {
      seen.push(id, outcome(run), db.inTransaction)
    }
    return [seen, run()]
  },
  'iterating inside': (db) => {
    const run = db.transaction(() => {
      const ids = []
      for (const { id } of db.prepare('SELECT id FROM people').iterate()) ids.push(id)
      put(db, ids.join())
      return ids
    })
    return [run(), bag(db)]
  },
  'an iterator left open inside': (db) => {
    let iterator
    const run = db.transaction(() => {
      put(db, 'a')
      iterator = db.prepare('SELECT id FROM people').iterate()
      iterator.next()
    })
    const seen = [outcome(run), db.inTransaction]
    iterator.return()
    if (db.inTransaction) db.exec('ROLLBACK')
    return [seen, bag(db)]
  },
  'a throw with an iterator left open inside': (db) => {
    let iterator
    const run = db.transaction(() => {
      put(db, 'a')
      iterator = db.prepare('SELECT id FROM people').iterate()
      iterator.next()
      throw new Error('boom')
    })
    const seen = [outcome(run), db.inTransaction]
    iterator.return()
    if (db.inTransaction) db.exec('ROLLBACK')
    return [seen, bag(db)]
  },
  'closing inside': (db) => {
    const run = db.transaction(() => {
      put(db, 'a')
      db.close()
    })
    return [outcome(run), db.open, db.inTransaction]
  },
  'a savepoint of the same name inside': (db) => {
    const run = db.transaction(() => {
      db.exec('SAVEPOINT mine')
      put(db, 'a')
      db.exec('ROLLBACK TO mine')
      put(db, 'b')
      db.exec('RELEASE mine')
    })
    run()
    return bag(db)
  },
  'made in one, called in another': (db) => {
    let inner
    db.transaction(() => {
      inner = db.transaction((text) => put(db, text).changes)
    })()
    return [inner('a'), db.transaction(() => inner('b'))(), bag(db)]
  },
  'DDL inside, rolled back': (db) => {
    const run = db.transaction(() => {
      db.exec('CREATE TABLE brief (a); DROP TABLE people')
      throw new Error('boom')
    })
    return [
      outcome(run),
      rows(db, 'SELECT count(*) FROM people'),
      outcome(() => rows(db, 'SELECT * FROM brief')),
    ]
  },
  'two handles': (db, { openAgain }) => {
    const other = openAgain({ timeout: 0 })
    const run = db.transaction(() => {
      put(db, 'a')
      return outcomes(
        () => bag(other),
        () => put(other, 'b'),
      )
    })
    const seen = [run(), bag(other)]
    other.close()
    return seen
  },
})
