// `gsd-sessions backup`: a copy of a database that is in use.

import { constants } from 'node:os'
import { resolve } from 'node:path'
import { allOptions, examples, Failure, withReader } from '../lib/command.mjs'
import { print } from '../lib/streams.mjs'
import { printable } from '../lib/style.mjs'

const BAR = 30

/** Draws how far it is on one line of a terminal, and nothing elsewhere. */
function progressBar(stream) {
  if (!stream.isTTY) return { update: undefined, clear: () => {} }
  return {
    update: ({ totalPages, remainingPages }) => {
      const share = totalPages === 0 ? 1 : (totalPages - remainingPages) / totalPages
      const done = Math.round(share * BAR)
      const bar = '█'.repeat(done) + '░'.repeat(BAR - done)
      stream.write(`\r${bar} ${Math.floor(share * 100)} %`)
    },
    clear: () => stream.write('\r\x1b[K'),
  }
}

/** Runs `work` with a signal that SIGINT and SIGTERM abort, so that nothing half-made is left. */
async function abortable(work) {
  const controller = new AbortController()
  const abort = (signal) =>
    controller.abort(new Failure(`stopped by ${signal}`, 128 + constants.signals[signal]))
  const signals = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.once(signal, abort)
  try {
    return await work(controller.signal)
  } finally {
    for (const signal of signals) process.off(signal, abort)
  }
}

/** Defines the command. */
export function backup(command) {
  command
    .name('backup')
    .description('Copy the database into a file while it is in use. It overwrites the file.')
    .argument('<file>', 'the copy')
  examples(command, [
    ['gsd-sessions backup /mnt/backup/sessions.db', 'copy the default database'],
    ['gsd-sessions backup --db a.db b.db', 'copy another one'],
  ])
  return command.action((file) => {
    const options = allOptions(command)
    return withReader(options, async ({ connection }) => {
      const progress = progressBar(process.stderr)
      const done = await abortable((signal) =>
        connection.backup(file, { onProgress: progress.update, signal }),
      ).finally(progress.clear)
      const path = resolve(file)
      if (options.json) return print(`${JSON.stringify({ path, totalPages: done.totalPages })}\n`)
      return print(`${printable(path)}: ${done.totalPages} pages\n`)
    })
  })
}
