// What a shipper costs the harness: the times of `append` while a thread beside it sends what is stored to a PostgreSQL server on the
// same machine, and while none does, in turns.
//
//   node packages/fleet/test/postgres/install.mjs
//   node bench/fleet.mjs [--seconds 20] [--rounds 5] [--rate 2000]

import { performance } from 'node:perf_hooks'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { setImmediate } from 'node:timers/promises'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { Fleet, Shipper } from '@gsd/session-fleet'
import { Server } from '../packages/fleet/test/server.mjs'
import { inFolder } from './lib/processes.mjs'
import { compare, distribution } from './lib/stats.mjs'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '5' },
    // Chunks a second, in ten sessions: what some busy builds print.
    rate: { type: 'string', default: '2000' },
  },
})
const [seconds, rounds, rate] = [values.seconds, values.rounds, values.rate].map(Number)
const SESSIONS = 10
const DATA = '\u001b[32m✓\u001b[39m src/store/outputs.test.ts (12 tests) 341 ms\r\n'.repeat(3)

/** The times of appends at an even rate, in microseconds. */
async function timed(file) {
  const connection = new DatabaseConnection(file)
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection)
  for (let at = 0; at < SESSIONS; at++) {
    const startedAt = new Date()
    sessions.create({ id: `s-${at}`, slot: 1, status: 'running', workingDir: '/', startedAt })
  }
  const times = []
  const start = performance.now()
  for (let count = 0; count < seconds * rate; count++) {
    while (performance.now() < start + (count * 1000) / rate) await setImmediate()
    const chunk = {
      sessionId: `s-${count % SESSIONS}`,
      timestamp: new Date(),
      type: 'stdout',
      data: DATA,
    }
    const began = performance.now()
    outputs.append(chunk)
    times.push((performance.now() - began) * 1000)
  }
  connection.close()
  return distribution(times)
}

async function timedBeside(file, to) {
  new DatabaseConnection(file).close()
  const shipper = new Shipper({ file, to })
  await shipper.watch()
  const times = await timed(file)
  const { outputs } = await shipper.push()
  await shipper.close()
  if (outputs !== seconds * rate) throw new Error(`${outputs} chunks were sent`)
  return times
}

const server = await Server.start({ fsync: 'on' })
try {
  const [alone, beside] = [[], []]
  for (let round = 0; round < rounds; round++) {
    await inFolder(tmpdir(), async (folder) => {
      const to = await server.database()
      const fleet = new Fleet({ to })
      await fleet.init()
      await fleet.close()
      const sides = [
        async () => alone.push(await timed(join(folder, 'alone.db'))),
        async () => beside.push(await timedBeside(join(folder, 'beside.db'), to)),
      ]
      for (const side of round % 2 === 0 ? sides : sides.reverse()) await side()
    })
  }
  for (const name of ['p50', 'p99', 'p999', 'max']) {
    const [with_, without] = [beside, alone].map((all) => all.map((times) => times[name]))
    const { ratio, low, high } = compare(with_, without)
    console.log(
      `${name}: ${ratio.toFixed(2)} times that without a shipper (${low.toFixed(2)} to ${high.toFixed(2)})`,
    )
  }
} finally {
  await server.stop()
}
