// Checks that staged packages work on this machine: installs the root package, the one of this platform and the command
// from their tarballs into an empty folder, with scripts off, and uses them from CommonJS, from ESM and by the command.
//
//   node scripts/release/smoke.mjs <folder of stage.mjs>

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readJson, root, stop, temporaryFolder } from './files.mjs'

const [given] = process.argv.slice(2)
if (!given) stop('Which packages? node scripts/release/smoke.mjs <folder>')
const packages = readJson(join(resolve(given), 'packages.json'))
const { name: rootName } = readJson(join(root, 'package.json'))
const staged = (name) =>
  packages.find((one) => one.name === name) ?? stop(`There is no package ${name}`)
const rootPackage = staged(rootName)

function platform() {
  if (process.platform !== 'linux')
    return `${process.platform}-${process.arch}${process.platform === 'win32' ? '-msvc' : ''}`
  const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
  return `linux-${process.arch}-${isGlibc ? 'gnu' : 'musl'}`
}

const own = staged(`${rootName}-${platform()}`)

const PROGRAM = `
  const connection = new DatabaseConnection('./sessions.db')
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection, { writeBehind: true })
  sessions.create({ id: KIND, slot: 1, status: 'running', workingDir: '.', startedAt: new Date() })
  outputs.append({ sessionId: KIND, timestamp: new Date(), type: 'stdout', data: 'héllo' })
  if (outputs.getFullOutput(KIND) !== 'héllo') throw new Error('the output is another')
  if (!connection.verify().ok) throw new Error(connection.verify().problems.join())
  connection.close()
`
const NAMES = '{ DatabaseConnection, OutputStore, SessionStore }'

const folder = temporaryFolder('smoke')
const isWindows = process.platform === 'win32'

function run(command, ...args) {
  const env = { ...process.env, GSD_SESSIONS_DB: join(folder, 'sessions.db') }
  const shell = isWindows && command !== process.execPath
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env,
    shell,
  })
  if (status !== 0) stop(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  return stdout
}

const tarballs = [rootPackage, own, staged('gsd-sessions')].map(({ name, file }) => [
  name,
  `file:${join(resolve(given), file)}`,
])
// The packages of other platforms may not be published yet; npm leaves out optional packages that it cannot find.
writeFileSync(
  join(folder, 'package.json'),
  JSON.stringify({ name: 'smoke', private: true, dependencies: Object.fromEntries(tarballs) }),
)
run('npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund')
writeFileSync(
  join(folder, 'one.cjs'),
  `const ${NAMES} = require('${rootName}'), KIND = 'cjs'${PROGRAM}`,
)
writeFileSync(
  join(folder, 'two.mjs'),
  `import ${NAMES} from '${rootName}'\nconst KIND = 'esm'${PROGRAM}`,
)
run(process.execPath, 'one.cjs')
run(process.execPath, 'two.mjs')
run('npx', '--no-install', 'gsd-sessions', 'record', '--id', 'command', '--', 'node', '--version')
const stored = JSON.parse(run('npx', '--no-install', 'gsd-sessions', 'list', '--json'))
const ids = stored.map(({ id, status }) => `${id} ${status}`).sort()
if (ids.join() !== 'cjs running,command completed,esm running') stop(`stored is ${ids.join()}`)
console.log(
  `${rootName} ${rootPackage.version} works on ${platform()} with Node.js ${process.version}`,
)
