// `npm run dev`: a debug build, then the specs of what changed, again and again while files change. A change of Rust
// builds first. `npm run dev -- store/prune` keeps to the specs whose paths match. Ctrl-C ends it.

import { spawn } from 'node:child_process'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startVitest } from 'vitest/node'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const filters = process.argv.slice(2)

/** What cargo builds the addon from, and what vitest does not see as an import of the specs. */
const rust = /^(?:src|crates)\/.*\.(?:rs|sql)$|^build\.rs$|^Cargo\.(?:toml|lock)$/
const javaScript = /^lib\/|^index\.js$|^packages\/[^/]+\/(?:bin|src)\//

/** Builds the addon with assertions and without optimisation, which takes seconds; gives whether it could. */
function build() {
  const command = 'npx --no-install napi build --platform --js native.js --dts target/native.d.ts'
  const child = spawn(command, { cwd: root, shell: true, stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve) => child.once('close', (code) => resolve(code === 0)))
}

if (!(await build())) process.exit(1)

const vitest = await startVitest(
  'test',
  filters,
  { root, watch: true, changed: filters.length === 0, tagsFilter: ['!slow'] },
  { server: { watch: { ignored: ['**/target/**'] } } },
)

/** What changed since the last run. */
let changed = new Set()
let isBusy = false

async function rerun() {
  isBusy = true
  while (changed.size > 0) {
    const paths = [...changed]
    changed = new Set()
    if (paths.some((path) => rust.test(path)) && !(await build())) continue
    await vitest.cancelCurrentRun('keyboard-input')
    const specifications = await vitest.globTestSpecifications(filters)
    await vitest.rerunTestSpecifications(specifications, filters.length === 0)
  }
  isBusy = false
}

vitest.vite.watcher.on('all', (_event, path) => {
  const name = relative(root, path).split(sep).join('/')
  if (!rust.test(name) && !javaScript.test(name)) return
  changed.add(name)
  if (!isBusy) void rerun()
})
