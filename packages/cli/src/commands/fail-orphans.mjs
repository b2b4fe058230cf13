// `gsd-sessions fail-orphans`: after a crash, sessions that say that they are at work.

import { canAsk, confirmed } from '../ask.mjs'
import { allOptions, examples, Failure, withReader, withWriter } from '../command.mjs'
import { sessionTable } from '../session-table.mjs'
import { print } from '../streams.mjs'
import { jsonText } from '../style.mjs'

function tell(sessions, json) {
  if (json) return print(`${jsonText(sessions)}\n`)
  return print(sessions.length === 0 ? 'none\n' : sessionTable(sessions))
}

/** Ends what orphans still run, once the user has agreed, and marks them. */
async function kill({ sessions }, { yes, json }) {
  const planned = sessions.failOrphans({ dryRun: true })
  if (!yes) {
    // Where there are none, nobody is asked, and nothing that is lost meanwhile is ended.
    if (planned.length === 0) return tell(planned, json)
    if (!json) await print(`${sessionTable(planned)}\n`)
    if (!(await confirmed('Mark these as failed, and end the processes that they still run in?'))) {
      throw new Failure('nothing was ended')
    }
  }
  const failed = sessions.failOrphans({ kill: true })
  await tell(failed, json)
  const orphans = new Set(sessions.failOrphans({ dryRun: true }).map(({ id }) => id))
  const left = planned.filter(({ id }) => orphans.has(id))
  if (left.length > 0) {
    const names = left.map(({ id, pid }) => `process ${pid} of session ${JSON.stringify(id)}`)
    throw new Failure(`not ended: ${names.join(', ')}`)
  }
}

/** Defines the command. */
export function define(command) {
  command
    .name('fail-orphans')
    .summary('mark sessions as failed that nobody answers for any more')
    .description(
      'Mark sessions as failed that are said to be at work, and whose owner or process is gone. Only on the machine, ' +
        'and in the container, that they ran in. With --kill it asks before; without a terminal it wants --yes.',
    )
    .option('--kill', 'also end the processes that they still run in')
    .option('--dry-run', 'only tell which')
    .option('-y, --yes', 'do not ask')
  examples(command, [
    ['gsd-sessions fail-orphans --dry-run', 'see which'],
    ['gsd-sessions fail-orphans', 'mark them'],
    ['gsd-sessions fail-orphans --kill', 'mark them, and end what they left running'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const { dryRun, json } = options
    if (options.kill && !dryRun) {
      if (!options.yes && !canAsk()) {
        command.error('error: there is nobody to ask here: --yes ends them, --dry-run only tells')
      }
      return withWriter(options, (stores) => kill(stores, options))
    }
    const open = dryRun ? withReader : withWriter
    return open(options, ({ sessions }) => tell(sessions.failOrphans({ dryRun }), json))
  })
}
