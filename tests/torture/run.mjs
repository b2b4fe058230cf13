// Crash torture: processes write to one database file and are killed, over and over. Then the content of the file is
// compared with what the calls had acknowledged.
//
//   npm run torture -- --help
//
// In each cycle writers (append, appendMany, the session store, write-behind), a reader and a process that runs
// checkpoints work on one file. One or all are killed at a random moment, some start again on the same file; some
// files are copied without their shared memory while all writers are stopped, as a machine that stops would leave
// them. A file lives for 20 cycles.
//
// Half of the writers redact, and are given secrets, of which no byte may be in the file or its log.
//
// The seed repeats which processes work, their operations in order, every byte, and the times of the kills. It does not
// repeat how the system schedules the processes: how far each gets, and where in an operation a kill strikes.
//
// After a kill the system still has everything that it was given, and a copy has all of it in order. Neither is a power
// failure, which may lose or reorder what was not flushed to the disk.
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

/** A new file, in the place of the one before. */
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
  // The command repeats all cycles since the file was new.
  const count = cycle - database.since + 1
  console.error(
    `\nFAILED in cycle ${cycle}: ${error.name === 'Failure' ? error.message : error.stack}\n\n` +
      `To repeat:  npm run torture -- --seed ${seed} --from ${database.since} --cycles ${count}\n` +
      `The journals and the files (in ${cycle}-left as the kill left them):  ${database.folder}\n\n` +
      `${JSON.stringify(plan, undefined, 1)}\n\n${tally.summary()}`,
  )
}
