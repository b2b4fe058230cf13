// Copies of the package as package managers would install it, for the specs that break them.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packagePath } from './child.js'
import { temporaryFolder } from './support.js'

const root = dirname(packagePath)

interface Manifest {
  name: string
  version: string
  files: string[]
}

/** The package.json of the package. */
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

/** The binaries that were built here, by their platforms. */
const binaries = new Map(
  readdirSync(root)
    .filter((name) => name.endsWith('.node'))
    .map((name) => [name.split('.')[1] ?? '', join(root, name)]),
)

/** The platforms that have a package. */
export const platforms = readdirSync(join(root, 'npm')).sort()

const here = `${process.platform}-${process.arch}`

/** The platform of this machine, and its binary. */
export const [platform, binary] = [...binaries].find(
  ([name]) => platforms.includes(name) && name.startsWith(here),
) ?? ['', '']

/** Copies the published files of the package, without a binary, to `folder`. */
function copyPackage(folder: string): void {
  for (const file of ['package.json', ...manifest.files]) {
    cpSync(join(root, file), join(folder, file), { recursive: true })
  }
}

/** A copy of the package with the binary beside it, as a nested node_modules folder would hold it. */
export function copyWithBinary(): string {
  const folder = temporaryFolder()
  copyPackage(folder)
  cpSync(binary, join(folder, `session-store.${platform}.node`))
  return join(folder, 'index.js')
}

/** A project with the package in its node_modules, and what belongs to that. */
export interface Installation {
  project: string
  /** The file that the project imports. */
  index: string
  /** The folder of the platform package, which need not exist. */
  platformFolder: string
  /** The file with the binary in it. */
  binary: string
}

/** Installs the package into a new project, with its platform package unless `withPlatform` is false. */
export function install({ withPlatform = true } = {}): Installation {
  const project = temporaryFolder()
  const scope = join(project, 'node_modules/@gsd')
  const platformFolder = join(scope, `session-store-${platform}`)
  const installation = {
    project,
    index: join(scope, 'session-store/index.js'),
    platformFolder,
    binary: join(platformFolder, `session-store.${platform}.node`),
  }
  copyPackage(join(scope, 'session-store'))
  if (withPlatform) {
    cpSync(join(root, 'npm', platform, 'package.json'), join(platformFolder, 'package.json'), {
      recursive: true,
    })
    cpSync(binary, installation.binary)
  }
  return installation
}

/** Writes a file below `folder`, and the folders above it; gives its path. */
export function write(folder: string, file: string, text: string): string {
  const path = join(folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}
