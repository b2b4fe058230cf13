// Processes with a journal: started, stopped and killed.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Failure } from './failure.mjs'
import { now, parseJournal } from './journal.mjs'

const PROGRAM = fileURLToPath(new URL('../child/main.mjs', import.meta.url))

/** An opening, a close or a stop that takes longer than this is a hang. */
const PATIENCE = 60_000

/** A process of a cycle. */
export class Life {
  #child
  #exited
  #errors = ''
  #path
  /** When it was killed, in the journal's clock. */
  killedAt

  constructor(job, { file, folder }) {
    this.job = job
    this.#path = join(folder, `journal-${job.life}-${job.role}`)
    const journal = openSync(this.#path, 'a', 0o600)
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify({ ...job, file })], {
      stdio: ['ignore', 'pipe', 'pipe', journal],
    })
    closeSync(journal)
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text))
    this.#exited = once(this.#child, 'close')
    const ready = once(this.#child.stdout, 'data')
    this.ready = this.#within(Promise.race([ready, this.#exited]))
    // There may be no waiter, so that a rejection must not count as unhandled.
    this.ready.catch(() => {})
  }

  get role() {
    return this.job.role
  }

  /** What it has told so far. */
  journal() {
    return parseJournal(readFileSync(this.#path, 'utf8'))
  }

  /** Removes its journal. */
  forget() {
    rmSync(this.#path)
  }

  signal(name) {
    this.#child.kill(name)
  }

  /** Kills it, if it is still there. */
  async kill() {
    if (this.#child.exitCode !== null) return this.close()
    this.killedAt = now()
    this.signal('SIGKILL')
    return this.#end()
  }

  /** Has it close its connection and end. */
  async close() {
    this.signal('SIGTERM')
    return this.#end()
  }

  /** Waits until the process has ended. Any end but a regular exit or a kill is a failure. */
  async #end() {
    const [code, signal] = await this.#within(this.#exited)
    // SIGTERM may come before there is a listener, which ends it as a kill does.
    if (code !== 0 && signal !== 'SIGKILL' && signal !== 'SIGTERM') {
      throw new Failure(
        `${this.role} (life ${this.job.life}) ended with ${signal ?? code}: ${this.#errors.slice(-2_000)}`,
      )
    }
    this.killedAt ??= now()
  }

  /** Gives what `awaited` gives, or fails if that does not come in time. */
  async #within(awaited) {
    const timer = new AbortController()
    const hung = setTimeout(PATIENCE, undefined, { signal: timer.signal }).catch(() => true)
    const came = await Promise.race([awaited, hung])
    timer.abort()
    if (came) return came
    throw new Failure(`${this.role} (life ${this.job.life}) hangs`)
  }

  /** Stops it, and waits until all its threads are stopped; `false` if it is gone. */
  async freeze() {
    this.signal('SIGSTOP')
    const deadline = now() + PATIENCE * 1e6
    while (!this.#isFrozen()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return false
      if (now() > deadline) throw new Failure(`${this.role} does not stop`)
      await setTimeout(1)
    }
    return true
  }

  #isFrozen() {
    const tasks = `/proc/${this.#child.pid}/task`
    try {
      return readdirSync(tasks).every((task) => {
        const stat = readFileSync(join(tasks, task, 'stat'), 'utf8')
        return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
      })
    } catch {
      // The thread or the process ended meanwhile.
      return false
    }
  }
}
