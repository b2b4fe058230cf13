// `gsd-sessions record`: runs a command, passes on what it prints, and stores it meanwhile.

import { randomUUID } from 'node:crypto'
import { allOptions, examples, integer } from '../command.mjs'
import { runRecorded } from '../run-recorded.mjs'
import { SessionRecorder } from '../session-recorder.mjs'
import { jsonText } from '../style.mjs'

/** The slots that a file accepts unless it is asked for more. */
const SLOTS = 3
const MOST_SLOTS = 1000

/** The arguments as one would type them in a shell. */
function commandLine(args) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`
  return args.map((text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text))).join(' ')
}

/** Defines the command. */
export function record(command) {
  command
    .name('record')
    .summary('run a command and store what it prints')
    .usage('[options] -- <command> [arguments...]')
    .description(
      'Run a command and store what it prints. Its output, its input, signals and its exit code are ' +
        'passed on; where the database cannot be written, the command runs all the same.',
    )
    .argument('<command...>', 'the command and its arguments')
    .option('--slot <number>', 'the slot that it runs in', integer(1, MOST_SLOTS), 1)
    .option('--id <id>', 'the id of the session (default: a new one)')
    .passThroughOptions()
  examples(command, [
    ['gsd-sessions record -- npm test', 'store the output of a command'],
    ["gsd-sessions record --slot 2 --id s-1 -- sh -c 'make && make check'", 'under an id'],
    ['gsd-sessions record --json -- make 2> session.json', 'the session as JSON behind stderr'],
  ])
  return command.action(async (args) => {
    const { db, json, slot, id = randomUUID() } = allOptions(command)
    const recorder = new SessionRecorder(db, { slots: Math.max(SLOTS, slot) })
    const session = {
      id,
      slot,
      workingDir: process.cwd(),
      currentCommand: commandLine(args),
      startedAt: new Date(),
    }
    process.exitCode = await runRecorded(args, recorder, session)
    const stored = recorder.close()
    if (json) process.stderr.write(`${jsonText(stored ?? null)}\n`)
  })
}
