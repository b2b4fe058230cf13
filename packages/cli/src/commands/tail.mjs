// `gsd-sessions tail`: the last lines of a session, and those to come.

import { allOptions, examples, integer, withReader } from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSION } from '../naming.mjs'
import { jsonPrinter, livePrinter, printChunks, textPrinter } from '../output.mjs'
import { complain } from '../streams.mjs'

/** The last lines of a session and the cursor behind them. */
function lastLines(outputs, id, lines) {
  if (lines > 0) return outputs.tail(id, { lines })
  return { outputs: [], cursor: outputs.tail(id, { chunks: 1 }).cursor }
}

/**
 * How many lines on a terminal are read for those that are printed. A program that was drawn on the screen takes many, and
 * leaves few.
 */
const READ = 5_000

/** The last chunks, and then those that come, until the session ends. */
async function* following(outputs, id, last) {
  yield* last.outputs
  for await (const chunk of outputs.follow(id, { after: last.cursor })) {
    if (chunk.gap) complain('some output in between was removed before it was read')
    yield chunk
  }
}

/** Defines the command. */
export function define(command) {
  command
    .name('tail')
    .summary('print the last lines of a session, and those to come')
    .description('Print the last lines of a session.')
    .argument('[id]', SESSION)
    .option('-n, --lines <number>', 'so many lines', integer(0), 10)
    .option('-f, --follow', 'go on with what comes, until the session ends')
    .option('--raw', 'print what is stored as it is, on a terminal too')
  filterOptions(command)
  examples(command, [
    ['gsd-sessions tail -n 50 s-1', 'the last 50 lines'],
    ['gsd-sessions tail -f s-1', 'watch it'],
    [
      'gsd-sessions tail -n 0 -f --json s-1',
      'what comes from now on, a line of JSON for each chunk',
    ],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const [name] = namesOf(command, options).names
    return withReader(options, async (stores) => {
      const { sessions, outputs } = stores
      const id = resolveId(stores, name, options)
      const isShown = process.stdout.isTTY && !options.follow && !options.raw && !options.json
      const lines = isShown && options.lines > 0 ? options.lines + READ : options.lines
      const last = lastLines(outputs, id, lines)
      const session = sessions.get(id)
      const chunks = options.follow ? following(outputs, id, last) : last.outputs
      const printer = options.follow ? livePrinter : textPrinter
      const sizes = outputs.sizes(id)
      await printChunks(chunks, options.json ? jsonPrinter() : printer(options, session, sizes))
    })
  })
}
