// Runs the examples of docs/clients.md with the packages that they are for:
//
//   npm run clients
//
// They are installed in this folder only, without their install scripts: the examples need no binary but ours.

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')

function run(cwd, command, args, env = {}) {
  const { status } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

run(here, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
const vitest = join('node_modules', 'vitest', 'vitest.mjs')
run(root, process.execPath, [vitest, 'run', 'package/docs'], { SESSION_STORE_CLIENTS: '1' })
