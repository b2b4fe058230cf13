// The benchmark: every trial on every side, round after round, each in a process of its own.
//
//   node bench/run.mjs --help

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeBinary } from './lib/binary.mjs'
import { TRIALS } from './lib/calls.mjs'
import { chart } from './lib/chart.mjs'
import { difference } from './lib/equality.mjs'
import { hasFloor, runFloor } from './lib/floor.mjs'
import { machine } from './lib/machine.mjs'
import { findNode } from './lib/node.mjs'
import { readOptions } from './lib/options.mjs'
import { inFolder, runJob } from './lib/processes.mjs'
import { markdown } from './lib/report.mjs'
import { MAY_DIFFER } from './lib/settings.mjs'
import { cut, digest, encodeChunks, KINDS, terminalText } from './lib/text.mjs'

const bench = dirname(fileURLToPath(import.meta.url))
const root = dirname(bench)

/** Writes the chunks to files that all sides read, and says what they are. */
function prepareText(folder) {
  const text = terminalText(root)
  const bytes = Buffer.byteLength(text)
  const files = {}
  const counts = {}
  let wide = 0
  for (const [kind, shape] of Object.entries(KINDS)) {
    const chunks = cut(text, shape)
    files[kind] = join(folder, kind)
    writeFileSync(files[kind], encodeChunks(chunks))
    counts[kind] = chunks.length
    if (kind === 'small') {
      // oxlint-disable-next-line no-control-regex -- ASCII starts with the control characters
      wide = chunks.filter((chunk) => /[^\0-\x7f]/.test(chunk)).length / chunks.length
    }
  }
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root })
  return {
    files,
    about: {
      bytes,
      digest: digest(text),
      commit: commit.toString().trim(),
      ...counts,
      smallMean: Math.round(bytes / counts.small),
      largeMean: Math.round(bytes / counts.large),
      wide: Math.round(wide * 1000) / 10,
    },
  }
}

/** Why a peer cannot be compared with the first one, `undefined` if it can. */
function obstacle(first, peer) {
  for (const [name, value] of Object.entries(first.settings.pragmas)) {
    const theirs = peer.settings.pragmas[name]
    if (theirs !== value && !MAY_DIFFER.includes(name)) {
      return `PRAGMA ${name} is ${theirs} for ${peer.name}, ${value} for ${first.name}`
    }
  }
  return difference(first, peer)
}

/**
 * The peers that can be compared: with the same settings, and the same results of every call. The
 * first two must be; others are left out with a note.
 */
async function checkPeers(context, names, notes) {
  const peers = []
  for (const name of names) {
    try {
      const job = { peer: name, chunks: context.chunks }
      const peer = {
        name,
        settings: await runJob(context, { ...job, task: 'settings' }),
        results: await runJob(context, { ...job, task: 'equality' }),
      }
      const reason = peers.length > 0 ? obstacle(peers[0], peer) : undefined
      if (reason !== undefined) throw new Error(reason)
      const missing = peers[0]?.settings.schema.filter(
        (item) => !peer.settings.schema.includes(item),
      )
      if (missing?.length > 0) {
        const note = `only ${peers[0].name} has in its schema: ${missing.join('; ')}`
        if (!notes.includes(note)) notes.push(note)
      }
      if (peer.settings.excuse) notes.push(`${name} ${peer.settings.excuse.reason}`)
      peers.push(peer)
    } catch (error) {
      if (peers.length < 2) throw error
      notes.push(`${name} is left out: ${error.message.split('\n')[0]}`)
      console.error(error.message)
    }
  }
  await checkWriteBehind(context, peers[0])
  return peers.map((peer) => ({ name: peer.name, ...peer.settings }))
}

/** Writing behind must not change what is read. */
async function checkWriteBehind(context, peer) {
  if (!peer.settings.hasWriteBehind) return
  const job = { peer: peer.name, chunks: context.chunks, task: 'equality', writeBehind: true }
  const behind = {
    ...peer,
    name: `${peer.name}, write-behind`,
    results: await runJob(context, job),
  }
  const reason = obstacle(peer, behind)
  if (reason !== undefined) throw new Error(reason)
}

/** The trials to run, with the peers that run each. */
async function plan(options, peers, notes) {
  const trials = []
  for (const name of TRIALS.filter((trial) => options.only.test(trial))) {
    const { needs, rivals } = await import(`./trials/${name}.mjs`)
    if (rivals !== undefined) {
      trials.push({ name, peers: peers.filter((peer, i) => i === 0 || rivals.includes(peer.name)) })
    } else if (needs === undefined) trials.push({ name, peers })
    else if (peers[0][needs]) trials.push({ name, peers: peers.slice(0, 2) })
    else notes.push(`${name} is skipped: ${peers[0].name} has no write-behind yet`)
  }
  if (trials.length === 0) throw new Error('There is nothing to run.')
  return trials
}

async function measure(context, options, trials) {
  const rounds = {}
  const floor = {}
  for (let round = 0; round < options.rounds; round++) {
    for (const { name, peers } of trials) {
      const start = performance.now()
      // The second peer meets what the first one left in caches and in writes that are still under way.
      for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
        const job = { peer: peer.name, trial: name, chunks: context.chunks, quick: options.quick }
        const all = ((rounds[name] ??= {})[peer.name] ??= [])
        all.push(await runJob(context, job))
      }
      if (hasFloor()) {
        const metrics = await runFloor(name, { ...context, quick: options.quick })
        if (metrics !== undefined) (floor[name] ??= []).push(metrics)
      }
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      console.error(`round ${round + 1} of ${options.rounds}: ${name}, ${seconds} s`)
    }
  }
  return { rounds, floor }
}

function run(options) {
  return inFolder(options.dir, async (folder) => {
    const node = findNode(options.node)
    const notes = []
    const { files, about } = prepareText(folder)
    const context = { node, dir: options.dir, chunks: files }
    const date = new Date().toISOString()
    const aboutMachine = machine(options.dir)
    if (options.binary) process.env.NAPI_RS_NATIVE_LIBRARY_PATH = resolve(options.binary)
    const peers = await checkPeers(context, options.peers, notes)
    const binary = describeBinary(peers[0].binary, root)
    if (binary.profile === 'debug') notes.push('a debug build: no figure here says anything')
    console.error(`Same settings, same results: ${peers.map(({ name }) => name).join(', ')}`)
    const trials = await plan(options, peers, notes)
    const { rounds, quick } = options
    return {
      date,
      options: { rounds, quick },
      machine: aboutMachine,
      binary,
      text: about,
      peers,
      notes,
      ...(await measure(context, options, trials)),
    }
  })
}

/** Keeps the results, and says where. */
function save(options, results) {
  const name = options.name ?? results.date.slice(0, 16).replaceAll(':', '')
  const file = join(bench, 'results', `${name}.json`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  console.error(`Results: ${file}`)
}

async function main(options) {
  const earlier = options.from && JSON.parse(readFileSync(options.from, 'utf8'))
  const results = earlier ?? (await run(options))
  if (!earlier) save(options, results)
  console.log(markdown(results))
  if (options.svg) writeFileSync(options.svg, chart(results))
}

// An interrupted run takes its databases with it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
try {
  await main(readOptions())
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
