// What the scripts of a release share.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

/** The repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** The folders of the platform packages, `linux-x64-gnu` and so on. */
export const platformsOf = (folder) => readdirSync(join(folder, 'npm')).sort()

/** The packages that are released with the root package, as `{ folder, manifest }`; `folder` is `packages/cli` and so on. */
export const workspacesOf = (place) =>
  readdirSync(join(place, 'packages'))
    .sort()
    .map((name) => `packages/${name}`)
    .map((folder) => ({ folder, manifest: readJson(join(place, folder, 'package.json')) }))

/** The places in a manifest, or in what the lockfile has of it, that name a package which is released with it. */
export function ownDependencies(place, manifest) {
  const names = [
    readJson(join(place, 'package.json')),
    ...workspacesOf(place).map(({ manifest: other }) => other),
  ]
  return ['dependencies', 'peerDependencies'].flatMap((kind) =>
    names
      .filter(({ name }) => manifest?.[kind]?.[name] !== undefined)
      .map(({ name }) => ({ kind, name })),
  )
}

/** Makes one file of those of `lib/` in a copy of the package, but for the loader: they take longer to find than to read. */
export function bundleLib(folder) {
  const lib = join(folder, 'lib')
  const { outputFiles } = buildSync({
    entryPoints: [join(lib, 'index.js')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    charset: 'utf8',
    external: ['./loader/*'],
    tsconfigRaw: {},
    write: false,
  })
  for (const name of readdirSync(lib)) if (name !== 'loader') rmSync(join(lib, name))
  writeFileSync(join(lib, 'index.js'), outputFiles[0].contents)
}

/** A folder that is removed when the process ends, however it does. */
export function temporaryFolder(what) {
  const folder = mkdtempSync(join(tmpdir(), `session-store-${what}-`))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Ends with a message for people rather than a stack. */
export function stop(message) {
  console.error(message)
  process.exit(1)
}

/** Runs npm and gives what it prints; what it says besides goes to the standard error. */
export function npm(args, options = {}) {
  const isWindows = process.platform === 'win32'
  const stdio = ['ignore', 'pipe', 'inherit']
  return execFileSync('npm', args, { encoding: 'utf8', shell: isWindows, stdio, ...options })
}

/** A digest of a file, as `sha256sum` prints it, or as npm has it (`sha512-…`). */
export function digest(path, algorithm = 'sha256', encoding = 'hex') {
  return createHash(algorithm).update(readFileSync(path)).digest(encoding)
}
