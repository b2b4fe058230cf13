// Installs, builds and tests the consumer example against the package as npm would pack it.

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
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
run(example, pnpm, '-r', 'build')
run(example, pnpm, '-r', 'type-check')
run(example, pnpm, '-r', 'test')
