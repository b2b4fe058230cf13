// Audits the dependencies: crates (advisories, bans, licences, sources) and packages of npm (advisories).
//
// Exits with 1 where something was found. Exits with 2 where nothing was found but not everything could be checked: a
// tool is missing, or its server cannot be reached.

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const found = []
const notLookedAt = []

/** The output of a tool; `undefined` where the tool is missing. */
function run(command, args) {
  const { error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // A network that drops packets would make it wait forever.
    timeout: 300_000,
    shell: process.platform === 'win32',
  })
  if (error?.code === 'ENOENT') return undefined
  return { stdout: stdout ?? '', stderr: stderr ?? '' }
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Some checks of cargo-deny, which sums up what it found unless it could not look. */
function deny(checks) {
  const what = `crates: ${checks.join(', ')}`
  const said = run('cargo', ['deny', '--format', 'json', 'check', ...checks])
  const lines = (said?.stderr ?? '').split('\n').map((line) => parse(line) ?? { message: line })
  const summary = lines.find(({ type }) => type === 'summary')?.fields
  if (!summary) {
    const reason = lines.findLast(({ message, fields }) => message || fields?.message)
    const words = reason?.fields?.message ?? reason?.message ?? 'cargo was not found'
    const isMissing = said?.stderr.includes('no such command')
    notLookedAt.push([
      what,
      isMissing ? 'cargo-deny is missing; `cargo install --locked cargo-deny` installs it' : words,
    ])
    return
  }
  const errors = lines.filter(
    ({ type, fields }) => type === 'diagnostic' && fields.severity === 'error',
  )
  for (const { fields } of errors) {
    const { name, version } = fields.graphs?.[0]?.Krate ?? {}
    found.push([what, name ? `${name} ${version}: ${fields.message}` : fields.message])
  }
  const counted = checks.reduce((sum, check) => sum + (summary[check]?.errors ?? 0), 0)
  if (errors.length === 0 && counted > 0) found.push([what, `${counted} errors`])
}

/** What npm knows of the packages that the package is installed with. */
function npm() {
  const what = 'npm: advisories'
  const said = run('npm', ['audit', '--omit=dev', '--json'])
  const report = parse(said?.stdout ?? '')
  if (!report?.metadata) {
    const words = report?.message ?? report?.error?.summary ?? said?.stderr ?? 'npm was not found'
    notLookedAt.push([what, words])
    return
  }
  for (const { name, severity, range } of Object.values(report.vulnerabilities ?? {}))
    found.push([what, `${name} ${range}: ${severity}`])
}

deny(['advisories'])
deny(['bans', 'licenses', 'sources'])
npm()

for (const [what, finding] of found) console.error(`FOUND    ${what}: ${finding}`)
for (const [what, reason] of notLookedAt)
  console.error(`NOT LOOKED AT    ${what}: ${String(reason).trim().split('\n')[0]}`)
if (found.length === 0 && notLookedAt.length === 0) console.log('Nothing was found.')
process.exitCode = found.length > 0 ? 1 : notLookedAt.length > 0 ? 2 : 0
