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

/** The failure of a call for a session that is not stored. */
export const unknownSession = (id) => new Failure(`there is no session ${JSON.stringify(id)}`)

/** The last code point: no id with a prefix stands behind the prefix and this. */
const LAST = '\u{10ffff}'

/** How many ids a message names. */
const NAMED = 5

/** The ids that start so. */
function startingWith({ connection }, prefix) {
  const sql = 'SELECT id FROM sessions WHERE id >= ? AND id < ? ORDER BY id LIMIT ?'
  return connection.db
    .prepare(sql)
    .pluck()
    .all(prefix, prefix + LAST, NAMED + 1)
}

/** The id of a session that is named: its id, the start of that if no other session has it, `last`, or `last~2`. */
export function resolveId(stores, name) {
  const { sessions, outputs } = stores
  if (sessions.get(name) || outputs.read(name, { limit: 1 }).outputs.length > 0) return name
  const [, back] = /^last(?:~(\d{1,6}))?$/.exec(name) ?? [undefined, undefined]
  if (name === 'last' || back !== undefined) {
    const at = Number(back ?? 0)
    const session = sessions.list({ limit: at + 1 })[at]
    if (!session) throw new Failure(`there are no ${at + 1} sessions`)
    return session.id
  }
  const found = name === '' ? [] : startingWith(stores, name)
  if (found.length === 0) throw unknownSession(name)
  if (found.length === 1) return found[0]
  const named = found.slice(0, NAMED).map((id) => JSON.stringify(id))
  const more = found.length > NAMED ? ', …' : ''
  throw new Failure(
    `${JSON.stringify(name)} is the start of several sessions: ${named.join(', ')}${more}`,
  )
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
