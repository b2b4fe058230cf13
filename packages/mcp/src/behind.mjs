// Where a search goes on: the matches behind the last one that was given.

/** Where a search goes on: behind a match, by its session, when that started, and its line. */
export const textOfCursor = (where) => Buffer.from(JSON.stringify(where)).toString('base64url')

/** What a cursor says; undefined for a text that is none. */
export function readCursor(text) {
  try {
    const [started, id, line, cursor] = JSON.parse(Buffer.from(text, 'base64url').toString())
    const isOne = [started, line, cursor].every(Number.isFinite) && typeof id === 'string'
    return isOne ? { started, id, line, cursor } : undefined
  } catch {
    return undefined
  }
}

/** Tells which matches are behind a cursor. They come session by session, in the order in which these began. */
export class Behind {
  #history
  #cursor
  #starts = new Map()
  #isReached = false

  constructor(history, cursor) {
    this.#history = history
    this.#cursor = cursor
  }

  async startOf(id) {
    if (!this.#starts.has(id)) {
      const session = await this.#history.get(id)
      this.#starts.set(id, session?.startedAt.getTime() ?? 0)
    }
    return this.#starts.get(id)
  }

  async has({ sessionId, lineNumber, cursor }) {
    const last = this.#cursor
    if (last === undefined) return true
    if (sessionId === last.id) {
      this.#isReached = true
      return lineNumber > last.line || (lineNumber === last.line && cursor > last.cursor)
    }
    const started = await this.startOf(sessionId)
    return started > last.started || (this.#isReached && started === last.started)
  }
}
