// Makes what a release publishes, in a folder of its own, from a copy of the package, so that the tree stays as it is:
//
//   npm run release:stage -- --out <folder> [--binaries <folder>] [--partial]
//
// The tarballs of the platform packages, of the root package and of the command, the binaries one by one, the bills of materials,
// SHA256SUMS over all of it, the notes of the version, and packages.json, which says in which order to publish.
// `--binaries` is a folder with the `.node` files anywhere below it. All must be there, unless `--partial` says that it
// is only a try: then it prints which are missing, and leaves their packages out.

import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readChangelog } from './changelog.mjs'
import {
  workspacesOf,
  bundleLib,
  digest,
  npm,
  platformsOf,
  readJson,
  root,
  stop,
  temporaryFolder,
} from './files.mjs'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    binaries: { type: 'string', default: root },
    partial: { type: 'boolean', default: false },
  },
})
if (!values.out) stop('Where to? --out <folder>')
const out = resolve(values.out)
if (existsSync(out) && readdirSync(out).length > 0) stop(`${out} is not empty`)
mkdirSync(out, { recursive: true })

const manifest = readJson(join(root, 'package.json'))
const { name, version, napi } = manifest
const workspaces = workspacesOf(root)
const napiCommand = join(root, 'node_modules/@napi-rs/cli/dist/cli.js')

/** The binaries by platform. */
function findBinaries() {
  const found = new Map()
  const nowhere = new Set(['node_modules', 'target', '.git', 'vendor'])
  const look = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory() && !nowhere.has(entry.name)) look(path)
      const platform = new RegExp(`^${napi.binaryName}\\.(.+)\\.node$`).exec(entry.name)?.[1]
      if (!platform) continue
      const other = found.get(platform)
      if (other && digest(other) !== digest(path)) {
        if (!values.partial) stop(`Two binaries of ${platform}: ${other} and ${path}`)
        console.log(`Two binaries of ${platform}: taking ${other}, not ${path}`)
      } else found.set(platform, path)
    }
  }
  look(resolve(values.binaries))
  return found
}

/** Packs a folder into `out`, and gives what packages.json says of it. */
function pack(folder) {
  const packed = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', out], { cwd: folder }),
  )
  const [{ filename, files, size }] = Object.values(packed)
  const { name: packageName, files: wanted, main = [] } = readJson(join(folder, 'package.json'))
  const paths = files.map(({ path }) => path)
  for (const file of wanted.concat(main))
    if (!paths.some((path) => path === file || path.startsWith(`${file}/`)))
      stop(`${packageName}: ${file} is not in the tarball`)
  if (paths.some((path) => path.endsWith('.node')) !== packageName.startsWith(`${name}-`))
    stop(`${packageName}: a binary belongs into every platform package, and into no other`)
  const integrity = `sha512-${digest(join(out, filename), 'sha512', 'base64')}`
  console.log(`  ${filename}  ${(size / 1024).toFixed(0)} KiB`)
  return { name: packageName, version, file: filename, integrity }
}

