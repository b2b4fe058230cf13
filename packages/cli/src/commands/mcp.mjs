// `gsd-sessions mcp`: lets an agent ask, by a package that is installed beside this one.

import { allOptions, examples } from '../command.mjs'
import { runPackage } from '../packages.mjs'

/** Defines the command. */
export function define(command) {
  command
    .name('mcp')
    .summary('let an agent ask, by the Model Context Protocol')
    .description('Serve the sessions to an agent, on the standard streams or over HTTP.')
    .option('--fleet <url>', 'the sessions of a fleet instead: postgres://…')
    .option('--http [port]', 'serve over HTTP, on the loopback address')
  examples(command, [
    ['claude mcp add sessions -- gsd-sessions mcp', 'have an agent start it'],
    ['gsd-sessions mcp --http 8931', 'over HTTP'],
  ])
  return command.action(() => {
    const { db, fleet, http } = allOptions(command)
    return runPackage('@gsd/session-mcp', 'bin/gsd-session-mcp.mjs', { db, fleet, http })
  })
}
