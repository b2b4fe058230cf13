// Values that no caller should pass, and objects that are made of them.
import { runInNewContext } from 'node:vm'
import { DatabaseConnection } from '../../index.js'

/** What hostile code throws. An exception of the caller comes back as it is. */
export class Own extends Error {}

function fail(): never {
  throw new Own('of the caller')
}

class Sullen {
  toString = fail
  valueOf = fail
  toJSON = fail;
  [Symbol.toPrimitive] = fail
  get [Symbol.toStringTag](): string {
    return fail()
  }
}

/** A `Date` that lies about its time by everything that can be overridden. */
export class LyingDate extends Date {
  override getTime = (): number => 7
  override valueOf = (): number => 7
  override toISOString = (): string => '1970-01-01T00:00:00.007Z';
  override [Symbol.toPrimitive](): never {
    return fail()
  }
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(16)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

/** A view of a buffer that has shrunk below it. */
function shrunk(): unknown {
  type Resizable = ArrayBuffer & { resize: (length: number) => void }
  const make = ArrayBuffer as unknown as new (length: number, options: object) => Resizable
  const buffer = new make(64, { maxByteLength: 64 })
  const bytes = new Uint8Array(buffer, 16, 32)
  buffer.resize?.(4)
  return bytes
}

/** Every trap throws. */
const trapped = (target: object) =>
  new Proxy(target, new Proxy({}, { get: () => fail }) as ProxyHandler<object>)

function holey(): unknown[] {
  const array: unknown[] = ['s-1', 's-1']
  array.length = 5
  Object.defineProperty(array, 3, { get: fail })
  return array
}

/** Makers of values, by names that a failing property reports. */
export const VALUES: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  false: () => false,
  zero: () => 0,
  'minus zero': () => -0,
  one: () => 1,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  fraction: () => 1.5,
  'largest double': () => Number.MAX_VALUE,
  '2^53': () => 2 ** 53,
  '2^63': () => 2 ** 63,
  '-2^63': () => -(2 ** 63),
  'empty text': () => '',
  id: () => 's-1',
  status: () => 'running',
  __proto__text: () => '__proto__',
  'lone surrogate': () => 'a\ud800',
  'surrogates the wrong way': () => '\udc00\ud800'.repeat(300),
  NUL: () => 's-1\0',
  'huge text': () => 'x'.repeat(2_000_000),
  'huge rope': () => `${'é'.repeat(100_000)}${'🚀'.repeat(100_000)}`,
  bigint: () => 1n,
  'long bigint': () => 2n ** 64n,
  symbol: () => Symbol('s-1'),
  'known symbol': () => Symbol.iterator,
  object: () => ({}),
  'object without prototype': () => Object.create(null) as unknown,
  'text object': () => Object('s-1') as unknown,
  'number object': () => Object(1) as unknown,
  'boolean object': () => Object(false) as unknown,
  sullen: () => new Sullen(),
  'throws when converted': () => ({ toString: fail, valueOf: fail, toJSON: fail }),
  thenable: () => ({ then: fail }),
  array: () => ['s-1'],
  'array with holes and getters': holey,
  'longest array': () => Object.assign([], { length: 2 ** 32 - 1 }),
  'array of arrays': () => [[['s-1']]],
  'subclass of Array': () => new (class extends Array<unknown> {})(3),
  'array-like': () => ({ length: 2 ** 32, 0: 's-1' }),
  function: () => fail,
  'async function': () => async () => 's-1',
  class: () => Sullen,
  generator: () =>
    (function* rows() {
      yield 's-1'
    })(),
  date: () => new Date(5),
  'invalid date': () => new Date(Number.NaN),
  'date of the year 275760': () => new Date(8.64e15),
  'date of the year -1': () => new Date(-62_198_755_200_000),
  'date of another realm': () => runInNewContext('new Date(9)') as unknown,
  'lying date': () => new LyingDate(11),
  'proxy of a date': () => new Proxy(new Date(0), {}),
  'prototype of dates': () => Date.prototype,
  'spoofed date': () => Object.create(Date.prototype) as unknown,
  'object of another realm': () => runInNewContext('({ id: 1 })') as unknown,
  'array of another realm': () => runInNewContext('[1, 2]') as unknown,
  'text object of another realm': () => runInNewContext('new String("s-1")') as unknown,
  proxy: () => new Proxy({}, {}),
  'proxy of an array': () => new Proxy(['s-1'], {}),
  'proxy with throwing traps': () => trapped({}),
  'proxy of an array with throwing traps': () => trapped([]),
  'proxy of a function with throwing traps': () => trapped(fail),
  'revoked proxy': () => revoked({}),
  'revoked proxy of an array': () => revoked([]),
  'revoked proxy of a function': () => revoked(fail),
  map: () => new Map([['id', 's-1']]),
  promise: () => Promise.resolve('s-1'),
  error: () => new Own('a value'),
  'regular expression': () => /s-1/g,
  buffer: () => Buffer.from('s-1'),
  'empty buffer': () => Buffer.alloc(0),
  'typed array': () => new Float64Array([1, Number.NaN]),
  'data view': () => new DataView(new ArrayBuffer(9), 3),
  'array buffer': () => new ArrayBuffer(8),
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(8)),
  'detached bytes': detached,
  'shrunk bytes': shrunk,
  'global object': () => globalThis,
  'other connection': () => new DatabaseConnection(':memory:'),
  'other handle': () => new DatabaseConnection(':memory:').db,
}

/** A key of {@link VALUES}. */
export type ValueName = string

/** The value that `name` names, new every time. */
export function valueOf(name: ValueName): unknown {
  return VALUES[name]?.()
}

/** How a field of an object is there. */
export type Field =
  | { how: 'valid' }
  | { how: 'missing' }
  | { how: 'value' | 'getter' | 'inherited'; name: ValueName }
  | { how: 'throws' }
  /** The valid value at first, this one whenever it is read again. */
  | { how: 'changes'; name: ValueName }

/** An object with the fields of `valid`, each as `fields` says, and the names of those that were read. */
export function hostileObject(
  valid: Record<string, unknown>,
  fields: Record<string, Field>,
): { object: object; reads: string[] } {
  const inherits = Object.values(fields).some(({ how }) => how === 'inherited')
  const prototype = inherits ? {} : Object.prototype
  const object = Object.create(prototype) as object
  const reads: string[] = []
  for (const [key, value] of Object.entries(valid)) {
    const field = fields[key] ?? { how: 'valid' }
    if (field.how === 'missing') continue
    let count = 0
    const get = () => {
      reads.push(key)
      count += 1
      if (field.how === 'throws') return fail()
      if (field.how === 'changes') return count === 1 ? value : valueOf(field.name)
      return field.how === 'valid' ? value : valueOf(field.name)
    }
    const target = field.how === 'inherited' ? prototype : object
    const plain = field.how === 'value' ? { value: valueOf(field.name) } : { get }
    Object.defineProperty(target, key, { ...plain, enumerable: true, configurable: true })
  }
  return { object, reads }
}
