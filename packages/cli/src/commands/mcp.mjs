// `gsd-sessions mcp`: lets an agent ask, by a package that is installed beside this one.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { allOptions, examples, Failure } from '../command.mjs'

/** The program of a package; a failure that says how to install it. */
function programOf(name, program) {
  try {
    return fileURLToPath(new URL(program, import.meta.resolve(`${name}/package.json`)))
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Failure(`this needs another package: npm install ${name}`)
  }
}

/** Runs the program of a package on the streams of this process, and ends as it does. */
export async function runPackage(name, program, args) {
  const child = spawn(process.execPath, [programOf(name, program), ...args], { stdio: 'inherit' })
  const forward = (signal) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.on(signal, forward)
  const [code, endedBy] = await once(child, 'close')
  for (const each of signals) process.off(each, forward)
  process.exitCode = code ?? 128 + constants.signals[endedBy]
}

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
    const args = Object.entries({ db, fleet, http }).flatMap(([name, value]) =>
      value === undefined ? [] : value === true ? [`--${name}`] : [`--${name}`, value],
    )
    return runPackage('@gsd/session-mcp', 'bin/gsd-session-mcp.mjs', args)
  })
}
