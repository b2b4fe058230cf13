// The manual page of `gsd-sessions`, made from its README. `--check` tells whether the committed one is that.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import remarkMan from 'remark-man'

const cli = join(dirname(fileURLToPath(import.meta.url)), '../packages/cli')
const file = join(cli, 'man/gsd-sessions.1')
const { version, description } = JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8'))

const text = (value) => ({ type: 'text', value })

/** The words of a link without its target, which means nothing in a manual page. */
const withoutLinks = (node) =>
  node.type === 'link'
    ? node.children.flatMap(withoutLinks)
    : [{ ...node, ...(node.children && { children: node.children.flatMap(withoutLinks) }) }]

/** A table as a list: what is in the first column, and what is said of it. */
function listOf({ children: [, ...rows] }) {
  const item = ({ children: [name, ...rest] }) => {
    const told = rest.flatMap((cell) => [text(' '), ...cell.children])
    const paragraph = { type: 'paragraph', children: [...name.children, text(' \u2013'), ...told] }
    return { type: 'listItem', children: [paragraph] }
  }
  return { type: 'list', children: rows.map(item) }
}

/** What differs between a page on the web and one of the manual. */
function forTheManual() {
  return (tree) => {
    const children = tree.children.flatMap(withoutLinks)
    return {
      ...tree,
      children: children.map((node) => (node.type === 'table' ? listOf(node) : node)),
    }
  }
}

/** What is told to those who work on the command stands behind this heading. */
const readme = readFileSync(join(cli, 'README.md'), 'utf8').split('\n## Adding a command\n')[0]

const page = await remark()
  .use(remarkGfm)
  .use(forTheManual)
  .use(remarkMan, { name: 'gsd-sessions', section: 1, description, version })
  .process(readme)
// A page with the month of its making would differ from month to month.
const made = String(page).replace(
  /^(\.TH "\S+" "1" )"[^"]*" "[^"]*"/m,
  `$1"" "gsd-sessions ${version}"`,
)

if (!process.argv.includes('--check')) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, made)
} else if (readFileSync(file, 'utf8') !== made) {
  console.log('packages/cli/man/gsd-sessions.1 is not that of the README: run npm run man')
  process.exitCode = 1
}
