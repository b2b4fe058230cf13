// `gsd-sessions prune`: removes sessions that are over.

import { Option } from 'commander'
import { moment, MOMENTS, size } from '../amounts.mjs'
import { canAsk, confirmed } from '../ask.mjs'
import {
  allOptions,
  examples,
  Failure,
  foreignKeysOption,
  integer,
  withReader,
  withWriter,
} from '../command.mjs'
import { abortable, progressBar } from '../progress.mjs'
import { sessionTable } from '../session-table.mjs'
import { print } from '../streams.mjs'
import { bytesText, jsonText, plural, printable } from '../style.mjs'

const STATUSES = ['completed', 'failed', 'idle']

/** The part of a report that says what was removed, or would be. */
const amountOf = ({ sessions, outputs, bytes }) =>
  `${plural(sessions.length, 'session')}, ${plural(outputs, 'chunk')}, ${bytesText(bytes)} of text`

/** What a report says, in lines for people. */
function summary(report, { dryRun, foreignKeys }) {
  const { fileBytesBefore, fileBytes, freeBytes, givesSpaceBack } = report
  const file =
    fileBytes === fileBytesBefore
      ? `the file has ${bytesText(fileBytes)}`
      : `the file had ${bytesText(fileBytesBefore)} and has ${bytesText(fileBytes)}`
  const what = dryRun ? 'would be removed' : 'removed'
  const free =
    dryRun || givesSpaceBack || freeBytes === 0
      ? ''
      : `${bytesText(freeBytes)} of it are free for what comes; only a VACUUM gives them back\n`
  return `${what}: ${amountOf(report)}; ${file}\n${free}${keptOf(report, foreignKeys)}`
}

/** The sessions that rows or triggers of others keep, a line each. */
function keptOf({ kept }, foreignKeys) {
  if (kept.length === 0) return ''
  const lines = kept.map(({ id, reason }) => `kept ${printable(id)}: ${printable(reason)}\n`)
  const more = foreignKeys
    ? ''
    : '--foreign-keys has SQLite do with rows that refer to a session what their table says\n'
  return lines.join('') + more
}

/** The sessions that a report names. */
function sessionsOf({ sessions }, report) {
  return report.sessions.map((id) => sessions.get(id)).filter((session) => session !== undefined)
}

/** The table of sessions and an empty line; nothing where there are none. */
const tableOf = (sessions) => (sessions.length > 0 ? `${sessionTable(sessions)}\n` : '')

const jsonOf = (report) => `${jsonText(report)}\n`

/** Prunes, and draws the progress, measured against `plan`. */
async function pruneWithBar({ connection }, limits, plan) {
  const bar = progressBar()
  let removed = 0
  const onProgress = ({ sessions, outputs }) => {
    removed = sessions
    if (plan.outputs > 0) bar.update(outputs, plan.outputs)
    else bar.update(sessions, plan.sessions.length)
  }
  try {
    return await abortable((signal) => connection.prune({ ...limits, onProgress, signal }))
  } catch (error) {
    // A signal does not bring back what was removed before it.
    if (!(error instanceof Failure)) throw error
    throw new Failure(`${error.message}; ${plural(removed, 'session')} removed`, error.exitCode)
  } finally {
    bar.clear()
  }
}

/** Removes what `limits` say, once the user has agreed. */
async function remove(stores, limits, { yes, json, foreignKeys }) {
  const plan = await stores.connection.prune({ ...limits, dryRun: true })
  const tell = (report, table = '') =>
    print(json ? jsonOf(report) : table + summary(report, { foreignKeys }))
  const planned = sessionsOf(stores, plan)
  if (!yes) {
    // Where there is nothing to remove, nobody is asked, and nothing that is stored meanwhile is removed.
    const isNothing = plan.sessions.length === 0 && plan.outputs === 0
    if (isNothing && !limits.scrub) return tell(plan)
    if (!json) await print(tableOf(planned))
    if (!isNothing && !(await confirmed(`Remove ${amountOf(plan)}?`)))
      throw new Failure('nothing was removed')
  }
  const report = await pruneWithBar(stores, limits, plan)
  const gone = new Set(report.sessions)
  return tell(report, yes ? tableOf(planned.filter(({ id }) => gone.has(id))) : '')
}

/** Prints what would be removed. */
async function lookFirst(stores, limits, { json, foreignKeys }) {
  const report = await stores.connection.prune({ ...limits, dryRun: true })
  const told = () =>
    tableOf(sessionsOf(stores, report)) + summary(report, { dryRun: true, foreignKeys })
  await print(json ? jsonOf(report) : told())
}

/** Defines the command. */
export function define(command) {
  command
    .name('prune')
    .summary('remove sessions that are over, by age, size or number')
    .description(
      'Remove sessions that are over, oldest first, with what they printed. What is at work or pinned stays, and what ' +
        'rows of other tables refer to. It asks before; without a terminal it wants --yes.',
    )
    .option(
      '--older-than <moment>',
      'those that were over, and printed their last, before (30d, 2026-03-01)',
      moment,
    )
    .option(
      '--max-bytes <size>',
      'until so much of the file is in use at most (500M, 1.5GiB)',
      size,
    )
    .option('--keep-last <number>', 'never one of the newest; alone, all but these', integer(0))
    .addOption(
      new Option('--status <status...>', 'only these (default: completed and failed)').choices(
        STATUSES,
      ),
    )
    .option('--orphans', 'also output whose session is not stored')
    .addOption(foreignKeysOption())
    .option('--scrub', 'also overwrite all that the file does not use')
    .option('--dry-run', 'only tell what would go')
    .option('-y, --yes', 'do not ask')
  examples(command, [
    ['gsd-sessions prune --older-than 30d --dry-run', 'see what a month would remove'],
    ['gsd-sessions prune --older-than 30d --max-bytes 1G --keep-last 20 --yes', 'once a day'],
    ['gsd-sessions prune --keep-last 0 --status failed', 'everything that failed'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action(() => {
    const options = allOptions(command)
    const { olderThan, maxBytes, keepLast, status: statuses, orphans, scrub, dryRun } = options
    const limits = { olderThan, maxBytes, keepLast, statuses, orphans, scrub }
    if ([olderThan, maxBytes, keepLast, orphans].every((limit) => limit === undefined)) {
      const names = '--older-than, --max-bytes, --keep-last or --orphans'
      const otherwise = scrub ? '; gsd-sessions scrub overwrites and removes nothing' : ''
      command.error(`error: what is to be removed? Give ${names}${otherwise}`)
    }
    if (dryRun) return withReader(options, (stores) => lookFirst(stores, limits, options))
    if (!options.yes && !canAsk()) {
      command.error('error: there is nobody to ask here: --yes removes, --dry-run only tells')
    }
    return withWriter(options, (stores) => remove(stores, limits, options))
  })
}
