// Seals all output before it is read, so that every spec also says what sealed sessions are: with GSD_TEST_SEALED=1 the whole
// suite runs so.
import { createRequire } from 'node:module'

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