/** The bill of materials of what npm installs, in CycloneDX. */
function npmBill() {
  const cwd = temporaryFolder('bill')
  // `npm sbom --omit dev` also leaves out packages that are needed for both development and use. So the manifest has no
  // development dependencies here, except the link by which the command finds the root package.
  const devDependencies = { [name]: 'file:.' }
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ ...manifest, devDependencies }))
  for (const { folder } of workspaces)
    cpSync(join(root, folder, 'package.json'), join(cwd, folder, 'package.json'))
  copyFileSync(join(root, 'package-lock.json'), join(cwd, 'package-lock.json'))
  npm(['install', '--package-lock-only', '--offline', '--ignore-scripts'], { cwd })
  const bill = JSON.parse(
    npm(['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], { cwd }),
  )
  // npm calls what is in the tree by its folder, and has a workspace depend on its packages.
  for (const component of [bill.metadata.component, ...bill.components])
    component.name = component['bom-ref'].replace(/@[^@]*$/, '')
  const own = bill.dependencies.find(({ ref }) => ref === bill.metadata.component['bom-ref'])
  own.dependsOn = []
  return `${JSON.stringify(bill, null, 2)}\n`
}

/** Bills of materials in CycloneDX, for what npm installs and for what is compiled into the binaries. */
function writeBills(stage) {
  writeFileSync(join(out, 'sbom-npm.cdx.json'), npmBill())
  // Errors of the manifests are printed even where the tool that makes the bill is missing.
  const metadata = ['metadata', '--no-deps', '--format-version', '1']
  execFileSync('cargo', metadata, { cwd: stage, stdio: ['ignore', 'ignore', 'inherit'] })
  const file = 'sbom-rust'
  const args = [
    'cyclonedx',
    '--format',
    'json',
    '--override-filename',
    file,
    '--target',
    'all',
    '--spec-version',
    '1.5',
  ]
  try {
    execFileSync('cargo', args, { cwd: stage, stdio: ['ignore', 'inherit', 'pipe'] })
  } catch (error) {
    const said = String(error.stderr ?? error.message).trim()
    if (!values.partial) stop(`cargo cyclonedx failed: ${said}`)
    console.log(`  no bill of materials of the Rust crates: ${said.split('\n')[0]}`)
    return
  }
  const bill = readFileSync(join(stage, `${file}.json`), 'utf8')
  // It names the crate by its folder, which is a temporary one here.
  writeFileSync(
    join(out, `${file}.cdx.json`),
    bill.replaceAll(`file://${stage}`, 'file:///session-store'),
  )
}

const binaries = findBinaries()
const platforms = platformsOf(root)
const missing = platforms.filter((platform) => !binaries.has(platform))
if (missing.length > 0) {
  const message = `No binary for ${missing.join(', ')}`
  if (!values.partial) stop(message)
  console.log(`${message}: left out of this try. A release has all ${platforms.length}.`)
}

const stage = temporaryFolder('release')
// All of the workspace, which Cargo does not read otherwise.
const workspace = [
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'src',
  'crates',
  'bench/floor.rs',
  'tests/faults',
  'tests/slow',
]
for (const file of [
  ...manifest.files,
  ...workspace,
  'README.md',
  'LICENSE',
  'package.json',
  'package-lock.json',
])
  cpSync(join(root, file), join(stage, file), { recursive: true })
bundleLib(stage)
for (const { folder, manifest: other } of workspaces) {
  for (const file of [...other.files, 'README.md', 'package.json'])
    cpSync(join(root, folder, file), join(stage, folder, file), { recursive: true })
  copyFileSync(join(root, 'LICENSE'), join(stage, folder, 'LICENSE'))
}
const there = platforms.filter((platform) => binaries.has(platform))
for (const platform of there) {
  const folder = join(stage, 'npm', platform)
  cpSync(join(root, 'npm', platform), folder, { recursive: true })
  copyFileSync(binaries.get(platform), join(folder, basename(binaries.get(platform))))
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
}
writeBills(stage)

const runNapi = (...args) =>
  execFileSync(
    process.execPath,
    [
      napiCommand,
      'pre-publish',
      '--npm-dir',
      'npm',
      '--skip-optional-publish',
      '--no-gh-release',
      ...args,
    ],
    {
      cwd: stage,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
if (missing.length > 0) {
  // It wants a binary for every target that is listed.
  const targets = napi.targets.filter((target) => there.includes(platformOf(target)))
  writeFileSync(
    join(stage, 'package.json'),
    JSON.stringify({ ...manifest, napi: { ...napi, targets } }, null, 2),
  )
}
runNapi('--dry-run')
runNapi()

const { optionalDependencies = {} } = readJson(join(stage, 'package.json'))
for (const platform of there)
  if (optionalDependencies[`${name}-${platform}`] !== version)
    stop(`package.json: ${name}-${platform} ${version} is not among the optional dependencies`)

console.log(`${name} ${version}, in the order of publishing:`)
const packages = [
  ...there.map((platform) => join(stage, 'npm', platform)),
  stage,
  ...workspaces.map(({ folder }) => join(stage, folder)),
].map(pack)
writeFileSync(join(out, 'packages.json'), `${JSON.stringify(packages, null, 2)}\n`)
for (const platform of there)
  copyFileSync(binaries.get(platform), join(out, basename(binaries.get(platform))))

const section = readChangelog(root).find((one) => one.version === version)
const notes = section?.text.replaceAll(/^<!-- .* -->$/gm, '').trim()
writeFileSync(
  join(out, 'NOTES.md'),
  `${notes ?? `${version} has no section in the changelog yet.`}\n`,
)

const sums = readdirSync(out)
  .filter((file) => /\.(tgz|node|cdx\.json)$/.test(file))
  .sort()
  .map((file) => `${digest(join(out, file))}  ${file}\n`)
writeFileSync(join(out, 'SHA256SUMS'), sums.join(''))
console.log(`Staged in ${out}`)

/** The platform of a target of Rust's, as napi names it. */
function platformOf(target) {
  const [cpu, , system, abi] = target.split('-')
  const arch = cpu === 'aarch64' ? 'arm64' : 'x64'
  if (system === 'darwin') return `darwin-${arch}`
  return `${system === 'windows' ? 'win32' : 'linux'}-${arch}-${abi}`
}
