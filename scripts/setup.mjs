// Installs and builds what is missing, so that `npm start` and `npm test` work on a fresh clone. With `--release` a debug
// build, which `npm run dev` leaves, counts as missing.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeBinary } from '../bench/lib/binary.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Ends the process with a message instead of a stack. */
function stop(message) {
  console.error(message)
  process.exit(1)
}

function run(what, command, args) {
  console.log(`${what}: ${command} ${args.join(' ')}`)
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) stop(`${what} failed.`)
}

function works(command, args) {
  const { status } = spawnSync(command, args, {
    stdio: 'ignore',
    shell: process.platform === 'win32',
  })
  return status === 0
}

/** The time of the latest change below `path`, 0 if there is nothing. */
function changed(path) {
  if (!existsSync(path)) return 0
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => changed(join(path, name))))
}

function newest(paths) {
  return Math.max(...paths.map((path) => changed(join(root, path))))
}

if (Number(process.versions.node.split('.')[0]) < 20) {
  stop(`Node.js 20 or newer is needed; this is ${process.version}.`)
}

if (changed(join(root, 'node_modules/.package-lock.json')) < newest(['package-lock.json'])) {
  run('Installing', 'npm', ['ci'])
}

const addon = readdirSync(root).find((name) => name.endsWith('.node'))
const sources = ['src', 'crates', 'build.rs', 'Cargo.toml', 'Cargo.lock', '.cargo']
const isCurrent = addon !== undefined && changed(join(root, addon)) >= newest(sources)
const isDebug = isCurrent && describeBinary(join(root, addon), root).profile === 'debug'
const needsRelease = process.argv.includes('--release')
if (!isCurrent || (isDebug && needsRelease)) {
  if (!works('cargo', ['--version'])) {
    stop(
      'Rust is missing: `cargo` was not found. The addon is built from source here.\n' +
        'Install Rust 1.89 or newer from https://rustup.rs and run this again.',
    )
  }
  if (process.platform !== 'win32' && !works(process.env.CC ?? 'cc', ['--version'])) {
    stop('A C compiler is missing: `cc` was not found. SQLite is compiled from source here.')
  }
  run('Building', 'npm', ['run', 'build'])
} else if (isDebug) {
  console.log('The addon is a debug build, and slow; `npm run build` makes a release build.')
}
