import { runInNewContext } from 'node:vm'
import { outcomes, topic } from './helpers.mjs'

class Point {
  constructor(a, b) {
    Object.assign(this, { a, b })
  }

  sum() {
    return this.a + this.b
  }
}

class List extends Array {}

const named = 'SELECT @a AS a, :b AS b, $c AS c'
const three = 'SELECT ? AS a, ? AS b, ? AS c'
const abc = { a: 1, b: 2, c: 3 }

// SQL and the arguments that it is run with.
const calls = {
  'none of none': ['SELECT 1 AS a', []],
  'none of one': ['SELECT ? AS a', []],
  'one of one': ['SELECT ? AS a', [5]],
  'one of none': ['SELECT 1 AS a', [5]],
  'two of one': ['SELECT ? AS a', [5, 6]],
  'one of two': ['SELECT ? AS a, ? AS b', [5]],
  'three of three': [three, [1, 'two', null]],
  'undefined of none': ['SELECT 1 AS a', [undefined]],
  'undefined of one': ['SELECT ? AS a', [undefined]],
  'an empty array of none': ['SELECT 1 AS a', [[]]],
  'an empty array of one': ['SELECT ? AS a', [[]]],
  'empty arrays of none': ['SELECT 1 AS a', [[], [], []]],
  'an array': [three, [[1, 2, 3]]],
  'an array that is too short': [three, [[1, 2]]],
  'an array that is too long': [three, [[1, 2, 3, 4]]],
  'several arrays': [three, [[1], [2, 3]]],
  'several arrays, one empty': [three, [[1], [], [2, 3]]],
  'an array and values': [three, [1, [2], 3]],
  'an array in an array': [three, [[1, [2, 3]]]],
  'an object in an array': [three, [[1, 2, { c: 3 }]]],
  'a sparse array': [three, [[1, , 3]]], // oxlint-disable-line no-sparse-arrays
  'an array of holes': [three, [Array.from({ length: 3 })]],
  'an array of a subclass': [three, [List.of(1, 2, 3)]],
  'an array of another realm': [three, [runInNewContext('[1, 2, 3]')]],
  'a typed array for an array': [three, [new Uint8Array([1, 2, 3])]],
  'a Set': [three, [new Set([1, 2, 3])]],
  'an iterator': [three, [[1, 2, 3].values()]],
  'an arguments-like object': [three, [{ 0: 1, 1: 2, 2: 3, length: 3 }]],
  'named by @': ['SELECT @a AS a', [{ a: 1 }]],
  'named by :': ['SELECT :a AS a', [{ a: 1 }]],
  'named by $': ['SELECT $a AS a', [{ a: 1 }]],
  'named by all three': [named, [abc]],
  'one name, three prefixes': ['SELECT @a AS x, :a AS y, $a AS z', [{ a: 1 }]],
  'a name used twice': ['SELECT :a AS x, :a AS y', [{ a: 1 }]],
  'a name with the prefix in the object': ['SELECT @a AS a', [{ '@a': 1 }]],
  'names that differ by case': ['SELECT :a AS x, :A AS y', [{ a: 1, A: 2 }]],
  'a name of other letters': ['SELECT :größe AS a', [{ größe: 1 }]],
  'a name with an emoji': ['SELECT :🚀 AS a', [{ '🚀': 1 }]],
  'a name that is a number': ['SELECT :1 AS a', [{ 1: 'one' }]],
  'a name with colons': ['SELECT $a::b AS a', [{ 'a::b': 1 }]],
  'a name with brackets': ['SELECT $a(b) AS a', [{ 'a(b)': 1 }]],
  'a name called __proto__': ['SELECT :__proto__ AS a', [JSON.parse('{"__proto__":1}')]],
  'a name called constructor': ['SELECT :constructor AS a', [{}]],
  'a name called toString': ['SELECT :toString AS a', [{ toString: 'own' }]],
  'a name that is missing': [named, [{ a: 1, b: 2 }]],
  'every name missing': [named, [{}]],
  'no object at all': [named, []],
  'a name that is undefined': [named, [{ a: 1, b: undefined, c: 3 }]],
  'a name that is null': [named, [{ a: 1, b: null, c: 3 }]],
  'more names than needed': ['SELECT :a AS a', [abc]],
  'two objects': [named, [{ a: 1 }, { b: 2, c: 3 }]],
  'the same object twice': [named, [abc, abc]],
  'an object of none': ['SELECT 1 AS a', [{}]],
  'a full object of none': ['SELECT 1 AS a', [{ a: 1 }]],
  'two objects of none': ['SELECT 1 AS a', [{}, {}]],
  'an object for positions': ['SELECT ? AS a', [{}]],
  'a full object for positions': ['SELECT ? AS a', [{ a: 1 }]],
  'an object and a value for one position': ['SELECT ? AS a', [5, {}]],
  'values for names': [named, [1, 2, 3]],
  'an array for names': [named, [[1, 2, 3]]],
  'one value for a name': ['SELECT :a AS a', [1]],
  mixed: ['SELECT ? AS p, :a AS a, ? AS q', [{ a: 1 }, 2, 3]],
  'mixed, the object last': ['SELECT ? AS p, :a AS a, ? AS q', [2, 3, { a: 1 }]],
  'mixed, the object between': ['SELECT ? AS p, :a AS a, ? AS q', [2, { a: 1 }, 3]],
  'mixed with an array': ['SELECT ? AS p, :a AS a, ? AS q', [[2, 3], { a: 1 }]],
  'mixed, one position missing': ['SELECT ? AS p, :a AS a, ? AS q', [2, { a: 1 }]],
  'mixed, one position too many': ['SELECT ? AS p, :a AS a, ? AS q', [2, 3, 4, { a: 1 }]],
  'mixed, the object missing': ['SELECT ? AS p, :a AS a, ? AS q', [2, 3]],
  'mixed, the name missing': ['SELECT ? AS p, :a AS a, ? AS q', [2, 3, {}]],
  'mixed, values for all': ['SELECT ? AS p, :a AS a, ? AS q', [2, 3, 4]],
  'mixed, two objects': ['SELECT ? AS p, :a AS a, ? AS q', [2, 3, { a: 1 }, { a: 1 }]],
  '?1 by position': ['SELECT ?1 AS a', [5]],
  '?1 by name': ['SELECT ?1 AS a', [{ 1: 5 }]],
  '?1 by an array': ['SELECT ?1 AS a', [[5]]],
  '?1 and ?2 by name': ['SELECT ?2 AS b, ?1 AS a', [{ 1: 5, 2: 6 }]],
  '?1 and ?2 by position': ['SELECT ?2 AS b, ?1 AS a', [5, 6]],
  '?1 used twice': ['SELECT ?1 AS a, ?1 AS b', [{ 1: 5 }]],
  '?3 alone': ['SELECT ?3 AS a', [{ 3: 5 }]],
  '?3 alone with the positions before it': ['SELECT ?3 AS a', [1, 2, { 3: 5 }]],
  '? and ?1 together': ['SELECT ? AS a, ?1 AS b', [{ 1: 5 }]],
  '? behind ?5': ['SELECT ?5 AS a, ? AS b', [1, 2, 3, 4, 6, { 5: 5 }]],
  '?007 by name': ['SELECT ?007 AS a', [1, 2, 3, 4, 5, 6, { '007': 7 }]],
  'an instance for names': ['SELECT :a AS a, :b AS b', [new Point(1, 2)]],
  'an instance for positions': ['SELECT ? AS a', [new Point(1, 2)]],
  'an object without a prototype': [named, [Object.assign(Object.create(null), abc)]],
  'an object above one without a prototype': [
    named,
    [Object.assign(Object.create(Object.create(null)), abc)],
  ],
  'an object that inherits its names': [named, [Object.create(abc)]],
  'an object of another realm': [named, [runInNewContext('({ a: 1, b: 2, c: 3 })')]],
  'a frozen object': [named, [Object.freeze({ ...abc })]],
  'a getter': [
    'SELECT :a AS a',
    [
      {
        get a() {
          return 5
        },
      },
    ],
  ],
  'a hidden property': [
    'SELECT :a AS a',
    [Object.defineProperty({}, 'a', { value: 5, enumerable: false })],
  ],
  'Object.prototype itself': [named, [Object.prototype]],
  'a Map for names': [named, [new Map(Object.entries(abc))]],
  'a Proxy of a plain object': [named, [new Proxy(abc, {})]],
  'a Proxy of an array': [three, [new Proxy([1, 2, 3], {})]],
  'a module namespace': ['SELECT :a AS a', [Object.create(null, { a: { value: 5 } })]],
  'an error for names': ['SELECT :message AS a', [new Error('text')]],
  'a Date for a name': ['SELECT :a AS a', [{ a: new Date(0) }]],
  'a boolean for a name': ['SELECT :a AS a', [{ a: true }]],
  'a Date for names': ['SELECT :a AS a', [new Date(0)]],
  'a Buffer for names': ['SELECT :a AS a', [Buffer.from('a')]],
  'a boolean for names': ['SELECT :a AS a', [true]],
  'a function for names': ['SELECT :a AS a', [() => 1]],
  'null for names': ['SELECT :a AS a', [null]],
}

function run([sql, args]) {
  return (db) => db.prepare(sql).get(...args)
}

// The other ways that parameters reach a statement.
function everyWay([sql, args]) {
  return (db) =>
    outcomes(
      () => db.prepare(sql).all(...args),
      () => [...db.prepare(sql).iterate(...args)],
      () => db.prepare(`INSERT INTO bag SELECT * FROM (${sql}) WHERE 0`).run(...args),
      () =>
        db
          .prepare(sql)
          .bind(...args)
          .get(),
      () => String(db.prepare(sql).bind(...args)),
    )
}

const map = (make) =>
  Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, make(call)]))

export default [...topic('parameters', map(run)), ...topic('parameters, every way', map(everyWay))]
