import { runInNewContext } from 'node:vm'
import { outcome, outcomes, topic, value } from './helpers.mjs'

const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer
const detached = new Uint8Array(8)
structuredClone(detached, { transfer: [detached.buffer] })

const values = {
  zero: 0,
  'minus zero': -0,
  one: 1,
  'a fraction': 0.1,
  'a small number': 5e-324,
  'a large number': 1.7976931348623157e308,
  'a whole number that is large': 1e300,
  NaN: NaN,
  Infinity,
  '-Infinity': -Infinity,
  '2^31 - 1': 2 ** 31 - 1,
  '2^31': 2 ** 31,
  '-2^31': -(2 ** 31),
  '-2^31 - 1': -(2 ** 31) - 1,
  '2^32': 2 ** 32,
  '2^53 - 1': 2 ** 53 - 1,
  '2^53': 2 ** 53,
  '-2^53': -(2 ** 53),
  '2^63': 2 ** 63,
  '-2^63': -(2 ** 63),
  '0n': 0n,
  '1n': 1n,
  '-1n': -1n,
  '2n ** 31n': 2n ** 31n,
  '2n ** 53n': 2n ** 53n,
  '2n ** 53n + 1n': 2n ** 53n + 1n,
  '-(2n ** 53n) - 1n': -(2n ** 53n) - 1n,
  '2n ** 63n - 1n': 2n ** 63n - 1n,
  '2n ** 63n': 2n ** 63n,
  '-(2n ** 63n)': -(2n ** 63n),
  '-(2n ** 63n) - 1n': -(2n ** 63n) - 1n,
  '2n ** 64n': 2n ** 64n,
  '2n ** 200n': 2n ** 200n,
  'an empty string': '',
  text: 'text',
  'a quoted text': `it's "so"`,
  'a text of digits': '42',
  'a text with NUL': 'a\0b',
  'a text of NUL': '\0',
  'a text with line ends': 'a\r\nb\n\r',
  'a text of two bytes a letter': 'grün',
  'a text of three bytes a letter': '漢字',
  emoji: '🚀👩‍👩‍👧',
  'a byte order mark': '\u{feff}text',
  'a lone high surrogate': 'a\ud800b',
  'a lone low surrogate': 'a\udc00b',
  'surrogates the wrong way round': '\udc00\ud800',
  'a surrogate at the end': 'text\ud83d',
  noncharacters: '\uffff\ufffe',
  'an escape sequence': '\u001b[31mred\u001b[0m',
  null: null,
  undefined,
  true: true,
  false: false,
  'a symbol': Symbol('s'),
  'a function': () => 1,
  'a class': Map,
  'a Date': new Date(0),
  'an invalid Date': new Date(NaN),
  'a RegExp': /x/,
  'a Map': new Map(),
  'a Promise': Promise.resolve(1),
  'a Number object': Object(1),
  'a String object': Object('text'),
  'a BigInt object': Object(1n),
  'an ArrayBuffer': bytes,
  'a SharedArrayBuffer': new SharedArrayBuffer(4),
  'a Buffer': Buffer.from('bytes'),
  'an empty Buffer': Buffer.alloc(0),
  'a Buffer of zeros': Buffer.alloc(3),
  'a slice of a Buffer': Buffer.from('some bytes').subarray(5),
  'a Uint8Array': new Uint8Array([1, 2, 3]),
  'an empty Uint8Array': new Uint8Array(0),
  'a part of a Uint8Array': new Uint8Array(bytes, 2, 3),
  'a Uint8ClampedArray': new Uint8ClampedArray([300, -1]),
  'an Int8Array': new Int8Array([-1]),
  'an Int16Array': new Int16Array([1, 2]),
  'a Uint32Array': new Uint32Array([1, 2]),
  'a Float64Array': new Float64Array([1.5]),
  'a BigInt64Array': new BigInt64Array([1n]),
  'a DataView': new DataView(bytes),
  'a part of a DataView': new DataView(bytes, 1, 2),
  'a view that is detached': detached,
  'a Uint8Array of another realm': runInNewContext('new Uint8Array([1, 2])'),
  'a Date of another realm': runInNewContext('new Date(0)'),
}

function echo(bound) {
  return (db) => {
    const types = 'SELECT typeof(?) AS type, quote(?) AS quoted, length(?) AS length, ? AS value'
    const four = Array.from({ length: 4 }, () => bound)
    return outcomes(
      () => db.prepare(types).get(four),
      () => db.prepare(types).safeIntegers().get(four),
      () => String(db.prepare('SELECT ?').bind(bound)),
    )
  }
}

