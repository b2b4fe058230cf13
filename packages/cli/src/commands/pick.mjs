// `gsd-sessions pick`: chooses a session from a list, with a filter as one types and its last lines below.

import { spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { canAsk } from '../ask.mjs'
import { allOptions, databasePath, examples, Failure, withReader } from '../command.mjs'
import { filteredSessions, filterOptions } from '../naming.mjs'
import { cutTo, visible } from '../output.mjs'
import { print } from '../streams.mjs'
import { duration, printable } from '../style.mjs'

/** What a shell exits with after Ctrl-C. */
const INTERRUPTED = 130

/** How many sessions are found at once. Whoever wants another one types more of it. */
const FOUND = 200

/** The most lines of a preview. */
const PREVIEWED = 12

/** What is told of a session in a line of the list. */
function lineOf(session, width) {
  const { id, status, startedAt, title, currentCommand, workingDir } = session
  const what = printable(title ?? currentCommand ?? workingDir)
  const when = `${duration(startedAt, new Date())} ago`
  return cutTo(`${status.padEnd(9)}  ${when.padStart(15)}  ${what}  (${printable(id)})`, width)
}

/** The sessions in which all words stand. */
function matching(sessions, words) {
  const wanted = words.toLowerCase().split(/\s+/)
  const text = ({ id, title, currentCommand, workingDir, status }) =>
    [id, title, currentCommand, workingDir, status].join('\n').toLowerCase()
  return sessions.filter((session) => wanted.every((word) => text(session).includes(word)))
}

/** The last lines of a session as they stayed, cut to a width. */
function previewOf({ outputs }, id, lines, width) {
  const text = visible(outputs.text(id, { lines }))
  const shown = text === '' ? ['nothing was printed'] : text.split('\n').slice(-lines)
  return shown.map((line) => cutTo(line, width)).join('\n')
}

/** Asks which of the sessions is meant. */
async function chosen(stores, sessions) {
  const { default: search } = await import('@inquirer/search')
  const { rows = 24, columns = 80 } = process.stderr
  const width = columns - 4
  const lines = Math.max(1, Math.min(PREVIEWED, Math.floor(rows / 2) - 3))
  return search(
    {
      message: 'Session:',
      pageSize: Math.max(3, rows - lines - 5),
      source: (words = '') =>
        matching(sessions, words)
          .slice(0, FOUND)
          .map((session) => ({
            value: session.id,
            name: lineOf(session, width),
            short: printable(session.id),
            description: session.id,
          })),
      theme: { style: { description: (id) => previewOf(stores, id, lines, width) } },
    },
    // The standard output is for the id.
    { output: process.stderr, clearPromptOnDone: true },
  )
}

/** Runs a command of this program on a session. */
function run(words, options, id) {
  const bin = fileURLToPath(new URL('../../bin/gsd-sessions.mjs', import.meta.url))
  const args = [bin, ...words, '--db', databasePath(options), id]
  const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  process.exitCode = status ?? 128 + constants.signals[signal]
}

/** Defines the command. */
export function define(command) {
  command
    .name('pick')
    .summary('choose a session from a list')
    .usage('[options] [command...]')
    .description(
      'Choose a session from a list, with a filter as you type and its last lines below, and print its id, or run a ' +
        'command on it.',
    )
    .argument(
      '[command...]',
      'what to run, such as show, play, tail -f; without it the id is printed',
    )
    .passThroughOptions()
  filterOptions(command, { which: 'only those' })
  examples(command, [
    ['gsd-sessions pick play', 'choose a session and play it'],
    ['gsd-sessions pick --dir . show', 'one that ran here'],
    ['gsd-sessions export "$(gsd-sessions pick)" session.html', 'its id, for other commands'],
  ])
  return command.action(async (words) => {
    const options = allOptions(command)
    if (!canAsk()) throw new Failure('there is no terminal to choose on; list prints the sessions')
    const id = await withReader(options, async (stores) => {
      const sessions = filteredSessions(stores, options)
      if (sessions.length === 0) throw new Failure('there are no sessions to choose from')
      try {
        return await chosen(stores, sessions)
      } catch (error) {
        if (error.name === 'ExitPromptError') return undefined
        throw error
      }
    })
    if (id === undefined) process.exitCode = INTERRUPTED
    else if (words.length > 0) run(words, options, id)
    else await print(`${process.stdout.isTTY ? printable(id) : id}\n`)
  })
}
