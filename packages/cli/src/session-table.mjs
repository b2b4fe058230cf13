// Sessions as rows of a table.

import { duration, localTime, statusText, table, zone } from './style.mjs'

/** The columns, and what a session has in each. */
const COLUMNS = {
  HOST: ({ host }) => host ?? '',
  ID: ({ id }) => id,
  SLOT: ({ slot }) => slot,
  STATUS: ({ status }) => status,
  EXIT: ({ exitCode, signal }) => exitCode ?? signal ?? '',
  STARTED: ({ startedAt }) => localTime(startedAt),
  TOOK: ({ startedAt, endedAt }) => (endedAt ? duration(startedAt, endedAt) : ''),
  'LAST OUTPUT': ({ lastOutput }) => (lastOutput ? `${duration(lastOutput, new Date())} ago` : ''),
  PID: ({ pid }) => pid ?? '',
  COMMAND: ({ title, currentCommand, workingDir }) => title ?? currentCommand ?? workingDir,
}

/** The columns that a narrow terminal leaves out, in this order. */
const NARROW = ['PID', 'SLOT', 'TOOK', 'LAST OUTPUT', 'EXIT', 'STARTED']

/** Columns that are left out where nothing is in them. */
const SELDOM = ['HOST', 'EXIT', 'LAST OUTPUT']

/** The sessions under their headings, a line each. */
export function sessionTable(sessions) {
  const isShown = (name) =>
    !SELDOM.includes(name) || sessions.some((session) => COLUMNS[name](session) !== '')
  const headings = Object.keys(COLUMNS).filter(isShown)
  const rows = sessions.map((session) => headings.map((name) => COLUMNS[name](session)))
  const titles = headings.map((name) => (name === 'STARTED' ? `${name} (${zone()})` : name))
  const style = (cell, column) => (headings[column] === 'STATUS' ? statusText(cell) : cell)
  return table(
    titles,
    rows,
    style,
    NARROW.map((name) => titles[headings.indexOf(name)]),
  )
}
