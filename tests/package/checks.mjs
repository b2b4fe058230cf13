// What has to work in a folder in which the package is installed.

import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installRuntime } from '../runtimes/runtimes.mjs'
import { node, root, run } from './processes.mjs'

const repository = (path) => join(root, 'node_modules', path)

/** Fails unless every line that a program printed says that the job was done. */
function done(printed) {
  if (!/^done( done)*\n$/.test(printed)) throw new Error(`instead of done: ${printed}`)
}

/** Runs a program of the consumer's. */
const program = async ({ cwd, root: folder }, ...args) =>
  done(await run(cwd, process.execPath, args, { CONSUMER_ROOT: folder }))

/** A tool that the consumer has installed. */
const tool = (cwd, path) => join(cwd, 'node_modules', path)

/** The programs that need nothing but the package, on another runtime. */
export const onRuntime = (title, path, args) =>
  Object.fromEntries(
    ['require.cjs', 'import.mjs', 'worker.mjs'].map((file) => [
      `${title}: ${file}`,
      async ({ cwd, root: folder }) =>
        done(await run(cwd, path, [...args, file], { CONSUMER_ROOT: folder })),
    ]),
  )

async function compile(consumer, options, files) {
  const { cwd } = consumer
  const out = `compiled-${Object.values(options).join('-')}`
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const strict = ['--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--types', 'node']
  for (const file of files) copyFileSync(join(cwd, 'typed.ts'), join(cwd, file))
  await node(cwd, tool(cwd, 'typescript/bin/tsc'), ...args, ...strict, '--outDir', out, ...files)
  for (const file of readdirSync(join(cwd, out))) await program(consumer, join(out, file))
}

