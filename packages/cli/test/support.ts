// Runs `gsd-sessions` as a user does: as a process, with streams and signals.
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** The file that the package's `bin` names. */
export const commandPath = fileURLToPath(new URL('../bin/gsd-sessions.mjs', import.meta.url))

/** Runs a program on streams that claim to be a terminal. */
const onTerminal = fileURLToPath(new URL('on-terminal.mjs', import.meta.url))

/** Runs the command several times in one process. */
const inOneProcess = fileURLToPath(new URL('in-one-process.mjs', import.meta.url))

export interface CommandOptions {
  env?: Record<string, string>
  cwd?: string
  /** Text for the standard input, which is empty otherwise. */
  input?: string
  /** Leave the standard input open. */
  hold?: boolean
  /** What a person types: the standard input claims to be a terminal as well. */
  typed?: string
  /**
   * Send this signal when the first progress is drawn, on a terminal. The command sends it to itself: from here it
   * might come too late on a busy machine.
   */
  signalAtProgress?: NodeJS.Signals
  /** The standard output and error claim to be a terminal with this many columns. */
  terminal?: number
}

/** How the command ended, and what it wrote. */
export interface Result {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
  /** The standard output before it was decoded. */
  bytes: Buffer
}

/** A command that is running. */
export interface RunningCommand {
  process: ChildProcessByStdio<Writable, Readable, Readable>
  /** Sends it a signal. */
  signal: (name: NodeJS.Signals) => void
  /** Waits until the standard output holds `text`. */
  printed: (text: string) => Promise<void>
  result: Promise<Result>
}

/** The environment of this process without what decides about colours and the database. */
function plainEnvironment(): Record<string, string | undefined> {
  const { FORCE_COLOR: _force, NO_COLOR: _no, GSD_SESSIONS_DB: _db, ...env } = process.env
  return { ...env, TERM: 'xterm-256color' }
}

/** Starts the command. */
export function startCommand(args: string[], options: CommandOptions = {}): RunningCommand {
  const {
    env = {},
    cwd,
    typed,
    input = typed ?? '',
    hold = false,
    terminal,
    signalAtProgress,
  } = options
  const settings = { columns: terminal, isTyped: typed !== undefined, signalAtProgress }
  const program = terminal ? [onTerminal, JSON.stringify(settings), commandPath] : [commandPath]
  const child = spawn(process.execPath, [...program, ...args], {
    cwd,
    env: { ...plainEnvironment(), ...env },
    stdio: 'pipe',
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  if (!hold) child.stdin.end(input)
  // In Deno `child.kill` reports the signal as the end of the process.
  const signal = (name: NodeJS.Signals) => void (child.pid && process.kill(child.pid, name))
  return { process: child, signal, ...collect(child) }
}

/** Runs the command to its end. */
export function runCommand(args: string[], options?: CommandOptions): Promise<Result> {
  return startCommand(args, options).result
}

/** How a run of {@link runInOneProcess} ended. */
export type Ended = Pick<Result, 'code' | 'stdout' | 'stderr'>

/** Runs the command once for each line of arguments, in one process: one for each takes longer than what it does. */
export async function runInOneProcess(lines: string[][]): Promise<Ended[]> {
  const child = spawn(process.execPath, [inOneProcess, JSON.stringify(lines)], {
    env: plainEnvironment(),
    stdio: 'pipe',
  })
  child.stdin.end()
  const { code, stdout, stderr } = await collect(child).result
  if (code !== 0)
    throw new Error(`the process of ${lines.length} runs ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as Ended[]
}

function collect(child: ChildProcessByStdio<Writable, Readable, Readable>) {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(written[stream]).toString()
  child.stdout.on('data', (bytes: Buffer) => written.stdout.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => written.stderr.push(bytes))
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  const result = closed.then(([code, signal]) => ({
    code,
    signal,
    stdout: text('stdout'),
    stderr: text('stderr'),
    bytes: Buffer.concat(written.stdout),
  }))
  const printed = async (wanted: string): Promise<void> => {
    while (!text('stdout').includes(wanted)) {
      const more = await Promise.race([once(child.stdout, 'data'), result])
      if (!Array.isArray(more) && !more.stdout.includes(wanted)) {
        throw new Error(`instead of ${JSON.stringify(wanted)}: ${JSON.stringify(more)}`)
      }
    }
  }
  return { result, printed }
}
