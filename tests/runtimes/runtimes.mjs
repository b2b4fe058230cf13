// The runtimes that the package is tested on, and how they come from npm.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const { arch, platform } = process
const windows = platform === 'win32'
const exe = windows ? '.exe' : ''

const nodePackage = `node-${windows ? 'win' : platform}-${arch}`
const bunPackage = `@oven/bun-${windows ? 'windows' : platform}-${arch === 'arm64' ? 'aarch64' : arch}`
const denoPackage = `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}`

const node = (major) => ({
  title: 'Node.js',
  spec: `${nodePackage}@${major}`,
  program: join(nodePackage, 'bin', `node${exe}`),
  args: [],
})

/**
 * By name. The versions of Bun and Deno are exact: `differences.mjs` is a list for these. `program` is below
 * `node_modules`, `args` stand before a script.
 */
export const runtimes = {
  node20: node(20),
  node22: node(22),
  node24: node(24),
  node26: node(26),
  bun: {
    title: 'Bun',
    spec: `${bunPackage}@1.4.5`,
    program: join(bunPackage, 'bin', `bun${exe}`),
    args: ['--bun'],
  },
  deno: {
    title: 'Deno',
    spec: `${denoPackage}@2.9.6`,
    program: join(denoPackage, `deno${exe}`),
    args: ['run', '-A'],
  },
}

/** Installs a runtime below `folder` unless it is there; gives its program and version. */
export function installRuntime(name, folder) {
  const { spec, program } = runtimes[name]
  const place = join(folder, name)
  const marker = join(place, 'installed.txt')
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== spec) {
    mkdirSync(place, { recursive: true })
    const args = ['install', '--prefix', place, '--no-save', '--ignore-scripts', '--no-audit', spec]
    const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', shell: windows })
    if (status !== 0) throw new Error(`${spec} cannot be installed: ${stderr}`)
    writeFileSync(marker, spec)
  }
  const path = join(place, 'node_modules', program)
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return { path, version: /\d+\.\d+\.\d+/.exec(stdout)[0] }
}
