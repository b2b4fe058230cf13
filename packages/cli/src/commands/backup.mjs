// `gsd-sessions backup`: a copy of a database that is in use.

import { resolve } from 'node:path'
import { allOptions, examples, withReader } from '../command.mjs'
import { abortable, progressBar } from '../progress.mjs'
import { print } from '../streams.mjs'
import { jsonText, printable } from '../style.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('backup')
    .summary('copy the database while it is in use')
    .description('Copy the database into a file while it is in use. It overwrites the file.')
    .argument('<file>', 'the copy')
  examples(command, [
    ['gsd-sessions backup /mnt/backup/sessions.db', 'copy the default database'],
    ['gsd-sessions backup --db a.db b.db', 'copy another one'],
  ])
  return command.action((file) => {
    const options = allOptions(command)
    return withReader(options, async ({ connection }) => {
      const bar = progressBar()
      const onProgress = ({ totalPages, remainingPages }) =>
        bar.update(totalPages - remainingPages, totalPages)
      const done = await abortable((signal) =>
        connection.backup(file, { onProgress, signal }),
      ).finally(bar.clear)
      const path = resolve(file)
      if (options.json) return print(`${jsonText({ path, totalPages: done.totalPages })}\n`)
      return print(`${printable(path)}: ${done.totalPages} pages\n`)
    })
  })
}