function stored(bound) {
  return (db) => {
    const insert = db.prepare('INSERT INTO bag VALUES (?)')
    return outcomes(
      () => insert.run(bound),
      () => db.prepare('SELECT value, typeof(value) AS type FROM bag').all(),
      () => db.prepare('INSERT INTO typed VALUES (?1, ?1, ?1, ?1, ?1)').run({ 1: bound }),
      () => db.prepare('SELECT * FROM typed').all(),
    )
  }
}

const map = (make) =>
  Object.fromEntries(Object.entries(values).map(([name, bound]) => [name, make(bound)]))

// Values that SQL makes and JavaScript reads.
const expressions = {
  '2^31': '2147483648',
  '-2^31': '-2147483648',
  '2^53': '9007199254740992',
  '2^53 + 1': '9007199254740993',
  '2^63 - 1': '9223372036854775807',
  '-2^63': '-9223372036854775808',
  '2^63, which is REAL': '9223372036854775808',
  'an overflow of a sum': '9223372036854775807 + 1',
  'minus zero': '-0.0',
  infinity: '9e999',
  'minus infinity': '-9e999',
  'no number': '9e999 - 9e999',
  'a division by zero': '1 / 0',
  'a boolean': '1 < 2',
  'a cast to text': 'CAST(1.0 AS TEXT)',
  'a cast of bytes to text': "CAST(x'c3a9' AS TEXT)",
  'bytes that are no UTF-8, as text': "CAST(x'61ff62' AS TEXT)",
  'a text cut in the middle of a letter': "CAST(x'e282' AS TEXT)",
  'a surrogate in UTF-8, as text': "CAST(x'eda080' AS TEXT)",
  'an overlong NUL, as text': "CAST(x'c080' AS TEXT)",
  'a text with NUL': 'char(97, 0, 98)',
  'a letter beyond Unicode': 'hex(char(1114112))',
  'an empty blob': "x''",
  'a blob': "x'00ff'",
  zeroblob: 'zeroblob(3)',
  'an empty text': "''",
  'a length beyond the longest string': 'length(zeroblob(600000000))',
  'an integer beyond 2^53 as text': 'CAST(9007199254740993 AS TEXT)',
}

export default [
  ...topic('value', map(echo)),
  ...topic('stored value', map(stored)),
  ...topic(
    'value of SQL',
    Object.fromEntries(
      Object.entries(expressions).map(([name, sql]) => [
        name,
        (db) => {
          const statement = db.prepare(`SELECT ${sql}`).pluck()
          return [statement.get(), statement.safeIntegers().get()]
        },
      ]),
    ),
  ),
  ...topic('large value', {
    'a text of a million letters': (db) => value(db, 'SELECT length(?)', 'x'.repeat(1_000_000)),
    'a text of a million letters comes back': (db) =>
      value(db, 'SELECT ?', 'x'.repeat(1_000_000)) === 'x'.repeat(1_000_000),
    'a text of a million emoji comes back': (db) =>
      value(db, 'SELECT ?', '🚀'.repeat(1_000_000)) === '🚀'.repeat(1_000_000),
    'a Buffer of a million bytes comes back': (db) =>
      value(db, 'SELECT ?', Buffer.alloc(1_000_000, 7)).equals(Buffer.alloc(1_000_000, 7)),
    'texts around the sizes of buffers': (db) =>
      [0, 1, 507, 508, 511, 512, 513, 2047, 2048, 2049, 16_384, 65_536].map((length) => {
        const [ascii, wide] = ['a'.repeat(length), 'é'.repeat(length)]
        return value(db, 'SELECT ?', ascii) === ascii && value(db, 'SELECT ?', wide) === wide
      }),
    'a Buffer is a copy, both ways': (db) => {
      const buffer = Buffer.from('abc')
      const insert = db.prepare('INSERT INTO bag VALUES (?)').bind(buffer)
      buffer[0] = 0
      insert.run()
      const read = value(db, 'SELECT value FROM bag')
      read[1] = 0
      return [read, value(db, 'SELECT value FROM bag')]
    },
    '32766 parameters': (db) => {
      const many = Array.from({ length: 32_766 }, (_, index) => index)
      const sql = `SELECT max(column1) FROM (VALUES ${many.map(() => '(?)').join(', ')})`
      return [value(db, sql, many), outcome(() => value(db, sql, ...many))]
    },
  }),
]
