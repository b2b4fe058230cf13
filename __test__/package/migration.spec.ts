// docs/migration.md, followed to the letter: migration/ is a workspace whose stores are on better-sqlite3.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/support.js'
import { readBlocks, root } from './docs/blocks.js'

const before = fileURLToPath(new URL('migration', import.meta.url))
const manager = 'packages/session-manager'

/** Writes the file that a block is, or makes the change that it shows. */
function apply(folder: string, language: string, source: string, path: string): void {
  const [, ...lines] = source.trimEnd().split('\n')
  const file = join(folder, path)
  if (language !== 'diff') {
    writeFileSync(file, `${lines.join('\n')}\n`)
    return
  }
  const side = (sign: string) =>
    lines
      .filter((line) => line.startsWith(sign) || line.startsWith(' ') || line === '')
      .map((line) => line.slice(1))
      .join('\n')
  const text = readFileSync(file, 'utf8')
  expect(text.split(side('-'))).toHaveLength(2)
  writeFileSync(
    file,
    text.replace(side('-'), () => side('+')),
  )
}

/** The dependencies as links, as a package manager would put them into node_modules. */
function install(folder: string): void {
  const targets = {
    '@gsd/core': join(folder, 'packages/core'),
    '@gsd/session-store': root,
    '@types/node': join(root, 'node_modules/@types/node'),
    vitest: join(root, 'node_modules/vitest'),
  }
  for (const [name, target] of Object.entries(targets)) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(target, link, 'junction')
  }
}

/** Runs a tool of this repository, with a home of its own. */
function run(folder: string, tool: string, ...args: string[]): string {
  const home = join(folder, 'home')
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, USERPROFILE: home, NO_COLOR: '1' }
  for (const name of Object.keys(env)) if (name.startsWith('VITEST')) delete env[name]
  const words = [join(root, 'node_modules', tool), ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: folder,
    encoding: 'utf8',
    env,
  })
  expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' })
  return stdout
}

/** All sources of the workspace as one text. */
function sourcesOf(folder: string): string {
  const names = readdirSync(join(folder, manager, 'src'), { recursive: true, encoding: 'utf8' })
  const files = names.filter((name) => name.endsWith('.ts'))
  return files.map((name) => readFileSync(join(folder, manager, 'src', name), 'utf8')).join('')
}

test(
  'a workspace that follows the page on migration builds, and its suites pass',
  { tags: ['slow'] },
  () => {
    const folder = temporaryFolder()
    cpSync(before, folder, { recursive: true })
    expect(sourcesOf(folder)).toContain('better-sqlite3')
    const changed = readBlocks('docs/migration.md').flatMap(({ language, source }) => {
      const [, path] = /^ ?\/\/ (packages\/\S+)\n/.exec(source) ?? []
      if (path !== undefined) apply(folder, language, source, path)
      return path ?? []
    })
    expect(changed.length).toBeGreaterThan(6)
    expect(sourcesOf(folder)).not.toContain('better-sqlite3')
    install(folder)
    run(folder, 'typescript/bin/tsc', '-b')
    const said = run(folder, 'vitest/vitest.mjs', 'run', '--root', manager)
    expect(said).toMatch(/Tests\s+7 passed/)
    // Importing it opens no file.
    expect(existsSync(join(folder, 'home'))).toBe(false)
  },
)
