import { harness } from '../lib/harness.mjs'

/** The same load; a peer without write-behind commits each chunk, as its users would. */
export const needs = 'hasWriteBehind'

export function run({ open, file, chunks, quick }) {
  return harness({ stores: open({ writeBehind: true }), file }, chunks, quick ? 1500 : 8000)
}
