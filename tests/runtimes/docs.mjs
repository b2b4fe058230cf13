// Writes the generated part of docs/runtimes.md.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { differences } from './differences.mjs'
import { runtimes } from './runtimes.mjs'

const START = '<!-- written by npm run runtimes -- --write -->'
const END = '<!-- end -->'

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** Adds the results of a run, by runtime, to those of earlier runs, and writes all of them into the docs. */
export async function writeDocs(root, results) {
  const resultsFile = join(root, 'tests/runtimes/results.json')
  const all = { ...JSON.parse(readFileSync(resultsFile, 'utf8')), ...results }
  const known = Object.keys(runtimes).filter((name) => name in all)
  const ran = table(
    ['runtime', 'tests passed', 'tests that differ'],
    known.map((name) => [all[name].title, all[name].passed, all[name].differing]),
  )
  const lists = known.flatMap((name) => {
    // Tests that fail for the same reason are listed once.
    const reasons = new Set((differences[name] ?? []).map(({ reason }) => reason))
    if (reasons.size === 0) return []
    return [`### ${all[name].title}`, [...reasons].map((reason) => `- ${reason}`).join('\n')]
  })

  const file = join(root, 'docs/runtimes.md')
  const text = readFileSync(file, 'utf8')
  const before = text.slice(0, text.indexOf(START))
  const after = text.slice(text.indexOf(END))
  const whole = `${before}${START}\n\n${[ran, ...lists].join('\n\n')}\n\n${after}`
  const settings = { ...(await resolveConfig(file)), proseWrap: 'always', printWidth: 120 }
  const sorted = Object.fromEntries(known.map((name) => [name, all[name]]))
  const written = [
    [file, whole],
    [resultsFile, JSON.stringify(sorted)],
  ]
  for (const [filepath, content] of written)
    writeFileSync(filepath, await format(content, { ...settings, filepath }))
}
