// Whether everything that has a version has the same one, and every target is built: `npm run release:check`. With
// `-- --tag v1.2.3` also whether that is to be released now: the changelog has a section for it and nothing
// unreleased, and the package names the repository that it is published from, which provenance needs.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readChangelog } from './changelog.mjs'
import {
  ownDependencies,
  platformsOf,
  readJson,
  root as repository,
  stop,
  workspacesOf,
} from './files.mjs'

const { values } = parseArgs({
  options: { tag: { type: 'string' }, root: { type: 'string', default: repository } },
})
const { tag, root } = values

const problems = []
const manifest = readJson(join(root, 'package.json'))
const { name, version } = manifest

function expect(where, found, wanted = version) {
  if (found !== wanted) problems.push(`${where}: ${found ?? 'nothing'} instead of ${wanted}`)
}

/** The value of `key = ` in a file of Cargo, after `start`. */
function fromToml(file, start) {
  const [, text = ''] = readFileSync(join(root, file), 'utf8').split(start)
  return /^version = "(.+)"$/m.exec(text)?.[1]
}

const lock = readJson(join(root, 'package-lock.json'))
expect('package-lock.json', lock.version)
expect('package-lock.json, packages[""]', lock.packages[''].version)
expect('Cargo.toml', fromToml('Cargo.toml', '[workspace.package]'))
for (const crate of ['gsd-session-store', 'gsd-session-core'])
  expect(`Cargo.lock, ${crate}`, fromToml('Cargo.lock', `name = "${crate}"`))
for (const platform of platformsOf(root)) {
  const other = readJson(join(root, 'npm', platform, 'package.json'))
  expect(`npm/${platform}/package.json`, other.version)
  expect(`npm/${platform}/package.json, name`, other.name, `${name}-${platform}`)
}
for (const { folder, manifest: other } of workspacesOf(root)) {
  const where = `${folder}/package.json`
  const locked = lock.packages[folder]
  expect(where, other.version)
  expect(`package-lock.json, ${folder}`, locked?.version)
  const own = ownDependencies(root, other)
  if (!own.some((dependency) => dependency.name === name)) expect(`${where}, ${name}`, undefined)
  for (const { kind, name: of } of own) {
    expect(`${where}, ${of}`, other[kind][of])
    expect(`package-lock.json, ${folder}, ${of}`, locked?.[kind]?.[of])
  }
  expect(`${where}, engines`, other.engines?.node, manifest.engines.node)
  if (other.repository?.url !== manifest.repository?.url)
    problems.push(`${where}: not the repository of package.json`)
}
const matrix = readFileSync(join(root, '.github/workflows/packages.yml'), 'utf8')
for (const target of manifest.napi.targets)
  if (!matrix.includes(`{ target: ${target}, runner: `))
    problems.push(`.github/workflows/packages.yml: ${target} is not built`)
if (platformsOf(root).length !== manifest.napi.targets.length)
  problems.push('npm/: not a folder for each target; run `npm run create-npm-dirs`')
if (manifest.optionalDependencies !== undefined)
  problems.push(
    'package.json: optionalDependencies are written when it is published, not committed',
  )

const [first, ...others] = readChangelog(root)
if (first?.version !== null)
  problems.push('CHANGELOG.md: the first section must be "## [Unreleased]"')
const released = others[0]
if (released) expect('CHANGELOG.md, the newest version', released.version)

if (tag !== undefined) {
  expect('the tag', tag, `v${version}`)
  if (!released) problems.push(`CHANGELOG.md: there is no section "## [${version}] - <date>"`)
  if (released?.text === '') problems.push(`CHANGELOG.md: the section of ${version} is empty`)
  if (first?.text) problems.push('CHANGELOG.md: there is something under Unreleased')
  const wanted = process.env.GITHUB_REPOSITORY
  const url = manifest.repository?.url
  if (!url) problems.push('package.json: no repository, which provenance needs; see RELEASING.md')
  else if (wanted && !url.includes(`github.com/${wanted}`))
    problems.push(`package.json: the repository is ${url}, and this one is ${wanted}`)
}

if (problems.length > 0) stop(problems.join('\n'))
console.log(
  `${name} ${version}: ${released ? 'all versions agree' : 'all versions agree; never released yet'}`,
)
