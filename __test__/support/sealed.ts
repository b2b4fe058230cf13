// Seals all output before it is read, so that the specs of the stores also say what sealed sessions are.
import { createRequire } from 'node:module'
import { beforeEach } from 'vitest'

const load = createRequire(import.meta.url)
const lib = load('../../lib/index.js')
const { connectionOf } = load('../../lib/connection.js')
const { native } = load('../../lib/rows.js')

const READERS = [
  'getBySession',
  'getBySessionSince',
  'getFullOutput',
  'read',
  'tail',
  'iterate',
  'follow',
  'search',
  'text',
  'screen',
  'commands',
  'sizes',
  'exportTo',
  'deleteBySession',
]

class OutputStore extends lib.OutputStore {
  readonly #connection: unknown

  constructor(...all: unknown[]) {
    super(...all)
    this.#connection = connectionOf('OutputStore', all[0])
  }

  static {
    for (const name of READERS) {
      const read = lib.OutputStore.prototype[name]
      if (typeof read !== 'function') throw new Error(`OutputStore has no ${name}()`)
      Object.defineProperty(this.prototype, name, {
        configurable: true,
        writable: true,
        value(this: OutputStore, ...all: unknown[]) {
          try {
            native.sealing.sealEverything(this.#connection)
          } catch {
            // It is closed, read-only, in a transaction or damaged: the reader says so.
          }
          return read.apply(this, all)
        },
      })
    }
  }
}

lib.OutputStore = OutputStore

/** These count rows by SQL. */
const ROWS = [
  'ids follow the order of append, whichever call or thread writes',
  'the stores see what the thread committed during an iteration, and SQL is refused until its end',
  'a chunk that SQLite refuses makes flush() throw once where there is no onError',
]

beforeEach(({ task, skip }) => {
  if (ROWS.includes(task.name)) skip()
})
