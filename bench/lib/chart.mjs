// The ratios as bars, in an SVG that follows the reader's light or dark theme.

import { comparisons } from './report.mjs'

const WIDTH = 760
const LEFT = 250
const RIGHT = 90
const TOP = 56
const ROW = 24
const BAR = 14

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-size: 15px; font-weight: 600; }
    .quiet { fill: #59636e; }
    .bar { fill: #2f81f7; }
    .slower { fill: #d4652f; }
    .spread { stroke: #1f2328; stroke-opacity: 0.45; }
    .peer { stroke: #59636e; stroke-dasharray: 3 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #9198a1; }
      .spread { stroke: #e6edf3; }
      .peer { stroke: #9198a1; }
    }`

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** The chart of the calls that have a goal. */
export function chart(results) {
  const [own, peer] = results.peers
  const rows = comparisons(results, peer).filter(({ goal }) => goal !== undefined)
  // Beyond the end a bar is cut off; its number says how long it would be.
  const longest = Math.min(2, Math.max(1.1, ...rows.map(({ high }) => high)))
  const x = (ratio) => LEFT + (Math.min(ratio, longest) / longest) * (WIDTH - LEFT - RIGHT)
  const height = TOP + rows.length * ROW + 16
  const bars = rows.map(({ call, ratio, low, high }, i) => {
    const y = TOP + i * ROW
    const middle = y + BAR / 2
    return `  <text x="${LEFT - 10}" y="${middle + 4}" text-anchor="end">${escape(call)}</text>
  <rect class="${Number(ratio.toFixed(2)) > 1 ? 'slower' : 'bar'}" x="${LEFT}" y="${y}" width="${(x(ratio) - LEFT).toFixed(1)}" height="${BAR}" rx="2"/>
  <line class="spread" x1="${x(low).toFixed(1)}" x2="${x(high).toFixed(1)}" y1="${middle}" y2="${middle}"/>
  <text x="${WIDTH - RIGHT + 12}" y="${middle + 4}">${ratio.toFixed(2)}</text>`
  })
  const title = `${own.name} against ${peer.name} ${peer.version}: time of a call`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
  <style>${STYLE}
  </style>
  <text class="title" x="12" y="22">${escape(title)}</text>
  <text class="quiet" x="12" y="41">${escape(`${peer.name} is 1; shorter is better. Thin lines: least and greatest ratio of a round.`)}</text>
  <line class="peer" x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="${TOP - 6}" y2="${height - 12}"/>
${bars.join('\n')}
</svg>
`
}
