// One trial of one peer, in a process of its own: started by run.mjs with what to do as JSON.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readAll } from './lib/equality.mjs'
import { settings } from './lib/settings.mjs'
import { decodeChunks } from './lib/text.mjs'

const job = JSON.parse(process.argv[2])
const peer = await import(`./peers/${job.peer}.mjs`)
const file = join(job.folder, 'sessions.db')

/**
 * The most memory that this process had resident, in bytes. Linux counts the memory of the parent
 * into `maxRSS` of a process that was forked from it, but not into this line.
 */
function peakMemory() {
  try {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(line[1]) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

function chunksOf(kind) {
  return decodeChunks(readFileSync(job.chunks[kind]))
}

async function runTrial() {
  const trial = await import(`./trials/${job.trial}.mjs`)
  const metrics = await trial.run({
    chunks: { small: chunksOf('small'), large: chunksOf('large') },
    file,
    open: (options) => peer.open(file, options),
    quick: job.quick,
    budget: job.quick ? 60 : 250,
  })
  return { ...metrics, memory: peakMemory() }
}

switch (job.task) {
  case 'settings':
    process.send(settings(peer, file))
    break
  case 'equality':
    process.send(readAll(peer.open(file, { writeBehind: job.writeBehind }), chunksOf('small')))
    break
  default:
    process.send(await runTrial())
}
process.disconnect()
