// Packs the package as npm would publish it, for the platform of this machine, into the folder that
// the consumer example installs from.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const vendor = join(root, 'examples/monorepo/vendor')

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))
const platforms = readdirSync(join(root, 'npm'))
const manifest = readJson(join(root, 'package.json'))

/** Runs `npm pack` in `folder` and moves the tarball to the vendor folder. */
function pack(folder, tarball) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const shell = process.platform === 'win32'
  const output = execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell })
  const [{ filename, size }] = Object.values(JSON.parse(output))
  renameSync(join(folder, filename), join(vendor, tarball))
  console.log(`${tarball}: ${(size / 1024).toFixed(0)} KiB`)
}

const stage = mkdtempSync(join(tmpdir(), 'gsd-session-store-pack-'))
try {
  rmSync(vendor, { recursive: true, force: true })
  mkdirSync(vendor, { recursive: true })

  // The root package names its platform packages only once they are published.
  const main = join(stage, 'main')
  mkdirSync(main)
  for (const file of [...manifest.files, 'README.md', 'LICENSE']) {
    cpSync(join(root, file), join(main, file), { recursive: true })
  }
  manifest.optionalDependencies = Object.fromEntries(
    platforms.map((platform) => [`${manifest.name}-${platform}`, manifest.version]),
  )
  writeFileSync(join(main, 'package.json'), JSON.stringify(manifest, null, 2))
  pack(main, 'gsd-session-store.tgz')

  for (const addon of readdirSync(root).filter((name) => name.endsWith('.node'))) {
    const platform = addon.split('.')[1]
    const folder = join(stage, platform)
    cpSync(join(root, 'npm', platform), folder, { recursive: true })
    copyFileSync(join(root, addon), join(folder, addon))
    pack(folder, `gsd-session-store-${platform}.tgz`)
  }
} finally {
  rmSync(stage, { recursive: true, force: true })
}
