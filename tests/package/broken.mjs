// Ways to break the package, each with the check that has to notice.

import { appendFileSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './processes.mjs'

const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

const isNamed = (name) => (folder) => readManifest(folder).name === name
const isMain = isNamed('@gsd/session-store')
const isCommand = isNamed('gsd-sessions')
const isFleet = isNamed('@gsd/session-fleet')
const isMcp = isNamed('@gsd/session-mcp')
const isDashboard = isNamed('@gsd/session-dashboard')
const isPlatform = (folder) => 'os' in readManifest(folder)

/** A change of the root package. */
const inMain = (change) => (folder) => void (isMain(folder) && change(folder))

/** A change of the platform package. */
const inPlatform = (change) => (folder) => void (isPlatform(folder) && change(folder))

/** A change of the command's package. */
const inCommand = (change) => (folder) => void (isCommand(folder) && change(folder))

/** A change of the fleet's package. */
const inFleet = (change) => (folder) => void (isFleet(folder) && change(folder))

/** A change of the MCP server's package. */
const inMcp = (change) => (folder) => void (isMcp(folder) && change(folder))

/** A change of the dashboard's package. */
const inDashboard = (change) => (folder) => void (isDashboard(folder) && change(folder))

const ofManifest = (change) => (folder) => {
  const manifest = readManifest(folder)
  change(manifest)
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
}

const without = (file) => (folder) => rmSync(join(folder, file), { recursive: true })

const works = 'CommonJS require'
const listed = 'exactly the files of contents.txt'
const listedOfCommand = 'gsd-sessions: exactly the files of contents-command.txt'

export const breakages = [
  {
    what: 'a platform package without its addon',
    change: inPlatform((folder) => {
      for (const name of readdirSync(folder)) if (name.endsWith('.node')) without(name)(folder)
    }),
    noticedBy: works,
  },
  {
    what: 'an addon of another architecture by its manifest',
    change: inPlatform(ofManifest((manifest) => (manifest.cpu = ['mips']))),
    noticedBy: works,
  },
  {
    what: 'no platform packages among the dependencies',
    change: inMain(ofManifest((manifest) => delete manifest.optionalDependencies)),
    noticedBy: works,
  },
  {
    what: 'a loader that does not export a class',
    change: inMain((folder) =>
      appendFileSync(join(folder, 'index.js'), '\nmodule.exports.SessionStore = undefined\n'),
    ),
    noticedBy: 'ESM named, default and namespace imports',
  },
  {
    what: 'binaries whose names a bundler cannot read',
    change: inMain((folder) => {
      const file = join(folder, 'native.js')
      const text = readFileSync(file, 'utf8')
      writeFileSync(file, text.replaceAll(/require\('(@gsd\/[^']+)'\)/g, "require(String('$1'))"))
    }),
    noticedBy: 'Bun, one executable',
    tools: true,
  },
  { what: 'no types', change: inMain(without('index.d.ts')), noticedBy: 'publint' },
  {
    what: 'types that export a value that does not exist',
    change: inMain((folder) =>
      appendFileSync(join(folder, 'index.d.ts'), '\nexport declare const nothing: number\n'),
    ),
    noticedBy: 'are the types wrong',
  },
  {
    what: 'types without a status',
    change: inMain((folder) => {
      const file = join(folder, 'index.d.ts')
      writeFileSync(file, readFileSync(file, 'utf8').replace("'idle' | 'running' |", "'idle' |"))
    }),
    noticedBy: 'TypeScript, nodenext',
    tools: true,
  },
  {
    what: 'a main that does not exist',
    change: inMain(ofManifest((manifest) => (manifest.main = 'dist/index.js'))),
    noticedBy: 'publint',
  },
  {
    what: 'a dependency of the store',
    change: inMain(ofManifest((manifest) => (manifest.dependencies = { commander: '14.0.3' }))),
    noticedBy: 'it brings only its platform package',
  },
  {
    what: 'a fleet without the thread that sends',
    change: inFleet(without('src/shipper-thread.mjs')),
    noticedBy: '@gsd/session-fleet: exactly the files of contents-fleet.txt',
  },
  { what: 'no fleet', change: inFleet(without('src/fleet.mjs')), noticedBy: '@gsd/session-fleet' },
  {
    what: 'an MCP server without a tool',
    change: inMcp(without('src/tools/search.mjs')),
    noticedBy: '@gsd/session-mcp: exactly the files of contents-mcp.txt',
  },
  {
    what: 'no MCP server',
    change: inMcp(without('src/server.mjs')),
    noticedBy: '@gsd/session-mcp',
  },
  {
    what: 'a dashboard without its page',
    change: inDashboard(without('src/page/index.html')),
    noticedBy: '@gsd/session-dashboard: exactly the files of contents-dashboard.txt',
  },
  {
    what: 'a dashboard without a guard',
    change: inDashboard(without('src/guard.mjs')),
    noticedBy: '@gsd/session-dashboard',
  },
  { what: 'no command', change: inCommand(without('bin')), noticedBy: 'gsd-sessions' },
  {
    what: 'no sources of the command',
    change: inCommand(without('src')),
    noticedBy: 'gsd-sessions',
  },
  {
    what: 'no commander among the dependencies of the command',
    change: inCommand(ofManifest((manifest) => delete manifest.dependencies.commander)),
    noticedBy: 'gsd-sessions',
  },
  {
    what: 'a command that wants another version of the store',
    change: inCommand(
      ofManifest((manifest) => (manifest.dependencies['@gsd/session-store'] = '0.0.1')),
    ),
    noticedBy: 'gsd-sessions is added',
  },
  {
    what: 'the specs in the tarball of the command',
    change: inCommand((folder) => {
      cpSync(join(root, 'packages/cli/test'), join(folder, 'test'), { recursive: true })
      ofManifest((manifest) => manifest.files.push('test'))(folder)
    }),
    noticedBy: listedOfCommand,
  },
  { what: 'no licence', change: inMain(without('LICENSE')), noticedBy: listed },
  {
    what: 'the sources in the tarball',
    change: inMain((folder) => {
      cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true })
      ofManifest((manifest) => manifest.files.push('src'))(folder)
    }),
    noticedBy: listed,
  },
]
