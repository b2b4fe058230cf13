// Gives everything a new version: `npm run release:prepare -- 1.2.3`. The section Unreleased of the changelog becomes
// that of the version. Commits nothing.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChangelog } from './changelog.mjs'
import { npm, ownDependencies, readJson, root, stop, workspacesOf } from './files.mjs'

const [version = ''] = process.argv.slice(2)
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
  stop(`Which version? npm run release:prepare -- 1.2.3; received ${JSON.stringify(version)}`)

const [unreleased, ...released] = readChangelog(root)
if (!unreleased?.text) stop('CHANGELOG.md: there is nothing under Unreleased')
if (released.some((section) => section.version === version))
  stop(`CHANGELOG.md: there is a section of ${version} already`)

function edit(file, from, to) {
  const path = join(root, file)
  const before = readFileSync(path, 'utf8')
  const after = before.replace(from, to)
  if (after === before && !before.includes(to)) stop(`${file}: ${from} was not found`)
  writeFileSync(path, after)
}

const today = new Date().toISOString().slice(0, 10)
edit('CHANGELOG.md', '## [Unreleased]\n', `## [Unreleased]\n\n## [${version}] - ${today}\n`)
npm(['version', version, '--no-git-tag-version', '--allow-same-version', '--ignore-scripts'], {
  cwd: root,
})
// Not by npm, which would look for the new version of the root package in the registry.
const writeJson = (file, value) =>
  writeFileSync(join(root, file), `${JSON.stringify(value, null, 2)}\n`)
const lock = readJson(join(root, 'package-lock.json'))
for (const { folder, manifest } of workspacesOf(root)) {
  for (const one of [manifest, lock.packages[folder]]) {
    one.version = version
    for (const { kind, name } of ownDependencies(root, one)) one[kind][name] = version
  }
  writeJson(`${folder}/package.json`, manifest)
}
writeJson('package-lock.json', lock)
edit('Cargo.toml', /^version = ".*"$/m, `version = "${version}"`)
const options = { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' }
execFileSync('cargo', ['update', '--workspace', '--offline', '--quiet'], options)
execFileSync('npx', ['--no-install', 'napi', 'version'], options)
// The loader names the version that the binary of a platform package must have.
execFileSync('npm', ['run', 'build'], options)
console.log(`\nEverything is ${version} now. Look at the difference, and go on with RELEASING.md.`)