async function bundle(consumer, entry, format) {
  const { cwd } = consumer
  const file = `bundled.${format === 'esm' ? 'mjs' : 'cjs'}`
  // CommonJS in an ES module asks for the modules of Node.js by a `require` that it has to be given.
  const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)`
  const options = format === 'esm' ? [`--banner:js=${banner}`] : []
  options.push('--bundle', '--platform=node', `--format=${format}`, `--outfile=${file}`)
  // Its command is a script of Node.js until an install script has replaced it with the binary.
  const esbuild = tool(cwd, 'esbuild/bin/esbuild')
  await node(cwd, esbuild, entry, ...options, '--external:@gsd/session-store')
  await program(consumer, file)
}

/** Runs a file of the folder `made`, a script or an executable, where there is nothing but that folder's files. */
async function runAlone(made, file) {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-alone-'))
  const path = join(folder, file)
  try {
    cpSync(made, folder, { recursive: true })
    const args = file.endsWith('.cjs') ? [process.execPath, [path]] : [path, []]
    // Bun unpacks the binary into the temporary folder, and leaves it there.
    done(await run(folder, ...args, { TMPDIR: folder }))
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function webpack({ cwd }) {
  await node(cwd, 'webpack.cjs')
  await runAlone(join(cwd, 'webpacked'), 'main.cjs')
}

async function bunExecutable({ cwd }) {
  const { path } = installRuntime('bun', join(root, 'target/runtimes'))
  const file = process.platform === 'win32' ? 'app.exe' : 'app'
  await run(cwd, path, ['build', '--compile', 'import.mjs', '--outfile', join('executable', file)])
  await runAlone(join(cwd, 'executable'), file)
}

function passed(printed, count) {
  const report = JSON.parse(printed)
  if (report.numPassedTests !== count || !report.success) throw new Error(printed)
}

async function vitest({ cwd }, pool) {
  const args = ['run', '--pool', pool, '--reporter', 'json', 'job.spec.mjs', 'realms.spec.mjs']
  passed(await node(cwd, tool(cwd, 'vitest/vitest.mjs'), ...args), 5)
}

async function jest({ cwd }) {
  passed(await node(cwd, tool(cwd, 'jest/bin/jest.js'), '--json', 'realms.test.js'), 4)
}

async function command({ cwd, exec }) {
  const store = ['record', '--db', 'command.db', '--id', 'build', '--']
  await node(cwd, ...exec, 'gsd-sessions', ...store, process.execPath, '-p', '6 * 7')
  const printed = await node(cwd, ...exec, 'gsd-sessions', 'show', '--db', 'command.db', 'build')
  if (!printed.includes('42')) throw new Error(`the session is not shown: ${printed}`)
  const told = await node(cwd, ...exec, 'gsd-sessions', '--version')
  const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'))
  if (told !== `${version}\n`) throw new Error(`--version prints ${told}`)
}

/** The fleet, as far as it goes without a server. */
async function fleet({ cwd, exec, root: folder }) {
  const told = await node(cwd, ...exec, 'gsd-fleet', '--version')
  const { version } = JSON.parse(readFileSync(join(root, 'packages/fleet/package.json'), 'utf8'))
  if (told !== `${version}\n`) throw new Error(`--version prints ${told}`)
  await program({ cwd, root: folder }, 'fleet.mjs')
}

/** The MCP server, as an agent starts it. */
async function mcp({ cwd, exec, root: folder }) {
  const told = await node(cwd, ...exec, 'gsd-session-mcp', '--version')
  const { version } = JSON.parse(readFileSync(join(root, 'packages/mcp/package.json'), 'utf8'))
  if (told !== `${version}\n`) throw new Error(`--version prints ${told}`)
  await program({ cwd, root: folder }, 'mcp.mjs')
}

/** The dashboard: it serves its page to who has the token, and to nobody else. */
async function dashboard({ cwd, exec, root: folder }) {
  const told = await node(cwd, ...exec, 'gsd-session-dashboard', '--version')
  const { version } = JSON.parse(
    readFileSync(join(root, 'packages/dashboard/package.json'), 'utf8'),
  )
  if (told !== `${version}\n`) throw new Error(`--version prints ${told}`)
  await program({ cwd, root: folder }, 'dashboard.mjs')
}

/** The store installs no other package than the one with its binary. */
async function nothingElse({ installed }) {
  const names = await installed()
  const [main, platform = '', ...more] = names.toSorted()
  if (main !== '@gsd/session-store' || !platform.startsWith(`${main}-`) || more.length > 0)
    throw new Error(`installed are ${names.join(', ')}`)
}

/** By name, in order; those before {@link withTools} need nothing but the package. */
export const alone = {
  'it brings only its platform package': nothingElse,
  'CommonJS require': (consumer) => program(consumer, 'require.cjs'),
  'ESM named, default and namespace imports': (consumer) => program(consumer, 'import.mjs'),
  Workers: (consumer) => program(consumer, 'worker.mjs'),
}

/** The checks that need the packages of `packages/` as well. */
export const withWorkspaces = {
  'gsd-sessions': command,
  '@gsd/session-fleet': fleet,
  '@gsd/session-mcp': mcp,
  '@gsd/session-dashboard': dashboard,
}

/** The checks that need other tools that users install. */
export const withTools = {
  ...Object.fromEntries(
    ['node16', 'nodenext'].map((mode) => [
      `TypeScript, ${mode}`,
      (consumer) =>
        compile(consumer, { module: mode, moduleResolution: mode }, ['typed.mts', 'typed.cts']),
    ]),
  ),
  'TypeScript, bundler': (consumer) =>
    compile(consumer, { module: 'esnext', moduleResolution: 'bundler' }, ['typed.mts']),
  'vitest, forks': (consumer) => vitest(consumer, 'forks'),
  'vitest, threads': (consumer) => vitest(consumer, 'threads'),
  'vitest, vmThreads': (consumer) => vitest(consumer, 'vmThreads'),
  'Jest 29': jest,
  'esbuild, ESM': (consumer) => bundle(consumer, 'import.mjs', 'esm'),
  'esbuild, CommonJS': (consumer) => bundle(consumer, 'require.cjs', 'cjs'),
  'webpack, with the binary': webpack,
  'Bun, one executable': bunExecutable,
}

/** The checks of a tarball itself. */
const publint = ({ tarball }) =>
  node(root, repository('publint/src/cli.js'), 'run', '--strict', tarball)

/** The checks of the tarball of the root package. */
export const ofTarball = {
  'exactly the files of contents.txt': exactly('contents.txt'),
  publint,
  'are the types wrong': ({ tarball }) =>
    node(root, repository('@arethetypeswrong/cli/dist/index.js'), '--no-emoji', tarball),
}

/** The packages of `packages/`, with the lists of what is in their tarballs. */
export const workspaces = {
  'gsd-sessions': 'contents-command.txt',
  '@gsd/session-fleet': 'contents-fleet.txt',
  '@gsd/session-mcp': 'contents-mcp.txt',
  '@gsd/session-dashboard': 'contents-dashboard.txt',
}

/** The checks of the tarball of such a package. */
export const ofWorkspaceTarball = (name) => ({
  [`${name}: exactly the files of ${workspaces[name]}`]: exactly(workspaces[name]),
  [`${name}: publint`]: publint,
})

/** The paths in a tarball, one a line. */
function contents({ files }) {
  return files
    .map(({ path }) => `${path}\n`)
    .sort()
    .join('')
}

const listFile = (name) => join(root, 'tests/package', name)

/** Keeps the paths of a tarball as those that are expected. */
export const keepContents = (name, packed) => writeFileSync(listFile(name), contents(packed))

/** Whether the paths in a tarball are those that are expected. */
function exactly(name) {
  return (packed) => {
    const [expected, found] = [readFileSync(listFile(name), 'utf8'), contents(packed)]
    if (found === expected) return
    const [wanted, there] = [expected, found].map((text) => text.split('\n'))
    const missing = wanted.filter((path) => !there.includes(path)).map((path) => `- ${path}`)
    const more = there.filter((path) => !wanted.includes(path)).map((path) => `+ ${path}`)
    throw new Error([...missing, ...more].join('\n'))
  }
}
