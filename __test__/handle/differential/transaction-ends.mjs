// Transactions that do not end by a return.
import { bag, outcome, put, topic } from './helpers.mjs'

// Errors that end a transaction before the function is over.
const ending = {
  ROLLBACK: (db) => db.exec('ROLLBACK'),
  COMMIT: (db) => db.exec('COMMIT'),
  'OR ROLLBACK': (db) => db.exec("INSERT OR ROLLBACK INTO people (id, name) VALUES (1, 'x')"),
  'RAISE(ROLLBACK)': (db) => {
    db.exec(
      `CREATE TEMP TRIGGER stop BEFORE INSERT ON log BEGIN SELECT RAISE(ROLLBACK, 'stop'); END`,
    )
    db.exec("INSERT INTO log VALUES ('x')")
  },
  'RELEASE of the savepoint': (db) => db.exec('RELEASE nothing_like_it'),
  BEGIN: (db) => db.exec('BEGIN'),
  'a deferred foreign key': (db) => {
    db.exec('PRAGMA defer_foreign_keys = ON')
    db.exec("INSERT INTO people (id, name, boss) VALUES (80, 'x', 999)")
  },
}

const ended = Object.entries(ending).flatMap(([name, end]) => [
  [
    `ended by ${name}`,
    (db) => {
      db.pragma('foreign_keys = ON')
      const run = db.transaction(() => {
        put(db, 'a')
        end(db)
        return put(db, 'b').changes
      })
      const seen = [outcome(run), db.inTransaction]
      if (db.inTransaction) db.exec('ROLLBACK')
      return [seen, bag(db)]
    },
  ],
  [
    `ended by ${name}, caught`,
    (db) => {
      db.pragma('foreign_keys = ON')
      const run = db.transaction(() => {
        put(db, 'a')
        return [outcome(() => end(db)), db.inTransaction]
      })
      const seen = [outcome(run), db.inTransaction]
      if (db.inTransaction) db.exec('ROLLBACK')
      return [seen, bag(db)]
    },
  ],
  [
    `ended by ${name}, nested`,
    (db) => {
      db.pragma('foreign_keys = ON')
      const inner = db.transaction(() => {
        put(db, 'a')
        end(db)
      })
      const outer = db.transaction(() => [outcome(inner), db.inTransaction])
      const seen = [outcome(outer), db.inTransaction]
      if (db.inTransaction) db.exec('ROLLBACK')
      return [seen, bag(db)]
    },
  ],
])

const thrown = {
  'an Error': new Error('boom'),
  'a string': 'boom',
  undefined,
  null: null,
  'a number': 5,
  'an object': { why: 'boom' },
}

export default topic('transaction', {
  ...Object.fromEntries(ended),
  ...Object.fromEntries(
    Object.entries(thrown).map(([name, reason]) => [
      `${name} thrown`,
      (db) => {
        const run = db.transaction(() => {
          put(db, 'a')
          throw reason
        })
        return [outcome(run), db.inTransaction, bag(db)]
      },
    ]),
  ),
  'an inner one that fails and is caught': (db) => {
    const inner = db.transaction(() => {
      put(db, 'inner')
      throw new Error('boom')
    })
    db.transaction(() => {
      put(db, 'before')
      outcome(inner)
      put(db, 'behind')
    })()
    return bag(db)
  },
  'an inner one that succeeds in an outer one that fails': (db) => {
    const inner = db.transaction(() => put(db, 'inner'))
    const outer = db.transaction(() => {
      inner()
      throw new Error('boom')
    })
    return [outcome(outer), bag(db)]
  },
  'an SqliteError thrown through': (db) => {
    const run = db.transaction(() => {
      put(db, 'a')
      db.exec("INSERT INTO people (id, name) VALUES (1, 'x')")
    })
    return [outcome(run), db.inTransaction, bag(db)]
  },
  'an SqliteError caught': (db) => {
    const run = db.transaction(() => {
      put(db, 'a')
      outcome(() => db.exec("INSERT INTO people (id, name) VALUES (1, 'x')"))
      put(db, 'b')
    })
    run()
    return bag(db)
  },
})
