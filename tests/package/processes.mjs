// Processes of a user who has Node.js, but no tool of this repository.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

const suffixes = process.platform === 'win32' ? ['.exe', '.cmd'] : ['']
const holds = (folder, program) =>
  suffixes.some((suffix) => existsSync(join(folder, program + suffix)))

/** The settings of npm that say how to reach the registry; `npm run` passes all others on as well. */
const KEPT = /^npm_config_(registry|cache|proxy|https_proxy|noproxy|cafile)$/i

const isOurs = (folder) => !relative(root, folder).startsWith('..')

/** The environment without Rust, without the tools of this repository and without what `npm run` adds. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => (!/^npm_/i.test(name) || KEPT.test(name)) && !/^(INIT_CWD|NODE_|VITEST)/.test(name),
  ),
)
environment.PATH = process.env.PATH.split(delimiter)
  .filter((folder) => folder && !isOurs(folder) && !folder.includes('node_modules'))
  .filter((folder) => !['cargo', 'rustc', 'rustup'].some((program) => holds(folder, program)))
  .join(delimiter)

for (const program of ['cargo', 'rustc']) {
  if (!spawnSync(program, ['--version'], { env: environment }).error)
    throw new Error(`${program} is still found, on ${environment.PATH}`)
}

const onPath = (program) =>
  process.env.PATH.split(delimiter).find((folder) => folder && holds(folder, program))

/** The scripts of the package managers, to be run by any Node.js. */
export const npm =
  process.env.npm_execpath?.endsWith('npm-cli.js') === true
    ? process.env.npm_execpath
    : npmBeside(onPath('npm'))
export const pnpm = join(root, 'node_modules/pnpm/bin/pnpm.cjs')

function npmBeside(folder) {
  const shipped = join(folder, 'node_modules/npm/bin/npm-cli.js')
  return existsSync(shipped) ? shipped : realpathSync(join(folder, 'npm'))
}

/** Runs a program to its end; gives what it printed, and rejects with all of it where it fails. */
export async function run(cwd, program, args, env = {}) {
  const child = spawn(program, args, {
    cwd,
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'])
    child[name].setEncoding('utf8').on('data', (text) => (written[name] += text))
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...ending) => resolve(ending))
  })
  if (code === 0) return written.stdout
  const said = `${written.stdout}\n${written.stderr}`.trim().slice(-4_000)
  throw new Error(`${[program, ...args].join(' ')}\nended with ${signal ?? code}:\n${said}`)
}

/** The same for a script of Node.js. */
export const node = (cwd, ...args) => run(cwd, process.execPath, args)
