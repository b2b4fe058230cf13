// Sessions as rows of a table.

import { duration, localTime, statusText, table } from './style.mjs'

const HEADINGS = ['ID', 'SLOT', 'STATUS', 'STARTED', 'TOOK', 'PID', 'COMMAND']

/** The columns that a narrow terminal leaves out, in this order. */
const NARROW = ['PID', 'SLOT', 'TOOK']

function rowOf({ id, slot, status, startedAt, endedAt, pid, currentCommand, workingDir }) {
  const took = endedAt ? duration(startedAt, endedAt) : ''
  return [id, slot, status, localTime(startedAt), took, pid ?? '', currentCommand ?? workingDir]
}

/** The sessions under their headings, a line each. */
export function sessionTable(sessions) {
  const style = (cell, column) => (HEADINGS[column] === 'STATUS' ? statusText(cell) : cell)
  return table(HEADINGS, sessions.map(rowOf), style, NARROW)
}
