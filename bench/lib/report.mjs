// Results as Markdown. The first peer is this package, the second the one that goals are about.

import { CALLS, TRIALS } from './calls.mjs'
import { compare, median } from './stats.mjs'

const DISTRIBUTIONS = [
  ['append, 150 B', 'append-small'],
  ['append, 2.4 kB', 'append-large'],
  ['append, 150 B, write-behind', 'append-write-behind'],
]

const LOOPS = [
  ['one commit per chunk', 'event-loop'],
  ['write-behind', 'event-loop-write-behind'],
]

/** A number with three digits that count. */
function digits(number) {
  if (number >= 100) return String(Math.round(number))
  return number.toPrecision(3)
}

/** A number with its unit. */
export function quantity(number, unit = 'µs') {
  if (unit === '%') return `${digits(number)} %`
  if (unit === 'bytes') {
    if (number >= 1e6) return `${digits(number / 1e6)} MB`
    return number >= 1e4 ? `${digits(number / 1e3)} kB` : `${Math.round(number)} B`
  }
  return number >= 1000 ? `${digits(number / 1000)} ms` : `${digits(number)} µs`
}

/** A Markdown table; columns after the first are numbers. Nothing if there are no rows. */
function table(header, rows) {
  if (rows.length === 0) return undefined
  const widths = header.map((cell, i) => Math.max(...[header, ...rows].map((row) => row[i].length)))
  const line = (cells) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(header), line(rule), ...rows.map(line)].join('\n')
}

/** The values of a call on a peer, one a round; `undefined` where it did not run. */
function values(results, peer, { trial, metric }) {
  const rounds = results.rounds[trial]?.[peer]?.map((metrics) => metrics[metric])
  return rounds?.every(Number.isFinite) ? rounds : undefined
}

