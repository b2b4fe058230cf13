// `gsd-sessions record`: runs a command as if it were not recorded, and stores what it prints meanwhile.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { record as start } from '@gsd/session-store'
import { allOptions, databasePath, examples, Failure, integer, withReader } from '../command.mjs'
import { redactSetting } from '../settings.mjs'
import { withMarks } from '../shell-integration.mjs'
import { bytesText, jsonText, printable } from '../style.mjs'
import { complain } from '../streams.mjs'

/** The slots that a file may accept. */
const MOST_SLOTS = 1000

/** What shells exit with for a command that does not start. */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** Why a command does not start, by the code of the error. */
const WHY = { ENOENT: 'no such command', EACCES: 'permission denied' }

const SIGNALS =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']
    : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

/** The signals that a terminal sends to the command as well as to this process. */
const FROM_KEYBOARD = new Set(['SIGINT', 'SIGQUIT', 'SIGBREAK'])

/** The signals that this process was started to ignore, as `nohup` does. So does the command. */
function ignoredSignals() {
  let mask
  try {
    mask = BigInt(`0x${/^SigIgn:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]}`)
  } catch {
    return []
  }
  const isIgnored = (signal) => (mask >> BigInt(constants.signals[signal] - 1)) & 1n
  return SIGNALS.filter(isIgnored)
}

/** Passes signals on to the command. */
function passSignalsOn(recording, isTerminal) {
  const onTerminal = [0, 1, 2].some((fd) => isatty(fd))
  const ignored = isTerminal ? [] : ignoredSignals()
  for (const signal of SIGNALS.filter((each) => !ignored.includes(each))) {
    process.on(signal, () => {
      // In a terminal of its own the command gets keys alone, and this process none. What is left once the command is over is
      // given up even so.
      const isSent = isTerminal || !onTerminal || !FROM_KEYBOARD.has(signal)
      recording.kill(isSent ? signal : 0)
    })
  }
  if (isTerminal) {
    for (const signal of ['SIGWINCH', 'SIGCONT']) process.on(signal, () => recording.attach())
  }
}

/** Starts the recording. Where the command cannot be run, that is told, and the result is what a shell would exit with. */
function started(database, options) {
  try {
    return start(database, options)
  } catch (error) {
    if (error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
      throw new Failure(`there is a session ${JSON.stringify(options.id)} already`)
    }
    const isUnknown = error.code === 'ENOENT'
    if (!isUnknown && !['EACCES', 'ERR_SPAWN'].includes(error.code)) throw error
    const why = WHY[error.code] ?? error.message.replace(/^record: cannot run .*?: /, '')
    complain(`cannot run ${options.command}: ${why}`)
    return isUnknown ? NOT_FOUND : NOT_EXECUTABLE
  }
}

/** Tells why something is not stored, or not yet. */
function tellTrouble({ code, message }) {
  const isLater = code?.startsWith('SQLITE_') && !code.startsWith('SQLITE_CONSTRAINT')
  const isGone = code === 'SQLITE_READONLY_DBMOVED'
  const how = isLater && !isGone ? '; what is printed is kept until it can be stored' : ''
  complain(`${message}${how}`)
}

/** Ends this process as the command ended. */
function dieBy(signal) {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/** Tells what could not be stored. */
function tellRest({ spoolFile, lostBytes }) {
  if (spoolFile !== undefined) {
    complain(
      `the database could not be written; what is missing waits in ${printable(spoolFile)}, ` +
        'and the next recording takes it in',
    )
  }
  if (lostBytes > 0) complain(`${bytesText(lostBytes)} of the output are lost`)
}

/** Prints the session as it is stored. */
async function tellSession(options, id) {
  let session
  try {
    session = await withReader(options, ({ sessions }) => sessions.get(id))
  } catch {
    // The database cannot be read, which was told.
  }
  process.stderr.write(`${jsonText(session ?? null)}\n`)
}

/** Defines the command. */
export function define(command) {
  command
    .name('record')
    .summary('run a command and store what it prints')
    .usage('[options] -- <command> [arguments...]')
    .description(
      'Run a command as if it were not recorded, and store what it prints: in a terminal of its own where the standard ' +
        'output is one, else on pipes. Where the database cannot be written, the command runs all the same, and what it ' +
        'printed is stored later.',
    )
    .argument('<command...>', 'the command and its arguments')
    .option('--slot <number>', 'the slot that it runs in', integer(1, MOST_SLOTS), 1)
    .option('--id <id>', 'the id of the session (default: a new one)')
    .option('--title <title>', 'what people call the session')
    .option('--shell-integration', 'have bash, zsh or fish mark its prompts, for show --command')
    .option('--redact', 'replace secrets before they are stored (default: as the settings say)')
    .option('--no-redact', 'store everything as it is, whatever the settings say')
    .option('--no-terminal', 'pipes, also where the standard output is a terminal')
    .passThroughOptions()
  examples(command, [
    ['gsd-sessions record -- npm test', 'store the output of a command'],
    ['gsd-sessions record --shell-integration -- bash', 'a shell, until it ends'],
    ["gsd-sessions record --slot 2 --id s-1 -- sh -c 'make && make check'", 'under an id'],
    ['gsd-sessions record --json -- make 2> session.json', 'the session as JSON behind stderr'],
  ])
  return command.action(async ([program, ...args]) => {
    const options = allOptions(command)
    const { json, slot, id = randomUUID(), title } = options
    const redact = options.redact === false ? false : (await redactSetting()) || options.redact
    const isTerminal = options.terminal && process.platform !== 'win32' && isatty(1)
    // In raw mode a line would not begin at its start.
    if (isatty(2) && !json) process.stderr.write(`session ${printable(id)}\n`)
    const recording = started(databasePath(options), {
      command: program,
      args,
      ...(options.shellIntegration && withMarks(program, args)),
      slot,
      id,
      title,
      terminal: isTerminal,
      stdin: 'inherit',
      stdout: 'inherit',
      redact,
      onError: tellTrouble,
    })
    if (typeof recording === 'number') {
      process.exitCode = recording
      return
    }
    passSignalsOn(recording, isTerminal)
    const ended = await recording.exited
    tellRest(ended)
    if (json) await tellSession(options, recording.id)
    const { exitCode, signal } = ended
    // A loop of a shell goes on unless it sees that Ctrl-C ended its command.
    if (signal === 'SIGINT') dieBy(signal)
    process.exitCode = exitCode ?? 128 + (constants.signals[signal] ?? 0)
  })
}
