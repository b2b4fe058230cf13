import { appendEach } from '../lib/append.mjs'

/** One commit each, chunks of 2.4 kB, three sessions in turn. */
export function run({ open, file, chunks, quick }) {
  const size = quick ? { rows: 4_000, warmup: 500 } : { rows: 30_000, warmup: 3_000 }
  return appendEach({ stores: open(), file }, chunks.large, size)
}
