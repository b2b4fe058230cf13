// Runs a command so that it behaves as if it were not recorded.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { complain } from './streams.mjs'

const SIGNALS =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']
    : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

/** The signals that a terminal sends to the command as well as to this process. */
const FROM_KEYBOARD = new Set(['SIGINT', 'SIGQUIT', 'SIGBREAK'])

/** What shells exit with for a command that does not start. */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** Passes what comes from `source` on to `target` and to `store`, no faster than `target` takes it. */
function passOn(source, target, store) {
  let open = true
  // Without a reader the command is still recorded. All other commands of this program end then.
  target.removeAllListeners('error').on('error', () => {
    open = false
    source.resume()
  })
  target.on('drain', () => source.resume())
  source.on('data', (bytes) => {
    store(bytes)
    if (open && !target.write(bytes)) source.pause()
  })
}

/** Passes signals on to a child process until the function that it gives is called. */
function passSignalsOn(child) {
  const onTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
  const pass = (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      // The process that still holds the pipes was left behind by the command.
      child.stdout.destroy()
      child.stderr.destroy()
    } else if (!(onTerminal && FROM_KEYBOARD.has(signal))) {
      try {
        // Not by `child.kill`: in Deno that reports the signal as the end of the process.
        process.kill(child.pid, signal)
      } catch {
        // It has ended just now, or belongs to another user.
      }
    }
  }
  for (const signal of SIGNALS) process.on(signal, pass)
  return () => {
    for (const signal of SIGNALS) process.off(signal, pass)
  }
}

/** How a child process ends: its code or its signal, or the error for which it did not start. */
function endOf(child) {
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }))
    child.on('error', (error) => {
      // A later error means that a signal could not be sent to the process.
      if (child.pid === undefined) resolve({ error })
    })
  })
}

/** Runs a command, and records it as `session`. Gives what a shell would exit with. */
export async function runRecorded([program, ...args], recorder, session) {
  const child = spawn(program, args, { stdio: ['inherit', 'pipe', 'pipe'] })
  const ended = endOf(child)
  const stop = passSignalsOn(child)
  recorder.start({ ...session, pid: child.pid })
  for (const type of ['stdout', 'stderr']) {
    if (child[type]) passOn(child[type], process[type], (bytes) => recorder.append(type, bytes))
  }
  const { code, signal, error } = await ended
  stop()
  if (error) {
    const line = `cannot run ${program}: ${error.code === 'ENOENT' ? 'no such command' : error.message}`
    complain(line)
    recorder.append('stderr', Buffer.from(`${line}\n`))
    recorder.end('failed')
    return error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE
  }
  recorder.end(code === 0 ? 'completed' : 'failed')
  return signal === null ? code : 128 + constants.signals[signal]
}
