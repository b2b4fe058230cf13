// How a chunk that was sent is known again.

import { createHash } from 'node:crypto'

/** The sign of a chunk: whether two files have the same one under one cursor. Without the text, it tells nothing of a secret. */
export function markOf({ timestamp, type, data }, { withText = true } = {}) {
  const hash = withText ? createHash('sha256').update(data).digest('hex').slice(0, 8) : ''
  return `${timestamp.getTime()} ${type} ${hash}`
}

/** Whether a mark may be that of a chunk. An empty one may be that of any. */
export function isMarked(chunk, mark, { withText = true } = {}) {
  const hasText = !mark.endsWith(' ')
  const told = withText ? mark : mark.slice(0, mark.lastIndexOf(' ') + 1)
  return mark === '' || told === markOf(chunk, { withText: withText && hasText })
}
