// Reading all that a session printed, and other things that the parts share.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** The start of every timestamp. */
export const START = Date.parse('2026-03-01T10:00:00.000Z')

/** All chunks of a session by pages, in the order of `append`. */
export function* byPages(outputs, sessionId, limit) {
  let page = { cursor: 0, more: true }
  while (page.more) {
    page = outputs.read(sessionId, { after: page.cursor, limit })
    assert.equal(page.gap, false)
    assert.ok(page.outputs.length <= limit)
    yield* page.outputs
  }
}

/** All matches of a search, page by page. */
export function* matchesOf(outputs, pattern, options) {
  let page = outputs.search(pattern, options)
  yield* page.matches
  while (!page.complete) {
    page = page.next()
    yield* page.matches
  }
}

/** What a file holds: its size, its lines and its SHA-256. */
export async function contentOf(file) {
  const hash = createHash('sha256')
  let size = 0
  let lines = 0
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(piece)
    size += piece.length
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines++
  }
  return { size, lines, hash: hash.digest('hex') }
}

/** A number as people read it. */
export const readable = (number) => number.toLocaleString('en')