function spread({ ratio, low, high }) {
  return `${ratio.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
}

/** How this package compares with a peer, call by call; calls that did not run are left out. */
export function comparisons(results, peer) {
  const [own] = results.peers
  return CALLS.flatMap((call) => {
    const ours = values(results, own.name, call)
    const theirs = values(results, peer.name, call)
    if (ours === undefined || theirs === undefined) return []
    return [{ ...call, ours: median(ours), theirs: median(theirs), ...compare(ours, theirs) }]
  })
}

/** Whether a ratio, as exact as it is printed, is good enough. */
function isMet({ ratio, goal }) {
  return Number(ratio.toFixed(2)) <= goal
}

function goals(results) {
  const [, peer] = results.peers
  const hasFloor = Object.keys(results.floor).length > 0
  const rows = comparisons(results, peer).map((row) => {
    const floor = results.floor[row.trial]?.map((metrics) => metrics[row.metric])
    return [
      row.call,
      quantity(row.ours, row.unit),
      quantity(row.theirs, row.unit),
      spread(row),
      row.goal === undefined ? '' : `≤ ${row.goal.toFixed(2)}`,
      row.goal === undefined ? '' : isMet(row) ? 'yes' : '**no**',
      ...(hasFloor ? [floor?.every(Number.isFinite) ? quantity(median(floor), row.unit) : ''] : []),
    ]
  })
  const header = ['call', 'session-store', peer.name, 'ratio (spread)', 'goal', 'met?']
  return table(hasFloor ? [...header, 'Rust alone'] : header, rows)
}

function others(results) {
  const [own, , ...peers] = results.peers
  if (peers.length === 0) return undefined
  const cell = (call, peer) => {
    const ours = values(results, own.name, call)
    const theirs = values(results, peer.name, call)
    if (ours === undefined || theirs === undefined) return ''
    return `${quantity(median(theirs), call.unit)}, ${spread(compare(ours, theirs))}`
  }
  const rows = CALLS.map((call) => {
    const ours = values(results, own.name, call)
    const cells = peers.map((peer) => cell(call, peer))
    return [call.call, ours ? quantity(median(ours), call.unit) : '', ...cells]
  }).filter((cells) => cells.slice(2).some((text) => text !== ''))
  return table(['call', own.name, ...peers.map(({ name }) => `${name}, ratio`)], rows)
}

/** A line for every peer that ran a trial, with the medians of some of its metrics. */
function byPeer(results, trials, metrics, unit) {
  return trials.flatMap(([title, trial]) =>
    results.peers.flatMap(({ name }) => {
      const cells = metrics.map((metric) => values(results, name, { trial, metric }))
      if (cells.includes(undefined)) return []
      return [[title, name, ...cells.map((rounds, i) => quantity(median(rounds), unit?.[i]))]]
    }),
  )
}

function memory(results) {
  const rows = TRIALS.map((trial) => [
    trial,
    ...results.peers.map(({ name }) => {
      const rounds = values(results, name, { trial, metric: 'memory' })
      return rounds ? `${Math.round(median(rounds) / 1e6)} MB` : ''
    }),
  ]).filter((cells) => cells[1] !== '')
  return table(['trial', ...results.peers.map(({ name }) => name)], rows)
}

function build({ path, size, target, glibc, profile, kind }) {
  const facts = [kind, profile, target, glibc && `glibc ${glibc}`, `${size} bytes`, path]
  return `- Build: ${facts.filter(Boolean).join(', ')}`
}

function settings(results) {
  const { machine, binary, peers, text, options } = results
  const [own] = peers
  const same = Object.entries(own.pragmas)
    .filter(([name, value]) => peers.every(({ pragmas }) => pragmas[name] === value))
    .map(([name, value]) => `${name}=${value}`)
  const different = peers.map(({ name, version, sqlite, compiler, pragmas }) => {
    const list = Object.entries(pragmas)
      .map(([key, value]) => `${key}=${value}`)
      .filter((setting) => !same.includes(setting))
      .join(', ')
    const by = compiler ? ` by ${compiler}` : ''
    return `- ${name} ${version}: SQLite ${sqlite}${by}${list && `; ${list}`}`
  })
  return [
    `- Node.js ${own.node.slice(1)}, ${machine.cpu}, ${machine.system}`,
    `- Files on ${machine.fileSystem}; load average ${machine.load.toFixed(2)} at the start`,
    `- Text: ${text.bytes} bytes of terminal output (digest ${text.digest}), commit ${text.commit}; ` +
      `${text.small} chunks of ${text.smallMean} bytes on average, ${text.large} of ${text.largeMean}; ` +
      `${text.wide} % of the small ones are not ASCII`,
    ...(binary ? [build(binary)] : []),
    `- Rounds: ${options.rounds}${options.quick ? ', quick' : ''}`,
    `- Pragmas read back on every side: ${same.join(', ')}`,
    ...different,
    ...results.notes.map((note) => `- Note: ${note}`),
  ].join('\n')
}

/** Everything, as Markdown. */
export function markdown(results) {
  const { peers } = results
  const sections = [
    [`session-store and ${peers[1].name}`, goals(results)],
    ['Other libraries', others(results)],
    [
      'One append',
      table(
        ['append', 'library', 'mean', 'p50', 'p99', 'p99.9', 'max', 'CPU', 'written', 'log'],
        byPeer(
          results,
          DISTRIBUTIONS,
          ['mean', 'p50', 'p99', 'p999', 'max', 'cpu', 'bytes', 'log'],
          ['µs', 'µs', 'µs', 'µs', 'µs', 'µs', 'bytes', 'bytes'],
        ),
      ),
    ],
    [
      'Delay of the event loop under the load of a harness',
      table(
        ['append', 'library', 'p50', 'p99', 'p99.9', 'max', 'busy', 'append p99.9'],
        byPeer(
          results,
          LOOPS,
          ['delayP50', 'delayP99', 'delayP999', 'delayMax', 'busy', 'appendP999'],
          ['µs', 'µs', 'µs', 'µs', '%', 'µs'],
        ),
      ),
    ],
    ['Peak memory of the process', memory(results)],
  ]
  return [
    `# Benchmark of ${results.date.slice(0, 10)}`,
    settings(results),
    ...sections.flatMap(([title, text]) => (text === undefined ? [] : [`## ${title}`, text])),
  ].join('\n\n')
}
