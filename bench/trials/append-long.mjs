import { appendEach } from '../lib/append.mjs'

/** The other libraries that have this row. */
export const rivals = ['better-sqlite3']

/** As many commits as a busy day has, for the longest of them. */
export function run({ open, file, chunks, quick }) {
  const size = { rows: quick ? 50_000 : 300_000, warmup: 3_000 }
  return appendEach({ stores: open(), file }, chunks.small, size)
}
