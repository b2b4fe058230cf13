// What the commands share: options, arguments, examples, exit codes, and opening the database.

import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'

/** What the process exits with. */
export const EXIT = { ok: 0, failure: 1, usage: 2 }

/** A failure that is printed in one line. */
export class Failure extends Error {
  /** @param exitCode What the process exits with. */
  constructor(message, exitCode = EXIT.failure) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Adds the options that every command has. */
export function commonOptions(command) {
  return command
    .option('--db <file>', 'the database (default: $GSD_SESSIONS_DB or ~/.gsd-harness/sessions.db)')
    .option('--json', 'print JSON, for programs')
}

/** The options of a command together with those that stand before it. */
export function allOptions(command) {
  return { ...command.parent.opts(), ...command.opts() }
}

/** What becomes of the rows of other tables that refer to a session. */
export function foreignKeysOption() {
  const what =
    'have SQLite remove or change rows of other tables that refer to a session, as these say'
  return new Option('--foreign-keys', what)
}

/** Adds examples, pairs of a command line and what it is for, below the help. */
export function examples(command, pairs) {
  const width = Math.max(...pairs.map(([line]) => line.length))
  const lines = pairs.map(([line, purpose]) => `  $ ${line.padEnd(width)}  # ${purpose}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** Reads an integer from `least` to `most` from the command line. */
export function integer(least, most = Number.MAX_SAFE_INTEGER) {
  return (text) => {
    const number = Number(text)
    if (!/^\d+$/.test(text) || number < least || number > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`
      throw new InvalidArgumentError(`It must be an integer ${range}.`)
    }
    return number
  }
}

/** Opens the database for reading, runs `work` on its stores, and closes it whatever happens. */
export function withReader(options, work) {
  return withStores(options, { readonly: true }, work)
}

/** As {@link withReader}, for writing. It does not create the database either. */
export function withWriter(options, work) {
  return withStores(options, {}, work)
}

/** The path of the database that the options name. */
export function databasePath({ db }) {
  return db ?? (process.env.GSD_SESSIONS_DB || join(homedir(), '.gsd-harness', 'sessions.db'))
}

async function withStores(options, how, work) {
  const path = databasePath(options)
  if (!existsSync(path)) throw new Failure(`there is no file ${JSON.stringify(path)}`)
  const connection = new DatabaseConnection(path, {
    ...how,
    foreignKeys: options.foreignKeys,
    fileMustExist: true,
  })
  try {
    return await work({
      connection,
      sessions: new SessionStore(connection),
      outputs: new OutputStore(connection),
    })
  } finally {
    connection.close()
  }
}
