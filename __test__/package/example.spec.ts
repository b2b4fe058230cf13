// `npm start`: it records commands, and prints what the README shows.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runScript } from '../support/child.js'
import { openStores, temporaryPath } from '../support/support.js'

/** The headings that the README shows, up to what differs from run to run. */
function headingsInReadme(): string[] {
  const [, block = ''] = /\$ npm start\n([^]+?)\n```/.exec(readFileSync('README.md', 'utf8')) ?? []
  const headings = block.split('\n').filter((line) => /^\S/.test(line))
  return headings.map((line) => line.replace(/ into .*/, ''))
}

test('npm start records sessions, searches them and prints statistics', async () => {
  const path = temporaryPath()
  const { code, stdout, stderr } = await runScript('examples/record.mjs', [path])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { connection, sessions, outputs } = openStores(path)
  expect(sessions.list().map(({ slot }) => slot)).toHaveLength(3)

  const { matches } = outputs.search('error', { limit: 5 })
  expect(matches.length).toBeGreaterThan(0)
  for (const { sessionId, lineNumber, line } of matches) {
    const { slot } = sessions.get(sessionId) ?? {}
    expect(stdout).toContain(`  slot ${slot}, line ${lineNumber}: ${line}\n`)
  }

  const { outputs: chunks, bytes, largest } = connection.stats({ sessions: 1 })
  expect(stdout).toContain(`  chunks    ${chunks}, ${(bytes / 1000).toFixed(1)} kB of text\n`)
  expect(stdout).toContain(`  largest   ${largest[0]?.sessionId}, `)

  expect(headingsInReadme()).toHaveLength(5)
  for (const heading of headingsInReadme()) expect(stdout).toContain(`\n${heading}`)
})
