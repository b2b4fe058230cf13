// `gsd-sessions dashboard`: a dashboard for a browser, by a package that is installed beside this one.

import { allOptions, examples, integer } from '../command.mjs'
import { runPackage } from '../packages.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('dashboard')
    .summary('show the sessions in a browser')
    .description('Serve a dashboard for a browser of this machine, and print its address.')
    .option('--fleet <url>', 'the sessions of a fleet instead: postgres://…')
    .option('--port <number>', 'the port to listen on; 0 is a free one', integer(0, 65_535))
    .option('--public-url <url>', 'the address under which a proxy shows it')
    .option('--allow-delete', 'let the page remove sessions')
    .option('--allow-prune', 'let the page prune')
  examples(command, [
    ['gsd-sessions dashboard', 'the sessions of this machine'],
    ['gsd-sessions dashboard --port 0', 'on a free port'],
  ])
  return command.action(() => {
    const { db, fleet, port, publicUrl, allowDelete, allowPrune } = allOptions(command)
    return runPackage('@gsd/session-dashboard', 'bin/gsd-session-dashboard.mjs', {
      db,
      fleet,
      port,
      'public-url': publicUrl,
      'allow-delete': allowDelete,
      'allow-prune': allowPrune,
    })
  })
}
