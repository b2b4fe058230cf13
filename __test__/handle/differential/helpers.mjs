// What the forms share.
import { outcomeOf } from './normalise.mjs'

/** Names every form of a topic after it. */
export function topic(name, forms) {
  return Object.entries(forms).map(([form, run]) => ({ name: `${name}: ${form}`, run }))
}

/** The first value of the first row. */
export function value(db, sql, ...parameters) {
  return db
    .prepare(sql)
    .pluck()
    .get(...parameters)
}

/** Every row, as arrays. */
export function rows(db, sql, ...parameters) {
  return db
    .prepare(sql)
    .raw()
    .all(...parameters)
}

/** What every one of `calls` returns or throws, in turn. */
export function outcomes(...calls) {
  return calls.map((call) => plain(outcomeOf(call)))
}

/** The class, the code and the message of what `call` throws; what it returns otherwise. */
export function outcome(call) {
  return outcomes(call)[0]
}

// The text is JSON already, and is shown as such in a failure.
function plain(seen) {
  return JSON.stringify(seen)
}

/** The values in the table `bag`. */
export function bag(db) {
  return rows(db, 'SELECT value FROM bag').flat()
}

/** Puts a value into the table `bag`. */
export function put(db, text) {
  return db.prepare('INSERT INTO bag VALUES (?)').run(text)
}
