// Results and errors as JSON, so that two processes can compare them.

/** Classes whose instances are told by their name alone. */
const OPAQUE = new Set(['Database', 'Statement', 'StatementIterator'])

/** Every TypeError and RangeError since {@link takeMisuses}, with its code and message. */
let misuses = []

/** Errors for which better-sqlite3 has no codes. They are kept to check the codes of this package. */
export function takeMisuses() {
  const taken = misuses
  misuses = []
  return taken
}

function className(object) {
  const prototype = Object.getPrototypeOf(object)
  if (prototype === null) return 'null'
  return prototype.constructor?.name ?? 'unknown'
}

function normaliseObject(object) {
  const name = className(object)
  if (OPAQUE.has(name)) return { is: name }
  if (object instanceof Error) return normaliseError(object)
  if (Buffer.isBuffer(object)) return { is: name, hex: object.toString('hex') }
  const entries = Object.entries(object).map(([key, value]) => [key, normalise(value)])
  return { is: name, entries }
}

function normaliseNumber(number) {
  if (Number.isFinite(number) && !Object.is(number, -0)) return number
  return { is: 'number', text: Object.is(number, -0) ? '-0' : String(number) }
}

/** A value as JSON that tells types apart. */
export function normalise(value) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return normaliseNumber(value)
    case 'bigint':
    case 'symbol':
      return { is: typeof value, text: String(value) }
    case 'undefined':
      return { is: 'undefined' }
    case 'function':
      return { is: 'function', name: value.name }
    default:
      if (value === null) return null
      if (!Array.isArray(value)) return normaliseObject(value)
      return Array.from(value, (item, index) => (index in value ? normalise(item) : { is: 'hole' }))
  }
}

/**
 * An error as a value. For misuse better-sqlite3 has no codes and other messages, so only the class is
 * compared. Messages of SQLite are compared to the letter, without the call that this package puts first.
 */
function normaliseError(error) {
  const { name, code } = error
  if (name === 'TypeError' || name === 'RangeError')
    misuses.push({ name, code, message: error.message })
  if (name !== 'SqliteError') {
    return { is: name, message: name === 'Error' ? error.message : undefined }
  }
  const message = error.message.replace(/^(?:Database|Statement|StatementIterator)\.\w+: /, '')
  return { is: name, code, message }
}

/** What a call returns, or throws. */
export function outcomeOf(call) {
  try {
    return { returns: normalise(call()) }
  } catch (error) {
    return { throws: normalise(error) }
  }
}
