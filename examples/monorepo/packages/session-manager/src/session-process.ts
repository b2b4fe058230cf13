import { spawn, type ChildProcess } from 'node:child_process'
import type { SessionOutput } from '@gsd/core'

/** What to start, and where. No shell reads it. */
export interface ProcessCommand {
  command: string
  args?: readonly string[]
  workingDir: string
}

/** How a process ended: by its own exit code, by a signal or by an error at its start; the others are `null`. */
export interface ProcessEnd {
  exitCode: number | null
  signal: NodeJS.Signals | null
  error: string | null
}

/** A child process as its session sees it: text, and one end. */
export class SessionProcess {
  /** Settles when the process is gone and its last text was handed over. Never rejects. */
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess

  /** Starts the process. `onText` is first called after the current tick. */
  constructor(
    { command, args = [], workingDir }: ProcessCommand,
    onText: (type: SessionOutput['type'], data: string) => void,
  ) {
    const child = spawn(command, args, { cwd: workingDir, stdio: ['ignore', 'pipe', 'pipe'] })
    // A StringDecoder each: a character that a chunk border cuts in two arrives whole, and later.
    child.stdout.setEncoding('utf8').on('data', (data: string) => onText('stdout', data))
    child.stderr.setEncoding('utf8').on('data', (data: string) => onText('stderr', data))
    // A program that cannot be started fails like any other, its output the reason. 'close' follows.
    let failure: string | null = null
    child.on('error', (error) => {
      if (child.pid === undefined) failure = error.message
      onText('stderr', error.message)
    })

    this.#child = child
    // Not 'exit': the pipes may still hold output then.
    this.ended = new Promise((resolve) => {
      child.once('close', (exitCode, signal) =>
        resolve({ exitCode: failure === null ? exitCode : null, signal, error: failure }),
      )
    })
  }

  /** The process id, `undefined` when the program could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Ends the process at once. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Asks the process to end, and kills it when it is still there after `graceMs` milliseconds. */
  async stop(graceMs: number): Promise<void> {
    this.#child.kill('SIGTERM')
    const deadline = setTimeout(() => this.kill(), graceMs)
    await this.ended
    clearTimeout(deadline)
  }
}
