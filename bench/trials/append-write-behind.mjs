import { appendInBursts } from '../lib/append.mjs'

/** Chunks of 150 bytes; a peer without write-behind commits each, as its users would. */
export const needs = 'hasWriteBehind'

export function run({ open, file, chunks, quick }) {
  const size = quick ? { rows: 8_000, warmup: 1_000 } : { rows: 30_000, warmup: 3_000 }
  return appendInBursts({ stores: open({ writeBehind: true }), file }, chunks.small, size)
}
