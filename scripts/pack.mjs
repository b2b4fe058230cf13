// Packs the packages as npm would publish them, for the platform of this machine, into the folder that
// the consumer example installs from.

import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleLib, readJson, root, workspacesOf } from './release/files.mjs'

/** Runs `npm pack` in `folder` and moves the tarball to `target`; gives what npm says of it. */
function pack(folder, target) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const shell = process.platform === 'win32'
  // npm warns of settings of the user's that it does not know, once for every package.
  const stdio = ['ignore', 'pipe', 'ignore']
  const output = execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell, stdio })
  const [packed] = Object.values(JSON.parse(output))
  renameSync(join(folder, packed.filename), target)
  return { ...packed, tarball: target, manifest: readJson(join(folder, 'package.json')) }
}

/**
 * Packs the root package, the platform packages whose addon is built, and those in packages/ into `destination`, the root
 * package first. `change` gets the folder of each package before it is packed.
 */
export function packPackages(destination, change = () => {}) {
  const manifest = readJson(join(root, 'package.json'))
  const platforms = readdirSync(join(root, 'npm'))
  const stage = mkdtempSync(join(tmpdir(), 'gsd-session-store-pack-'))
  try {
    // The root package names its platform packages only once they are published.
    const main = join(stage, 'main')
    mkdirSync(main)
    for (const file of [...manifest.files, 'README.md', 'LICENSE']) {
      cpSync(join(root, file), join(main, file), { recursive: true })
    }
    bundleLib(main)
    manifest.optionalDependencies = Object.fromEntries(
      platforms.map((platform) => [`${manifest.name}-${platform}`, manifest.version]),
    )
    writeFileSync(join(main, 'package.json'), JSON.stringify(manifest, null, 2))
    const folders = [main]
    for (const addon of readdirSync(root).filter((name) => name.endsWith('.node'))) {
      const platform = addon.split('.')[1]
      const folder = join(stage, platform)
      cpSync(join(root, 'npm', platform), folder, { recursive: true })
      copyFileSync(join(root, addon), join(folder, addon))
      folders.push(folder)
    }
    for (const { folder, manifest: other } of workspacesOf(root)) {
      const copy = join(stage, folder)
      for (const file of [...other.files, 'README.md', 'package.json']) {
        cpSync(join(root, folder, file), join(copy, file), { recursive: true })
      }
      copyFileSync(join(root, 'LICENSE'), join(copy, 'LICENSE'))
      folders.push(copy)
    }
    return folders.map((folder) => {
      change(folder)
      const { name } = readJson(join(folder, 'package.json'))
      return pack(folder, join(destination, `${name.replace('@', '').replace('/', '-')}.tgz`))
    })
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const vendor = join(root, 'examples/monorepo/vendor')
  rmSync(vendor, { recursive: true, force: true })
  mkdirSync(vendor, { recursive: true })
  for (const { name, size } of packPackages(vendor)) {
    console.log(`${name}: ${(size / 1024).toFixed(0)} KiB`)
  }
}
