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
async function* following(follow, last) {
  yield* last.outputs
  for await (const chunk of follow(last.cursor)) {
    if (chunk.gap) complain('some output in between was removed before it was read')
    yield chunk
  }
}

/** Adds the options that say how much is printed, and whether it goes on. */
export const tailOptions = (command) =>
  command
    .option('-n, --lines <number>', 'so many lines', integer(0), 10)
    .option('-f, --follow', 'go on with what comes, until the session ends')
    .option('--raw', 'print what is stored as it is, on a terminal too')

/** Prints the last lines of a session, and if wanted the chunks that `follow` gives from a cursor on. */
export function tail({ sessions, outputs }, id, options, follow) {
  const isShown = process.stdout.isTTY && !options.follow && !options.raw && !options.json
  const lines = isShown && options.lines > 0 ? options.lines + READ : options.lines
  const last = lastLines(outputs, id, lines)
  const session = sessions.get(id)
  const chunks = options.follow ? following(follow, last) : last.outputs
  const printer = options.follow ? livePrinter : textPrinter
  const sizes = outputs.sizes(id)
  return printChunks(chunks, options.json ? jsonPrinter() : printer(options, session, sizes))
}

/** Defines the command. */
export function define(command) {
  command
    .name('tail')
    .summary('print the last lines of a session, and those to come')
    .description('Print the last lines of a session.')
    .argument('[id]', SESSION)
  tailOptions(command)
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
    return withReader(options, (stores) => {
      const { outputs } = stores
      const id = resolveId(stores, name, options)
      return tail(stores, id, options, (after) => outputs.follow(id, { after }))
    })
  })
}
