// A fleet while servers fail: a machine prints and is sent to three PostgreSQL servers, one of which leads and is killed, again and
// again. Then each chunk of the cluster is compared with the file.
//
//   apt-get install --no-install-recommends patroni etcd-server postgresql
//   npm run fleet:failover -- --failovers 3
//
// Patroni keeps the servers, with synchronous replication: what the leader has acknowledged, another one has.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { Fleet, Shipper } from '@gsd/session-fleet'
import { Client } from 'pg'
import { Patroni } from './patroni.mjs'

const { values } = parseArgs({ options: { failovers: { type: 'string', default: '3' } } })
const failovers = Number(values.failovers)

const IDS = ['build', 'tests', 'server']

/** A machine that prints until it is told to end. */
class Machine {
  #isEnded = false
  #done
  printed = 0

  constructor(path) {
    this.path = path
    this.connection = new DatabaseConnection(path)
    this.sessions = new SessionStore(this.connection)
    this.outputs = new OutputStore(this.connection)
    for (const [slot, id] of IDS.entries()) {
      const startedAt = new Date()
      this.sessions.create({ id, slot: slot + 1, status: 'running', workingDir: '/', startedAt })
    }
    this.#done = this.#print()
  }

  async #print() {
    while (!this.#isEnded) {
      const chunks = Array.from({ length: 30 }, () => ({
        sessionId: IDS[this.printed % IDS.length],
        timestamp: new Date(),
        type: 'stdout',
        data: `${this.printed++} \u001b[32mok\u001b[0m ${'compiled and linked '.repeat(this.printed % 4)}\r\n`,
      }))
      this.outputs.appendMany(chunks)
      if (this.printed % 3000 === 0) this.sessions.update(IDS[0], { title: `at ${this.printed}` })
      await sleep(20)
    }
  }

  async end() {
    this.#isEnded = true
    await this.#done
    for (const id of IDS) this.sessions.update(id, { status: 'completed', endedAt: new Date() })
  }
}

/** The first value of the first row of a query. */
async function ask(url, sql) {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`

/** Kills the server that leads, and waits for another one. Returns whether that has all that was acknowledged. */
async function failOver(cluster, acknowledged) {
  const leader = await cluster.leader()
  const before = acknowledged()
  await cluster.kill(leader)
  const killed = performance.now()
  const next = await cluster.leader()
  const has = Number(
    await ask(cluster.urlOf(next, 'fleet'), 'SELECT sum(outputs) FROM gsd_fleet.blocks'),
  )
  const took = seconds(killed)
  cluster.revive(leader)
  await cluster.whole()
  console.log(
    `${leader.name} killed with ${before} chunks acknowledged; ${next.name} leads after ${took}, with ${has}`,
  )
  return has >= before
}

/** The sessions that the cluster has otherwise than the file. */
async function differences(fleet, machine) {
  const found = []
  for (const id of IDS) {
    const { outputs, close } = await fleet.open(id)
    const [sent, stored] = [outputs, machine.outputs].map((store) => [...store.iterate(id)])
    if (!isDeepStrictEqual(sent, stored)) found.push(`${id}: ${sent.length} of ${stored.length}`)
    close()
  }
  return found
}

console.log('Three servers start, which takes a while.')
const folder = mkdtempSync(join(tmpdir(), 'gsd-failover-machine-'))
const cluster = await Patroni.start(3)
try {
  await ask(cluster.urlOf(await cluster.leader(), 'postgres'), 'CREATE DATABASE fleet')
  const to = cluster.url('fleet')
  const fleet = new Fleet({ to, patience: 120_000 })
  await fleet.init()
  const machine = new Machine(join(folder, 'sessions.db'))
  let [acknowledged, failures] = [0, 0]
  const shipper = new Shipper({
    file: machine.path,
    to,
    interval: 50,
    onProgress: ({ outputs }) => (acknowledged = outputs),
    onError: () => failures++,
  })
  await shipper.watch()
  const wrong = []
  for (let round = 1; round <= failovers; round++) {
    await sleep(3_000)
    if (!(await failOver(cluster, () => acknowledged))) wrong.push(`failover ${round} lost chunks`)
  }
  await sleep(3_000)
  await machine.end()
  await shipper.push()
  await shipper.close()
  wrong.push(...(await differences(fleet, machine)))
  await fleet.close()
  machine.connection.close()
  const told = `${machine.printed} chunks, ${failovers} failovers, ${failures} pushes that failed and went on`
  if (wrong.length > 0) throw new Error(`${told}:\n${wrong.join('\n')}`)
  console.log(`${told}: nothing is lost, nothing is there twice.`)
} catch (error) {
  for (const [name, log] of cluster.logs) console.error(`== ${name}\n${log.slice(-30).join('')}`)
  console.error(error)
  process.exitCode = 1
} finally {
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
}
