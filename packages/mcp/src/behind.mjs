// Where a search goes on: the matches behind the last one that was given.

import { Failure } from 'gsd-sessions'

/** Where a search goes on: behind a match, by its session, its line and its chunk. */
export const textOfCursor = ({ sessionId, lineNumber, cursor }) =>
  Buffer.from(JSON.stringify([sessionId, lineNumber, cursor])).toString('base64url')

/** What a cursor says; undefined for a text that is none. */
export function readCursor(text) {
  try {
    const [id, line, cursor] = JSON.parse(Buffer.from(text, 'base64url').toString())
    const isOne = [line, cursor].every(Number.isFinite) && typeof id === 'string'
    return isOne ? { id, line, cursor } : undefined
  } catch {
    return undefined
  }
}

/**
 * The matches behind a cursor. They come session by session, in an order that stays as it is. If the match of the cursor is not there
 * any more, because its line was drawn over since, those of later lines of its session are behind it.
 */
export async function* matchesBehind(matches, last) {
  if (last === undefined) return yield* matches
  let [isSeen, isReached, later] = [false, false, []]
  for await (const match of matches) {
    const { sessionId, lineNumber, cursor } = match
    if (!isReached && sessionId === last.id) {
      isSeen = true
      isReached = lineNumber === last.line && cursor === last.cursor
      if (lineNumber > last.line) later.push(match)
      if (isReached) later = []
      continue
    }
    if (!isSeen) continue
    isReached = true
    yield* later
    later = []
    yield match
  }
  if (!isSeen) throw new Failure('cursor: nothing matches any more where it was given; search anew')
  yield* later
}
