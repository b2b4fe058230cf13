// The part of docs/runtimes.md that a run writes.

import { readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'

const START = '<!-- written by npm run runtimes -- --write -->'
const END = '<!-- end -->'

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** Writes the results of a run, and the list of differences with the reason of each. */
export async function writeDocs(file, results, differences) {
  const ran = table(
    ['runtime', 'tests passed', 'differ'],
    results.map(({ title, passed, differing }) => [title, passed, differing || '']),
  )
  const lists = results.flatMap(({ name, title }) => {
    const entries = differences[name] ?? []
    if (entries.length === 0) return []
    // Tests that differ for one reason are one difference.
    const reasons = [...new Set(entries.map(({ reason }) => reason))]
    return [`### ${title}`, reasons.map((reason) => `- ${reason}`).join('\n')]
  })
  const text = readFileSync(file, 'utf8')
  const [before, rest] = text.split(START)
  const after = rest.split(END)[1]
  const whole = `${before}${START}\n\n${[ran, ...lists].join('\n\n')}\n\n${END}${after}`
  const settings = await resolveConfig(file)
  writeFileSync(file, await format(whole, { ...settings, filepath: file }))
}
