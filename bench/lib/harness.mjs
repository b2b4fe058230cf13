// The load that a harness puts on its event loop, at its real pace.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeAndCount, spent } from './costs.mjs'
import { fillOutputs, fillSessions, SESSIONS } from './fixtures.mjs'
import { now, settle } from './measure.mjs'
import { distribution } from './stats.mjs'

/** How often new chunks are looked for, in ms. */
const TICK = 4

/** Chunks a second of a stream that prints line by line. */
const CALM = 250

/** Chunks a second of a stream that prints as fast as it can, for `BURST` ms in every `PERIOD`. */
const FLOOD = 4300
const BURST = 100
const PERIOD = 1000

/** Milliseconds between two looks of the dashboard, and of the MCP client. */
const DASHBOARD = 250
const MCP = 1000

/** A terminal: hands every chunk to `append` in a turn of its own, as a socket does. */
function startStream(number, chunks, append) {
  // Terminals do not burst in step.
  const start = now() - (number * PERIOD) / SESSIONS.length
  const due = () => {
    const elapsed = now() - start
    const bursting = Math.floor(elapsed / PERIOD) * BURST + Math.min(elapsed % PERIOD, BURST)
    return {
      calm: Math.floor((elapsed * CALM) / 1000),
      flooded: Math.floor((bursting * FLOOD) / 1000),
    }
  }
  let { calm, flooded } = due()
  const timer = setInterval(() => {
    const target = due()
    for (; calm < target.calm; calm++) {
      setImmediate(append, chunks.small[(calm * 3 + number) % chunks.small.length])
    }
    for (; flooded < target.flooded; flooded++) {
      setImmediate(append, chunks.large[(flooded * 3 + number) % chunks.large.length])
    }
  }, TICK)
  return () => clearInterval(timer)
}

/** A second's work for a server of tools. */
function poll({ sessions, outputs }, id) {
  sessions.findRunning()
  sessions.get(id)
  outputs.getBySessionSince(id, new Date(Date.now() - MCP))
}

/** What a dashboard shows. */
function look({ sessions, outputs }) {
  sessions.list()
  for (const id of SESSIONS) outputs.getBySession(id, 100)
}

/** Runs streams, dashboard and MCP client for `duration` ms; times in µs. */
export async function harness(database, chunks, duration) {
  const { stores } = database
  fillSessions(stores, 100)
  fillOutputs(stores, chunks.small, 3000)
  const calls = []
  const stops = SESSIONS.map((sessionId, number) =>
    startStream(number, chunks, (data) => {
      const output = { sessionId, timestamp: new Date(), type: 'stdout', data }
      const start = now()
      stores.outputs.append(output)
      calls.push((now() - start) * 1000)
    }),
  )
  const timers = [setInterval(look, DASHBOARD, stores), setInterval(poll, MCP, stores, SESSIONS[0])]
  // The first moments compile code.
  await sleep(500)
  settle()
  calls.length = 0
  const costs = spent()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const before = performance.eventLoopUtilization()
  delay.enable()
  await sleep(duration)
  delay.disable()
  const { utilization } = performance.eventLoopUtilization(before)
  const append = distribution(calls)
  for (const stop of stops) stop()
  for (const timer of timers) clearInterval(timer)
  // Chunks that have arrived are still handed over.
  await sleep(2 * TICK)
  return {
    ...closeAndCount(database, costs, calls.length),
    delayP50: delay.percentile(50) / 1000,
    delayP99: delay.percentile(99) / 1000,
    delayP999: delay.percentile(99.9) / 1000,
    delayMax: delay.max / 1000,
    busy: utilization * 100,
    appendMean: append.mean,
    appendP999: append.p999,
    appends: calls.length,
  }
}
