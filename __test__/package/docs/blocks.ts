// The code blocks of the docs, and what each of them needs to run.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A fenced block of a page. */
export interface Block {
  /** Where it stands: page and line. */
  place: string
  page: string
  language: string
  source: string
  /** What runs before it, a file beside this one; undefined for a block that needs nothing. */
  setup: string | undefined
  /** Why it cannot run, where the page says so. */
  reason: string | undefined
}

const NOT_OURS = ['node_modules', 'target', '.git']

/** The pages of a folder and of those in it. */
function listPages(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  const found = entries.flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return NOT_OURS.includes(entry.name) ? [] : listPages(path)
    return entry.name.endsWith('.md') ? [path] : []
  })
  return found.sort()
}

/** The pages whose examples are run. */
export const pages = ['README.md', ...listPages('docs'), 'packages/cli/README.md']

/** All pages of the repository. */
export const allPages = listPages('.')

/** A page with the line ends of Unix. */
export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8').replaceAll('\r\n', '\n')
}

/**
 * The blocks of a page. A comment in the Markdown says what the next block needs: `example: stores` names a set-up,
 * `example: not run, …` gives a reason, and `example: errors` is for calls that throw, each above what it throws. `examples: stores` is for all blocks from there on, `examples: none` ends it.
 */
export function readBlocks(page: string, text: string = readPage(page)): Block[] {
  const blocks: Block[] = []
  let always: string | undefined
  let next: string | undefined
  let open: { block: Block; fence: string } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const place = `${page}:${index + 1}`
    if (open) {
      if (line.trim() === open.fence) {
        blocks.push(open.block)
        open = undefined
      } else open.block.source += `${line}\n`
      continue
    }
    const [, kind, said] = /^<!-- (examples?): (.+) -->$/.exec(line) ?? []
    const [, fence, language = ''] = /^(`{3,})\s*(\S*)/.exec(line) ?? []
    if (kind === 'examples') always = said === 'none' ? undefined : said
    else if (kind === 'example') next = said
    else if (fence) {
      const needs = next ?? always
      const reason = /^not run, (.+)$/.exec(needs ?? '')?.[1]
      const setup = reason ? undefined : needs
      open = { block: { place, page, language, source: '', setup, reason }, fence }
      next = undefined
    } else if (line.trim() && next) throw new Error(`${place}: no block follows "example: ${next}"`)
  }
  if (open) throw new Error(`${open.block.place}: the block has no end`)
  return blocks
}
