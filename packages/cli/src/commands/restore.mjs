// `gsd-sessions restore`: a backup takes the place of the database.

import { resolve } from 'node:path'
import { restore as restoreBackup } from '@gsd/session-store'
import { allOptions, databasePath, examples } from '../command.mjs'
import { abortable, progressBar } from '../progress.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable } from '../style.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('restore')
    .summary('put a backup in the place of the database')
    .description(
      'Put a copy of a backup in the place of the database, if the backup is sound and nobody has the ' +
        'database open. The old database is kept beside it.',
    )
    .argument('<backup>', 'the backup; it stays')
    .option('--to <file>', 'the database, instead of --db')
  examples(command, [
    ['gsd-sessions restore /mnt/backup/sessions.db', 'restore the default database'],
    ['gsd-sessions restore --to a.db b.db', 'restore another one'],
  ])
  return command.action(async (backup) => {
    const options = allOptions(command)
    const path = resolve(options.to ?? databasePath(options))
    const bar = progressBar()
    const onProgress = ({ totalPages, remainingPages }) =>
      bar.update(totalPages - remainingPages, totalPages)
    const { totalPages, kept } = await abortable((signal) =>
      restoreBackup(backup, path, { onProgress, signal }),
    ).finally(bar.clear)
    if (options.json) return print(`${jsonText({ path, totalPages, kept })}\n`)
    const old = kept === null ? '' : `the old database is now ${printable(kept)}\n`
    return print(`${printable(path)}: ${totalPages} pages\n${old}`)
  })
}
