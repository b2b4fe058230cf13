// `gsd-sessions scrub`: overwrites what the file does not use.

import { allOptions, examples, withWriter } from '../command.mjs'
import { abortable, progressBar } from '../progress.mjs'
import { print } from '../streams.mjs'
import { bytesText, jsonText } from '../style.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('scrub')
    .summary('overwrite what was deleted and still lies in the file')
    .description(
      'Overwrite every byte of the database file that is not in use: what other programs, or earlier versions, deleted ' +
        'and left there. Nothing that is stored changes. Others may use the file meanwhile.',
    )
  examples(command, [
    ['gsd-sessions scrub', 'the default database'],
    ['gsd-sessions scrub --db old.db', 'a file that an earlier version has written'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    return withWriter(options, async ({ connection }) => {
      const bar = progressBar()
      const onProgress = ({ scannedBytes, fileBytes }) => bar.update(scannedBytes, fileBytes)
      try {
        const report = await abortable((signal) =>
          connection.prune({ scrub: true, onProgress, signal }),
        )
        const { cleanedPages: pages, fileBytes } = report
        bar.clear()
        const what = `${pages} page${pages === 1 ? '' : 's'} had something left, now overwritten`
        await print(
          options.json
            ? `${jsonText(report)}\n`
            : `${what}; the file has ${bytesText(fileBytes)}\n`,
        )
      } finally {
        bar.clear()
      }
    })
  })
}
