// `gsd-sessions search`: the lines in which a text stands, as a person saw them.

import { lastMoment, moment, MOMENTS } from '../amounts.mjs'
import { allOptions, examples, integer, withReader } from '../command.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable, printableLine, styled } from '../style.mjs'

/** A line as it was seen, with the place that matches set off. */
function highlighted({ line, start, end }) {
  const [before, match, after] = [line.slice(0, start), line.slice(start, end), line.slice(end)]
  return `${printableLine(before)}${styled('red', printableLine(match))}${printableLine(after)}`
}

/** A match with the lines around it, as `grep` shows them: a colon behind the place of a match, else a dash. */
function linesOf(match) {
  const { sessionId, lineNumber, before, after } = match
  const place = (number, mark) => styled('dim', `${printable(sessionId)}${mark}${number}${mark} `)
  if (match.drawnOver) return [`${place('~', ':')}${highlighted(match)}`]
  const first = lineNumber - before.length
  return [
    ...before.map((line, i) => `${place(first + i, '-')}${printableLine(line)}`),
    `${place(lineNumber, ':')}${highlighted(match)}`,
    ...after.map((line, i) => `${place(lineNumber + 1 + i, '-')}${printableLine(line)}`),
  ]
}

/** Defines the command. */
export function search(command) {
  command
    .name('search')
    .summary('find lines in what sessions printed')
    .description(
      'Find lines in what sessions printed, as a person saw them: without escape sequences.',
    )
    .argument('<pattern>', 'a text, or with --regex a regular expression')
    .option('--session <id>', 'only in this session')
    .option('-e, --regex', 'the pattern is a regular expression')
    .option('-s, --case-sensitive', 'tell upper from lower case')
    .option('--drawn-over', 'also what was drawn over or shown by a full-screen program')
    .option('--since <moment>', 'only what was printed then or later (2h, 2026-03-01)', moment)
    .option('--until <moment>', 'only what was printed then or earlier', lastMoment)
    .option(
      '-C, --context <lines>',
      'so many lines before and after each match',
      integer(0, 100),
      0,
    )
    .option('--limit <number>', 'so many matches at most', integer(1), 100)
  examples(command, [
    ['gsd-sessions search "no such file"', 'where something was missing'],
    ['gsd-sessions search -e "error\\[E\\d+\\]" --session s-1', 'errors of the Rust compiler'],
    ["gsd-sessions search panic --json | jq -r '.matches[].line'", 'the lines alone'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action((pattern) => {
    const options = allOptions(command)
    return withReader(options, async ({ outputs }) => {
      const { session, regex, caseSensitive, drawnOver, since, until, context, limit } = options
      const { matches, complete } = outputs.search(pattern, {
        sessionId: session,
        regex,
        caseSensitive,
        drawnOver,
        since,
        until,
        context,
        limit,
      })
      if (options.json) return print(`${jsonText({ matches, complete })}\n`)
      const between = context > 0 ? `${styled('dim', '--')}\n` : ''
      const blocks = matches.map((match) => `${linesOf(match).join('\n')}\n`)
      await print(blocks.join(between))
      if (!complete && process.stdout.isTTY) {
        await print(styled('dim', `More: --limit ${limit * 10}\n`))
      }
    })
  })
}
