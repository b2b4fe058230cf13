// `gsd-sessions stats`: how much the database holds.

import { allOptions, examples, integer, withReader } from '../command.mjs'
import { print } from '../streams.mjs'
import { bytesText, jsonText, localTime, printable, styled, table } from '../style.mjs'

const HEADINGS = ['LARGEST', 'CHUNKS', 'TEXT', 'FROM', 'TO']

/** The numbers of the whole, a line each. */
function summary(found) {
  const counts = Object.entries(found.sessions).filter(([, count]) => count > 0)
  const sessions = counts.map(([status, count]) => `${count} ${printable(status)}`).join(', ')
  const lines = [
    ['sessions', sessions || 'none'],
    ['pinned', found.pinned],
    ['chunks', found.outputs],
    ['text', bytesText(found.bytes)],
    ['without a session', found.orphanedOutputs],
    ['file', `${bytesText(found.fileBytes)}, ${bytesText(found.freeBytes)} of it free`],
    ['log', bytesText(found.walBytes)],
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `${styled('bold', name.padEnd(width))}  ${value}\n`).join('')
}

/** Defines the command. */
export function define(command) {
  command
    .name('stats')
    .summary('tell how much the database holds')
    .description('Tell how much the database holds. It reads every row.')
    .option('--sessions <number>', 'how many of the largest sessions to name', integer(0), 10)
  examples(command, [
    ['gsd-sessions stats', 'sessions, text, and the size of the file'],
    ["gsd-sessions stats --json | jq '.bytes'", 'the bytes of text'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    return withReader(options, async ({ connection }) => {
      const found = connection.stats({ sessions: options.sessions })
      if (options.json) return print(`${jsonText(found)}\n`)
      await print(summary(found))
      if (found.largest.length === 0) return undefined
      const rows = found.largest.map(({ sessionId, outputs, bytes, oldest, newest }) => [
        sessionId,
        outputs,
        bytesText(bytes),
        localTime(oldest),
        localTime(newest),
      ])
      return print(`\n${table(HEADINGS, rows)}`)
    })
  })
}
