// One cycle: processes work on the file, are killed or stopped as planned, and then the content of the file is judged.

import { rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { copyDatabase } from './copies.mjs'
import { Failure } from './failure.mjs'
import { NOTHING, historyOf, sameState } from './history.mjs'
import { now } from './journal.mjs'
import { checkLosses, slowestCommit } from './losses.mjs'
import { cycleOf, withLife } from './plan.mjs'
import { Life } from './processes.mjs'
import { Random } from './random.mjs'
import { checkSightings, timelinesOf } from './sightings.mjs'
import { readStored } from './stored.mjs'
import { judge } from './verdict.mjs'

/** Sessions beyond this many are left to a process that deletes sessions. */
const SESSIONS_KEPT = 20

/** A file is copied once its writers are known to be stopped, which only Linux tells. */
const CAN_FREEZE = process.platform === 'linux'

/** A cycle on a database that the cycles before have left with `database.states`. */
export class Cycle {
  #plan
  #database
  #tally
  #lives = []
  #copies = []
  #late = 0

  constructor(plan, database, tally) {
    this.#plan = plan
    this.#database = database
    this.#tally = tally
  }

  /** Runs it, judges it, and has the database hold the result. */
  async run() {
    try {
      await this.#work()
    } finally {
      // After a failure some processes may still run.
      for (const life of this.#lives) life.signal('SIGKILL')
    }
    const moments = this.#moments()
    const left = this.#copy('left')
    const { states, histories, ends, stored } = this.#judge(this.#database.file, moments)
    this.#checkIds(stored)
    const timelines = timelinesOf(this.#database.states, histories, ends)
    for (const { journal } of moments) this.#tally.sightings += checkSightings(journal, timelines)
    for (const copy of this.#copies) {
      this.#judge(copy.file, copy.moments, copy.takenAt)
      rmSync(copy.folder, { recursive: true })
    }
    // The files are kept, so that a failure can be examined.
    if (left) rmSync(left.folder, { recursive: true })
    for (const life of this.#lives) life.forget()
    this.#tally.count(histories, ends)
    this.#database.states = new Map([...states].filter(([, state]) => !sameState(state, NOTHING)))
    this.#database.lastId = Math.max(this.#database.lastId, stored.lastId)
  }

  async #work() {
    const active = new Map(this.#plan.jobs.map((job) => [job.role, this.#start(job)]))
    const { strikes } = this.#plan
    for (const strike of strikes) {
      const living = [...active.values()]
      if (!strike.early) await Promise.all(living.map((life) => life.ready))
      await this.#wait(strike.after)
      if (strike.freeze && CAN_FREEZE) await this.#copyFrozen(living)
      const victims = strike.victims.map((role) => active.get(role))
      await this.#kill(victims, strike)
      if (strike === strikes.at(-1)) {
        await this.#close(living.filter((life) => !victims.includes(life)))
      } else {
        for (const { job } of victims) active.set(job.role, this.#start(job))
      }
    }
  }

  async #wait(milliseconds) {
    const start = now()
    await setTimeout(milliseconds)
    this.#late = Math.max(this.#late, (now() - start) / 1e6 - milliseconds)
  }

  #start(job) {
    // A process that deletes sessions gets each of them once.
    const inherited = this.#lives.length < this.#plan.jobs.length ? this.#inherited() : []
    const numbered = withLife({ ...job, inherited }, this.#plan.cycle, this.#lives.length)
    const life = new Life(numbered, this.#database)
    this.#lives.push(life)
    return life
  }

  /** The oldest sessions, to which no process writes any more. */
  #inherited() {
    return [...this.#database.states]
      .filter(([, { version }]) => version >= 0)
      .toSorted(([a], [b]) => b - a)
      .slice(SESSIONS_KEPT)
      .map(([stream, { version, next }]) => ({ stream, version, next }))
  }

  async #kill(victims, { closing }) {
    if (closing !== undefined) {
      for (const life of victims) life.signal('SIGTERM')
      await this.#wait(closing)
    }
    await Promise.all(victims.map((life) => life.kill()))
    this.#tally.kills += victims.length
  }

  async #close(lives) {
    await Promise.all(lives.map((life) => life.close()))
    this.#tally.closes += lives.length
  }

  /** Copies the file while all processes that write to it are stopped. Readers run on: they cannot change it. */
  async #copyFrozen(lives) {
    const writers = lives.filter(({ role }) => role !== 'reader')
    const start = now()
    await Promise.all(writers.map((life) => life.freeze()))
    const takenAt = now()
    this.#late = Math.max(this.#late, (takenAt - start) / 1e6)
    const copy = this.#copy(`frozen-${this.#copies.length}`)
    if (copy) this.#copies.push({ ...copy, takenAt, moments: this.#moments() })
    for (const life of writers) life.signal('SIGCONT')
  }

  #copy(name) {
    return copyDatabase(this.#database, `${this.#plan.cycle}-${name}`)
  }

  /** The journals of all processes, as they are now. */
  #moments() {
    return this.#lives.map((life) => ({ life, journal: life.journal() }))
  }

  /** Judges a file by the journals of the moment at which it was left. */
  #judge(file, moments, takenAt = Infinity) {
    const { seed, cycle, alone } = this.#plan
    const { states: base } = this.#database
    const stored = readStored(file, seed, new Random(seed, cycle, 1))
    const histories = moments.map(({ life, journal }) => ({
      role: life.role,
      life: life.job.life,
      store: life.job.store,
      endedAt: Math.min(life.killedAt, takenAt),
      ...historyOf(journal, base),
    }))
    const { states, ends } = judge(base, histories, stored.states)
    const losses = checkLosses(histories, ends, this.#late, alone)
    // A copy also lacks what was lost with processes that were killed before it was made.
    const ofNow = losses.filter(({ endedAt }) => takenAt === Infinity || endedAt === takenAt)
    this.#tally.lost(ofNow, alone)
    this.#tally.rows += stored.rows
    this.#tally.slowest = Math.max(this.#tally.slowest, ...histories.map(slowestCommit))
    if (takenAt !== Infinity) this.#tally.copies++
    return { states, ends, histories, stored }
  }

  /** Ids of outputs are never given twice, not even those of what was deleted. */
  #checkIds({ firstIds }) {
    const { lastId } = this.#database
    for (const [stream, id] of firstIds) {
      if (cycleOf(stream) === this.#plan.cycle && id <= lastId) {
        throw new Failure(`s-${stream} has output ${id}; ids up to ${lastId} were given before`)
      }
    }
  }
}
