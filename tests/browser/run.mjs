// Looks at pages in Chromium:
//
//   npm run browser
//
// The system has to have it (Debian: `chromium`), or CHROMIUM names it. What drives it is installed in this folder only.

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')

function run(cwd, command, args) {
  const { status } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

run(here, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
const vitest = join('node_modules', 'vitest', 'vitest.mjs')
run(root, process.execPath, [vitest, 'run', '--config', 'tests/browser/vitest.config.mts'])
