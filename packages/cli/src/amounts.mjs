// Ages and sizes as people type them.

import { InvalidArgumentError } from 'commander'

/** In milliseconds. There is no `m`, which may be taken for a minute or a month. */
const SPANS = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Powers, of 1000 or, where an `i` follows, of 1024. */
const PREFIXES = ['', 'k', 'm', 'g', 't']

/** The moment that is so long ago (`30d`), or a date (`2026-03-01`). */
export function age(text) {
  const [, count, unit] = /^(\d+)(s|min|h|d|w)$/.exec(text) ?? []
  const isDate = /^\d{4}-\d\d-\d\d/.test(text)
  const date = new Date(isDate ? text : Date.now() - count * SPANS[unit])
  if (!(date.getUTCFullYear() >= 0)) {
    throw new InvalidArgumentError('It must be an age such as 12h, 30d or 8w, or a date.')
  }
  return date
}

/** Bytes: `500M`, `500 MB` and `1.5GiB`. Kilo is 1000, as in what the commands print, and kibi is 1024. */
export function size(text) {
  const [, count, prefix, binary] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?$/i.exec(text) ?? []
  const power = PREFIXES.indexOf(prefix?.toLowerCase())
  const bytes = Math.round(count * (binary ? 1024 : 1000) ** power)
  if (!Number.isSafeInteger(bytes) || (binary && power === 0)) {
    throw new InvalidArgumentError('It must be a size such as 500M, 2G or 1.5GiB.')
  }
  return bytes
}
