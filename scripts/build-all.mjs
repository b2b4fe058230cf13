// Builds the binaries of every platform that a Linux machine can build for, into npm/<platform>/, and
// checks whether they may be published.
//
//   npm run build:all                                        all of them
//   npm run build:all -- --targets linux-x64-gnu,darwin-x64  some of them
//   npm run build:all -- --check-only                        those that were built, without building
//
// It needs Rust by rustup and Python 3.9; the other tools it installs into target/. Those for Windows
// must be built on Windows: `npm run build -- --target …`.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { problemsOf } from './cross/check.mjs'
import { TARGETS } from './cross/targets.mjs'
import { prepareRust, prepareTools } from './cross/tools.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const folderOf = (platform) => join(root, 'npm', platform)
const fileOf = (platform) => join(folderOf(platform), `session-store.${platform}.node`)

function stop(message) {
  console.error(message)
  process.exit(1)
}

function build(platform, tools) {
  const { triple, zigTriple, cflags, minimumSystem, rustflags } = TARGETS[platform]
  // The files that are generated beside a binary are the same for all, and do not belong into the folder of a package.
  const types = join(root, 'target/cross', platform, 'index.d.ts')
  const args = ['napi', 'build', '--cross-compile', '--platform', '--release', '--no-js']
  args.push('--target', zigTriple, '--output-dir', folderOf(platform))
  args.push('--dts', relative(folderOf(platform), types))
  console.error(`\n== ${platform}`)
  const { status } = spawnSync('npx', args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...tools.env,
      ...(minimumSystem && { MACOSX_DEPLOYMENT_TARGET: minimumSystem }),
      ...(rustflags && { RUSTFLAGS: [process.env.RUSTFLAGS, rustflags].filter(Boolean).join(' ') }),
      // The name has underscores: a shell in between drops variables with names that it does not allow.
      ...(cflags && { [`CFLAGS_${triple.replaceAll('-', '_')}`]: cflags }),
    },
  })
  if (status !== 0) stop(`${platform} was not built.`)
}

function row(platform, report) {
  return {
    platform,
    bytes: report.size,
    system: report.glibc
      ? `glibc ${report.glibc}`
      : report.minimumSystem
        ? `macOS ${report.minimumSystem}`
        : 'musl',
    signature: report.signature ?? '',
    needs: report.libraries.join(' '),
  }
}

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: Object.keys(TARGETS).join() },
    'check-only': { type: 'boolean', default: false },
  },
})
const platforms = values.targets.split(',').map((platform) => platform.trim())
for (const platform of platforms) {
  if (!(platform in TARGETS)) {
    stop(`--targets: no ${JSON.stringify(platform)}; there are ${Object.keys(TARGETS).join(', ')}.`)
  }
}

const tools = prepareTools(root)
if (!values['check-only']) {
  prepareRust(
    platforms.map((platform) => TARGETS[platform].triple),
    root,
  )
  for (const platform of platforms) build(platform, tools)
}

const missing = platforms.filter((platform) => !existsSync(fileOf(platform)))
if (missing.length > 0) stop(`Not built: ${missing.map(fileOf).join(', ')}`)
const reports = platforms.map((platform) => [platform, tools.inspect(fileOf(platform))])
console.table(reports.map(([platform, report]) => row(platform, report)))
const problems = reports.flatMap(([platform, report]) =>
  problemsOf(report, TARGETS[platform]).map((problem) => `${platform} ${problem}`),
)
if (problems.length > 0) stop(problems.join('\n'))
