// Publishes what stage.mjs made: platform packages, the root package, then the command, so that nobody gets one without
// what it needs:
//
//   node scripts/release/publish.mjs --from <folder> [--dry-run] [--provenance]
//
// It leaves out what the registry already has, so that a release that stopped half-way can be run again. It needs only
// Node.js and npm: the job that may publish installs no dependencies.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { digest, npm, readJson, stop } from './files.mjs'

/** The first version of npm that exchanges the identity of a workflow for the right to publish. */
const TRUSTED_PUBLISHING = [11, 5, 1]

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    provenance: { type: 'boolean', default: false },
  },
})
if (!values.from) stop('From where? --from <folder>')
const from = resolve(values.from)
const isDry = values['dry-run']

const npmVersion = npm(['--version']).trim()
if (values.provenance && isOlder(npmVersion.split('.').map(Number), TRUSTED_PUBLISHING))
  stop(`npm ${TRUSTED_PUBLISHING.join('.')} or newer is needed; this is ${npmVersion}`)

function isOlder(one, other) {
  const index = other.findIndex((number, at) => one[at] !== number)
  return index !== -1 && one[index] < other[index]
}

/** What the registry says of a version: its integrity, or undefined if there is none. */
function publishedIntegrity({ name, version }) {
  const { stdout, stderr, status } = spawnSync(
    'npm',
    ['view', `${name}@${version}`, 'dist.integrity', '--json'],
    { encoding: 'utf8', shell: process.platform === 'win32' },
  )
  if (status === 0) return stdout.trim() ? JSON.parse(stdout) : undefined
  if (/E404/.test(stdout + stderr)) return undefined
  return stop(`npm view ${name}@${version} failed:\n${stderr || stdout}`)
}

const packages = readJson(join(from, 'packages.json'))
for (const line of readFileSync(join(from, 'SHA256SUMS'), 'utf8').trim().split('\n')) {
  const [sum, file] = line.split('  ')
  if (digest(join(from, file)) !== sum) stop(`${file} is not what SHA256SUMS says`)
}

// Everything is checked before anything is published.
const open = packages.filter((one) => {
  const path = join(from, one.file)
  if (`sha512-${digest(path, 'sha512', 'base64')}` !== one.integrity)
    stop(`${one.file} has changed`)
  const published = publishedIntegrity(one)
  if (published === undefined) return true
  if (published !== one.integrity)
    stop(
      `${one.name}@${one.version} is published already, from another build.\n` +
        'Run the failed jobs of that workflow again, or release a new version.',
    )
  console.log(`${one.name}@${one.version} is published already`)
  return false
})

for (const { name, version, file } of open) {
  console.log(`${isDry ? 'Would publish' : 'Publishing'} ${name}@${version}`)
  // A version such as 1.0.0-beta.1 must not become what `npm install` takes.
  const tag = version.includes('-') ? 'next' : 'latest'
  const args = ['publish', join(from, file), '--access', 'public', '--tag', tag, '--ignore-scripts']
  if (values.provenance) args.push('--provenance')
  if (isDry) args.push('--dry-run')
  npm(args)
}
console.log(`${open.length} of ${packages.length} packages ${isDry ? 'would be' : 'are'} published`)
