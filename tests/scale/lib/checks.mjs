// Runs checks: the time of each is printed, and its memory is limited.

import { readFileSync, writeFileSync } from 'node:fs'

/** How much the memory of the process may grow during a check, in bytes. */
const MOST = 200e6

/** Resets the highest memory use that the system has recorded for the process. */
function forgetPeak() {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // On other systems than Linux, the memory after a check is used instead.
  }
}

/** The highest memory use of the process since the reset, in bytes. */
function peak() {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(kibibytes) * 1024
  } catch {
    return process.memoryUsage.rss()
  }
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`

/** Runs checks, and keeps count. */
export class Checks {
  #count = 0
  #largest = 0

  /**
   * Runs `work`, which throws where something is wrong and may give a note, and prints what it took.
   *
   * @param bounded Whether it is to take a bounded amount of memory.
   */
  async run(what, work, { bounded = true } = {}) {
    forgetPeak()
    const before = process.memoryUsage.rss()
    const start = performance.now()
    let note
    try {
      note = await work()
    } catch (error) {
      throw new Error(`${what}: ${error.message}`, { cause: error })
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(2)
    const growth = Math.max(0, peak() - before)
    const columns = [
      what.padEnd(40),
      `${seconds} s`.padStart(9),
      `+${megabytes(growth)}`.padStart(8),
    ]
    console.log(`  ${columns.join('  ')}${note === undefined ? '' : `  ${note}`}`)
    this.#count++
    if (!bounded) return
    if (growth > MOST) {
      throw new Error(`${what}: took ${megabytes(growth)} of memory, more than ${megabytes(MOST)}`)
    }
    this.#largest = Math.max(this.#largest, growth)
  }

  /** How many checks there were, and the most memory that one took. */
  summary() {
    return `in ${this.#count} checks what is to be bounded took ${megabytes(this.#largest)} of memory at most`
  }
}
