// Installs, builds and tests the consumer example against the package as npm would pack it, by the commands of its summary.

import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const example = join(root, 'examples/monorepo')
const pnpm = join(root, 'node_modules/pnpm/bin/pnpm.cjs')

function run(cwd, ...args) {
  const { status } = spawnSync(process.execPath, args, { cwd, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

run(root, 'scripts/pack.mjs')
// An earlier package that is still installed must not be tested in the place of this one.
for (const folder of ['.', 'packages/core', 'packages/session-manager']) {
  rmSync(join(example, folder, 'node_modules'), { recursive: true, force: true })
}
run(example, pnpm, 'install')
// What shows that the plan's criteria are met, as its summary lists them.
const summary = '.planning/phases/02-session-management/02-02-SUMMARY.md'
const rows = readFileSync(join(example, summary), 'utf8').matchAll(/^\|.*\| `pnpm (.+)` +\|$/gm)
for (const [, command] of rows) run(example, pnpm, ...command.split(' '))
