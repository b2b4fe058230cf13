// `gsd-sessions delete`: removes the sessions that are named.

import { SqliteError } from '@gsd/session-store'
import { canAsk, confirmed } from '../ask.mjs'
import {
  allOptions,
  examples,
  Failure,
  foreignKeysOption,
  withReader,
  withWriter,
} from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSIONS, unknownSession } from '../naming.mjs'
import { sessionTable } from '../session-table.mjs'
import { print } from '../streams.mjs'
import { jsonText, plural } from '../style.mjs'

const AT_WORK = ['running', 'waiting_checkpoint']

/** The failure of a session that stays. */
const stays = (id, why) => new Failure(`session ${JSON.stringify(id)} stays: ${why}`)

/** The tables whose rows would refer to nothing without the session. */
function tablesOf({ sessions }, id, { keepOutput }) {
  const references = sessions.referencedBy(id).filter(({ to }) => !keepOutput || to === 'session')
  return [...new Set(references.map(({ table }) => table))]
}

/** The rows of these tables, in words. */
function rowsOf(tables) {
  const others = tables
    .filter((table) => table !== 'sessions')
    .map((table) => JSON.stringify(table))
  const rows = others.length > 0 ? [`rows of other tables (${others.join(', ')})`] : []
  return [...rows, ...(tables.includes('sessions') ? ['other sessions'] : [])].join(' and ')
}

/** The failure of a session that rows of these tables refer to. */
const isReferred = (id, tables) =>
  stays(
    id,
    `${rowsOf(tables)} refer to it; --foreign-keys has SQLite do with them what their table says`,
  )

/** The sessions that are to go; fails unless all of them may. Of some ids only output may be stored. */
function chosen(stores, ids, options) {
  return ids.flatMap((id) => {
    const session = stores.sessions.get(id)
    if (!session && options.keepOutput) throw unknownSession(id)
    if (AT_WORK.includes(session?.status) && !options.force) {
      throw stays(id, `it is ${session.status}; --force removes it all the same`)
    }
    const tables = options.foreignKeys ? [] : tablesOf(stores, id, options)
    // Sessions that refer to it may go as well.
    const mayGo = ids.length > 1 && tables.every((table) => table === 'sessions')
    if (tables.length > 0 && !mayGo) throw isReferred(id, tables)
    return session ? [session] : []
  })
}

/** Removes all of the sessions, or none. */
function removeAll(stores, ids, options) {
  const { connection, sessions } = stores
  const refused = (id, error) => {
    if (!(error instanceof SqliteError && error.code.startsWith('SQLITE_CONSTRAINT'))) return error
    const tables = tablesOf(stores, id, options)
    return stays(
      id,
      tables.length > 0 ? `${error.message} (${rowsOf(tables)} refer to it)` : error.message,
    )
  }
  let id = ids[0]
  const remove = connection.db.transaction(() => {
    const gone = chosen(stores, ids, options)
    const before = sessions.list().length
    for (let left = ids; left.length > 0;) {
      // Those that refer to others go first.
      const isFree = (each) => options.foreignKeys || tablesOf(stores, each, options).length === 0
      const free = left.filter(isFree)
      if (free.length === 0) throw isReferred(left[0], tablesOf(stores, left[0], options))
      for (id of free) sessions.delete(id, { keepOutputs: options.keepOutput })
      left = left.filter((each) => !free.includes(each))
    }
    if (before - sessions.list().length > gone.length) {
      throw new Failure(
        'other sessions refer to these and would be removed as well; nothing was removed',
      )
    }
    return gone
  })
  try {
    return remove.immediate()
  } catch (error) {
    throw refused(id, error)
  }
}

async function tell(ids, gone, { json, dryRun, keepOutput }, isShown) {
  if (json) return print(`${jsonText({ sessions: ids })}\n`)
  const table = isShown && gone.length > 0 ? `${sessionTable(gone)}\n` : ''
  const what = `${plural(ids.length, 'session')}${keepOutput ? '; the output stays' : ', with all output'}`
  return print(`${table}${dryRun ? 'would be removed' : 'removed'}: ${what}\n`)
}

/** Removes what is named, once the user has agreed. */
async function removeAsked(stores, ids, options) {
  if (!options.yes) {
    const planned = chosen(stores, ids, options)
    if (!options.json && planned.length > 0) await print(`${sessionTable(planned)}\n`)
    const what = options.keepOutput ? 'but not the output' : 'with all output'
    const question = `Remove ${plural(ids.length, 'session')}, ${what}?`
    if (!(await confirmed(question))) throw new Failure('nothing was removed')
  }
  return tell(ids, removeAll(stores, ids, options), options, options.yes)
}

/** Defines the command. */
export function define(command) {
  command
    .name('delete')
    .summary('remove the sessions that are named')
    .description(
      'Remove the sessions that are named, with what they printed: all of them, or none. It asks before; without ' +
        'a terminal it wants --yes.',
    )
    .argument('[id...]', SESSIONS)
    .option('--keep-output', 'leave what they printed')
    .option('--force', 'also those that are running or waiting')
    .addOption(foreignKeysOption())
    .option('--dry-run', 'only tell what would go')
    .option('-y, --yes', 'do not ask')
  filterOptions(command)
  examples(command, [
    ['gsd-sessions delete s-1 s-2', 'show them, ask, and remove them'],
    ['gsd-sessions delete --yes s-1', 'without a question'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const { names } = namesOf(command, options, { count: Infinity })
    const idsOf = (stores) => [...new Set(names.map((name) => resolveId(stores, name, options)))]
    if (options.dryRun) {
      return withReader(options, (stores) => {
        const ids = idsOf(stores)
        return tell(ids, chosen(stores, ids, options), options, true)
      })
    }
    if (!options.yes && !canAsk()) {
      command.error('error: there is nobody to ask here: --yes removes, --dry-run only tells')
    }
    return withWriter(options, (stores) => removeAsked(stores, idsOf(stores), options))
  })
}
