// Moments and sizes as people type them.

import { InvalidArgumentError } from 'commander'

/** In milliseconds. There is no `m`, which may be taken for a minute or a month. */
const SPANS = { s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Powers, of 1000 or, where an `i` follows, of 1024. */
const PREFIXES = ['', 'k', 'm', 'g', 't']

const DATE = String.raw`(\d{4})-(\d\d)-(\d\d)`
const TIME = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?`
const OFFSET = String.raw`(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?`
const MOMENT = new RegExp(`^${DATE}(?:[T ]${TIME}${OFFSET})?$`, 'i')

/** The forms of a moment, for the help of the options that take one. */
export const MOMENTS = [
  'A moment is one of',
  '  so long ago    90s, 45min, 12h, 30d, 8w',
  '  a day          2026-03-01',
  '  a time of day  "2026-03-01 08:00", 2026-03-01T08:00, with seconds as well',
  'by the clock of this machine, or with Z or an offset: 2026-03-01T08:00Z, 2026-03-01T08:00+02:00.',
].join('\n')

const WRONG_MOMENT =
  'It must be an age such as 12h, 30d or 8w (s, min, h, d, w), or a date such as 2026-03-01, 2026-03-01 08:00 or ' +
  '2026-03-01T08:00:00+02:00 (by the clock of this machine, unless it has Z or an offset).'

/** The fields of a date and a time, by the clock of this machine. */
function localDate(year, month, day, hours, minutes, seconds, millis) {
  const date = new Date(0)
  // Otherwise the years 0 to 99 would be those of the last century.
  date.setFullYear(year, month - 1, day)
  date.setHours(hours, minutes, seconds, millis)
  return date
}

function utcDate(year, month, day, hours, minutes, seconds, millis) {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hours, minutes, seconds, millis)
  return date
}

/** The first moment behind a text, and of a day alone the first behind it; `undefined` for what is no moment. */
function readMoment(text) {
  const [, count, unit] = /^(\d+)(s|min|h|d|w)$/.exec(text) ?? []
  if (unit) {
    const date = new Date(Date.now() - Number(count) * SPANS[unit])
    return { date }
  }
  const found = MOMENT.exec(text)
  if (!found) return undefined
  const [year, month, day, hours = 0, minutes = 0, seconds = 0] = found
    .slice(1, 7)
    .map((digits) => (digits === undefined ? undefined : Number(digits)))
  const millis = Number((found[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const [utc, sign] = found.slice(8)
  const [offsetHours, offsetMinutes] = found.slice(10).map((digits) => Number(digits ?? 0))
  const fields = [year, month, day, hours, minutes, seconds, millis]
  // A day that there is not, such as the 31st of February, would become another.
  const date = utcDate(...fields)
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!isDay || hours > 23 || minutes > 59 || seconds > 59) return undefined
  if (offsetHours > 23 || offsetMinutes > 59) return undefined
  if (utc) return { date }
  if (sign) {
    const offset = (offsetHours * 60 + offsetMinutes) * 60_000
    return { date: new Date(sign === '-' ? date.getTime() + offset : date.getTime() - offset) }
  }
  const next = found[4] === undefined ? localDate(year, month, day + 1, 0, 0, 0, 0) : undefined
  return { date: localDate(...fields), next }
}

function checked(date) {
  const year = date?.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) throw new InvalidArgumentError(WRONG_MOMENT)
  return date
}

/** A moment; of a day its first. The forms are those of {@link MOMENTS}. */
export function moment(text) {
  return checked(readMoment(text)?.date)
}

/** As {@link moment}, but of a day its last one. */
export function lastMoment(text) {
  const found = readMoment(text)
  return checked(found?.next ? new Date(found.next.getTime() - 1) : found?.date)
}

/** Bytes: `500M`, `500 MB` and `1.5GiB`. Kilo is 1000, as in what the commands print, and kibi is 1024. */
export function size(text) {
  const [, count, prefix, binary] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?$/i.exec(text) ?? []
  const power = PREFIXES.indexOf(prefix?.toLowerCase())
  const bytes = Math.round(Number(count) * (binary ? 1024 : 1000) ** power)
  if (!Number.isSafeInteger(bytes) || (binary && power === 0)) {
    throw new InvalidArgumentError('It must be a size such as 500M, 2G or 1.5GiB.')
  }
  return bytes
}
