// Programs of packages that are installed beside this one.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Failure } from './command.mjs'

/** The program of a package; a failure that says how to install it. */
function programOf(name, program) {
  try {
    return fileURLToPath(new URL(program, import.meta.resolve(`${name}/package.json`)))
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Failure(`this needs another package: npm install ${name}`)
  }
}

/** Options as arguments: those without a value are left out, and of those that are true the name stands alone. */
function argumentsOf(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    return value === true ? [`--${name}`] : [`--${name}`, String(value)]
  })
}

/** Runs the program of a package on the streams of this process, and ends as it does. */
export async function runPackage(name, program, options) {
  const args = [programOf(name, program), ...argumentsOf(options)]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  const forward = (signal) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.on(signal, forward)
  const [code, endedBy] = await once(child, 'close')
  for (const signal of signals) process.off(signal, forward)
  process.exitCode = code ?? 128 + constants.signals[endedBy]
}
