// Crash torture: processes write to one database file and are killed, over and over, and what the file holds then is
// held against what they had been told.
//
//   npm run torture -- --help
//
// In each cycle writers (append, appendMany, the session store, write-behind), a reader and somebody who runs
// checkpoints work on one file. One or all are killed at a random moment, some start again on the same file; some
// files are copied without their shared memory while all writers stand still, as a machine that stops would leave
// them. A file lives for 20 cycles.
//
// The seed repeats who works, what each does in which order, every byte, and when the kills come. It does not repeat
// how the system schedules the processes, so neither how far each comes nor where in an operation a kill strikes.
//
// A kill loses nothing that the system was given, and a copy has all of it, in its order. Neither is a power failure,
// which may lose or reorder what was not flushed to the disk.
//
// lib/plan.mjs says what a cycle does, lib/verdict.mjs what must hold.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Cycle } from './lib/cycle.mjs'
import { readOptions } from './lib/options.mjs'
import { CYCLES_PER_FILE, planOf } from './lib/plan.mjs'
import { Tally } from './lib/tally.mjs'

if (process.platform === 'win32') {
  console.error('The torture kills and stops processes by signals, which Windows does not have.')
  process.exit(2)
}

const { cycles, seed, from, dir } = readOptions()
const root = mkdtempSync(join(dir, 'session-store-torture-'))
const tally = new Tally()
console.log(`Torture with --seed ${seed}, cycles ${from} to ${from + cycles - 1}, in ${root}`)

let database
for (let cycle = from; cycle < from + cycles; cycle++) {
  if (!database || cycle % CYCLES_PER_FILE === 0) database = nextDatabase(cycle)
  const plan = planOf(seed, cycle)
  try {
    await new Cycle(plan, database, tally).run()
    tally.cycles++
  } catch (error) {
    report(error, plan)
    process.exit(1)
  }
}
rmSync(root, { recursive: true })
console.log(`Everything acknowledged was there, and nothing else.\n\n${tally.summary()}`)

/** A new file; the one before is done with. */
function nextDatabase(cycle) {
  if (database) {
    rmSync(database.folder, { recursive: true })
    console.log(
      `  cycle ${cycle}: ${tally.kills} kills, ${tally.rows.toLocaleString('en')} rows verified`,
    )
  }
  const folder = join(root, `cycle-${cycle}`)
  mkdirSync(folder)
  return { folder, file: join(folder, 'sessions.db'), states: new Map(), lastId: 0, since: cycle }
}

function report(error, plan) {
  const { cycle } = plan
  // A file with a history needs its history.
  const count = cycle - database.since + 1
  console.error(
    `\nFAILED in cycle ${cycle}: ${error.name === 'Failure' ? error.message : error.stack}\n\n` +
      `To repeat:  npm run torture -- --seed ${seed} --from ${database.since} --cycles ${count}\n` +
      `The journals and the files (in ${cycle}-left as the kill left them):  ${database.folder}\n\n` +
      `${JSON.stringify(plan, undefined, 1)}\n\n${tally.summary()}`,
  )
}
