// What `seal` and `unseal` share: naming sessions, the bar, and the report.

import { Failure } from './command.mjs'
import { resolveId } from './naming.mjs'
import { abortable, progressBar } from './progress.mjs'
import { print } from './streams.mjs'
import { bytesText, jsonText, plural, printable } from './style.mjs'

/** The ids of the sessions that are named; `undefined` where none is. */
export const idsOf = (stores, names) =>
  names.length === 0 ? undefined : [...new Set(names.map((name) => resolveId(stores, name)))]

/** Runs `work`, which is told whom to tell of its progress, and draws that as a part of `total` chunks. */
export async function withBar(total, work) {
  const bar = progressBar()
  let done = 0
  const onProgress = ({ sessions, outputs }) => {
    done = sessions
    bar.update(outputs, total)
  }
  try {
    return await abortable((signal) => work({ onProgress, signal }))
  } catch (error) {
    // A signal does not undo what was done before it.
    if (!(error instanceof Failure)) throw error
    throw new Failure(`${error.message}; ${plural(done, 'session')} done`, error.exitCode)
  } finally {
    bar.clear()
  }
}

/** Prints a report, as JSON or in lines for people: `what` was done to how much. */
export function tell(report, what, { json, dryRun }) {
  if (json) return print(`${jsonText(report)}\n`)
  const { sessions, kept, outputs, bytes, fileBytesBefore, fileBytes } = report
  const amount = `${plural(sessions.length, 'session')}, ${plural(outputs, 'chunk')}, ${bytesText(bytes)} of text`
  const file = dryRun
    ? `the file has ${bytesText(fileBytes)}`
    : `the file had ${bytesText(fileBytesBefore)} and has ${bytesText(fileBytes)}`
  const lines = kept.map(({ id, reason }) => `kept ${printable(id)}: ${printable(reason)}\n`)
  return print(`${what}: ${amount}; ${file}\n${lines.join('')}`)
}
