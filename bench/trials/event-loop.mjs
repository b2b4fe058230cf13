import { harness } from '../lib/harness.mjs'

/** The delay of the event loop under the load of a harness, one commit per chunk. */
export function run({ open, file, chunks, quick }) {
  return harness({ stores: open(), file }, chunks, quick ? 1500 : 8000)
}
