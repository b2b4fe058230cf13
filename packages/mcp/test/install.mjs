// Installs what only these tests need, unless it is there: the official client, the conformance suite, and the Node.js that this needs.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

if (!existsSync(join(here, 'node_modules/@modelcontextprotocol/client'))) {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { status } = spawnSync('npm', args, { cwd: here, stdio: 'inherit' })
  process.exitCode = status ?? 1
}
