// Installs the package into empty folders, as the users of npm and of pnpm do.

import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm, pnpm, node, root } from './processes.mjs'

const consumer = join(dirname(fileURLToPath(import.meta.url)), 'consumer')
const name = '@gsd/session-store'

/** Other packages that users have, in the versions of this repository where it has them. */
const tools = ['@types/node', 'esbuild', 'typescript', 'vitest']
  .map((tool) => {
    const { version } = JSON.parse(
      readFileSync(join(root, 'node_modules', tool, 'package.json'), 'utf8'),
    )
    return `${tool}@${version}`
  })
  .concat('jest@29.7.0', 'node-loader@2.1.0', 'webpack@5.113.0')

const writeJson = (folder, value) =>
  writeFileSync(join(folder, 'package.json'), JSON.stringify(value))

/** How each package manager is called: in a folder of its own, with scripts off. */
const managers = {
  async npm(folder) {
    writeJson(folder, { name: 'consumer', private: true })
    const install = (...packages) =>
      node(folder, npm, 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages)
    const list = [npm, 'ls', '--all', '--parseable']
    return { cwd: folder, install, list, exec: [npm, 'exec', '--no', '--'] }
  },
  /** A workspace of a user. One of its packages depends on the package. */
  async pnpm(folder, tarballs) {
    writeJson(folder, { name: 'workspace', private: true })
    const overrides = Object.entries(tarballs).map(([of, path]) => `  '${of}': 'file:${path}'\n`)
    const settings = `packages:\n  - packages/*\noverrides:\n${overrides.join('')}`
    writeFileSync(join(folder, 'pnpm-workspace.yaml'), settings)
    const cwd = join(folder, 'packages/app')
    mkdirSync(cwd, { recursive: true })
    writeJson(cwd, { name: 'app', private: true })
    const install = (...packages) => node(cwd, pnpm, 'add', '--ignore-scripts', ...packages)
    const list = [pnpm, 'list', '--depth', 'Infinity', '--parseable']
    return { cwd, install, list, exec: [pnpm, 'exec'] }
  },
}

export const managerNames = Object.keys(managers)

/**
 * Installs with `manager` into `folder` from the registry at `url`; gives the consumer, and the seconds it took. Packages without a
 * scope, which are looked for elsewhere, come from `tarballs`.
 */
export async function installConsumer(manager, folder, url, tarballs) {
  mkdirSync(folder)
  // The registry has another port each time, so that no cache serves an earlier build.
  writeFileSync(join(folder, '.npmrc'), `@gsd:registry=${url}\n`)
  const { cwd, install: add, list, exec } = await managers[manager](folder, tarballs)
  const start = process.hrtime.bigint()
  await add(name)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  cpSync(consumer, cwd, { recursive: true })
  return {
    manager,
    cwd,
    root: realpathSync(folder),
    exec,
    seconds,
    add,
    addTools: () => add('-D', ...tools),
    /** The names of all packages that are installed. */
    installed: async () => {
      const [, ...paths] = (await node(cwd, ...list)).trim().split(/\r?\n/)
      // pnpm also lists the packages for other platforms, although it does not install them.
      const there = paths.filter((path) => existsSync(path))
      return there.map((path) => path.replaceAll('\\', '/').split('/node_modules/').at(-1))
    },
  }
}
