// @module-tag slow
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runScript } from '../support/child.js'
import { temporaryFolder } from '../support/support.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'scripts/api.mjs')

/** What the report is made of, in a folder of its own. */
function copyOfPackage(): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'tests/package'), { recursive: true })
  for (const file of ['package.json', 'index.d.ts', 'CHANGELOG.md', 'tests/package/api.md'])
    copyFileSync(join(root, file), join(folder, file))
  return folder
}

function edit(file: string, change: (text: string) => string): void {
  const before = readFileSync(file, 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  writeFileSync(file, after)
}

const check = (folder: string) => runScript(script, ['--check', '--root', folder])

test(
  'the API check fails after a change of a type until both the report and the changelog follow',
  { timeout: 240_000 },
  async () => {
    const folder = copyOfPackage()
    expect(await check(folder)).toMatchObject({ code: 0, stderr: '' })

    edit(join(folder, 'index.d.ts'), (text) =>
      text.replace(
        'isPinned(id: string): boolean',
        'isPinned(id: string, deep?: boolean): boolean',
      ),
    )
    const stale = await check(folder)
    expect(stale.code).toBe(1)
    expect(stale.stderr).toContain('npm run api')

    const written = await runScript(script, ['--root', folder])
    expect(written.code).toBe(0)
    expect(readFileSync(join(folder, 'tests/package/api.md'), 'utf8')).toContain(
      'isPinned(id: string, deep?: boolean): boolean',
    )
    const untold = await check(folder)
    expect(untold.code).toBe(1)
    expect(untold.stderr).toContain('CHANGELOG.md')

    const [mark] = /<!-- public types: \w+ -->/.exec(untold.stderr) ?? ['']
    edit(join(folder, 'CHANGELOG.md'), (text) =>
      text.replace('## [Unreleased]\n', `## [Unreleased]\n\n${mark}\n\n## [99.0.0] - 2026-01-01\n`),
    )
    expect(await check(folder)).toMatchObject({ code: 0, stderr: '' })
  },
)

test('the API check accepts a changed comment', async () => {
  const folder = copyOfPackage()
  edit(join(folder, 'index.d.ts'), (text) =>
    text.replace('/** Whether a session is pinned. */', '/** Whether it is. */'),
  )
  expect(await check(folder)).toMatchObject({ code: 0, stderr: '' })
})

test('the API check fails on types that TypeScript rejects, and names them', async () => {
  const folder = copyOfPackage()
  edit(join(folder, 'index.d.ts'), (text) => text.replace('pin(id: string)', 'pin(id: Strin)'))
  const { code, stderr } = await check(folder)
  expect(code).toBe(1)
  expect(stderr).toContain('Strin')
})
