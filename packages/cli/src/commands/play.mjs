// `gsd-sessions play`: a session as it was, at its speed.

import { InvalidArgumentError } from 'commander'
import { allOptions, examples, Failure, withReader } from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSION } from '../naming.mjs'
import { Player } from '../player.mjs'
import { complain } from '../streams.mjs'

/** Reads a number above 0 from the command line. */
function positive(text) {
  const number = Number(text)
  if (!(number > 0 && number < 1e6)) {
    throw new InvalidArgumentError('It must be a number above 0, such as 2 or 0.5.')
  }
  return number
}

/** Defines the command. */
export function define(command) {
  command
    .name('play')
    .summary('play a session on this terminal')
    .description(
      'Play a session on this terminal as it was, at its speed. What it printed is drawn, so that it does nothing to this ' +
        'terminal. Keys: space pauses and goes on, . steps while it pauses, + and - change the speed, q ends.',
    )
    .argument('[id]', SESSION)
    .option('--speed <factor>', 'so many times as fast', positive, 1)
    .option(
      '--idle-limit <seconds>',
      'wait no longer than that where nothing was printed',
      positive,
    )
  filterOptions(command)
  examples(command, [
    ['gsd-sessions play last', 'what was recorded last'],
    ['gsd-sessions play --speed 4 --idle-limit 1 s-1', 'in a hurry'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const [name] = namesOf(command, options).names
    if (!process.stdout.isTTY) {
      throw new Failure(
        'there is no terminal to play on; export --format asciicast makes a file of it',
      )
    }
    return withReader(options, async (stores) => {
      const { sessions, outputs } = stores
      const id = resolveId(stores, name, options)
      const sizes = outputs.sizes(id)
      const widest = Math.max(...sizes.map(({ columns }) => columns))
      const highest = Math.max(...sizes.map(({ rows }) => rows))
      const { columns, rows } = process.stdout
      const player = new Player(sessions.get(id), sizes, options)
      await player.play(outputs.iterate(id))
      if (widest > columns || highest > rows) {
        complain(
          `it was played in part: its terminal had ${widest} by ${highest}, this one has ${columns} by ${rows}`,
        )
      }
    })
  })
}
