import { fillOutputs } from '../lib/fixtures.mjs'
import { timeOfCall } from '../lib/measure.mjs'

/** 4 MB in chunks of 150 bytes. */
const ROWS = 26_667

/** Everything that a session printed, as one string: as it is, and where all of it is ASCII. */
export function run({ open, chunks, budget }) {
  const stores = open()
  const ascii = chunks.small.map((chunk) => chunk.replaceAll(/[^\0-\x7f]/g, '+'))
  fillOutputs(stores, chunks.small, ROWS, 'mixed')
  fillOutputs(stores, ascii, ROWS, 'ascii')
  const time = (id) => timeOfCall(() => stores.outputs.getFullOutput(id), budget)
  const times = { mixed: time('mixed'), ascii: time('ascii') }
  stores.close()
  return times
}
