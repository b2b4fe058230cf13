// How a chunk that was sent is known again.

import { createHash } from 'node:crypto'

/** The sign of a chunk: whether two files have the same one under one cursor. */
export function markOf({ timestamp, type, data }) {
  const hash = createHash('sha256').update(data).digest('hex').slice(0, 8)
  return `${timestamp.getTime()} ${type} ${hash}`
}

/** A mark without what redaction changes. */
export const withoutText = (mark) => mark.slice(0, mark.lastIndexOf(' '))
