import { appendEach } from '../lib/append.mjs'

/** One commit each, chunks of 150 bytes, three sessions in turn. */
export function run({ open, file, chunks, quick }) {
  const size = quick ? { rows: 8_000, warmup: 1_000 } : { rows: 30_000, warmup: 3_000 }
  return appendEach({ stores: open(), file }, chunks.small, size)
}
