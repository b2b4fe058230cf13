// What other programs of this project share with the command: how they are called, what they print, and how that looks.

export { lastMoment, moment, MOMENTS } from './amounts.mjs'
export { chunksBetween, startBefore } from './chunks.mjs'
export { allOptions, databasePath, EXIT, examples, Failure, integer } from './command.mjs'
export { exportFor, exportOptions, exportSession } from './commands/export.mjs'
export { STATUSES } from './commands/list.mjs'
export { show, showOptions } from './commands/show.mjs'
export { tail, tailOptions } from './commands/tail.mjs'
export { openHistory } from './history.mjs'
export { newProgram, run, withNumbers } from './main.mjs'
export { printMatches, searchFor, searchOptions } from './matches.mjs'
export { backOf } from './naming.mjs'
export { abortable, progressBar } from './progress.mjs'
export { redactSetting } from './settings.mjs'
export { sessionTable } from './session-table.mjs'
export { complain, print } from './streams.mjs'
export {
  bytesText,
  jsonText,
  localTime,
  plural,
  printable,
  printableLine,
  styled,
  table,
} from './style.mjs'
