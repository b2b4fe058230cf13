// Runs the behaviour suite on other runtimes, each installed from npm into `target/runtimes`.
//
//   npm run runtimes                              on all of them
//   npm run runtimes -- --only node26,bun         on some
//   npm run runtimes -- --only deno sessions      the specs whose names match
//   npm run runtimes -- --write                   and writes the results into docs/runtimes.md

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { differences } from './differences.mjs'
import { writeDocs } from './docs.mjs'
import { installRuntime, runtimes } from './runtimes.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')

const { values: options, positionals: specs } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, write: { type: 'boolean', default: false } },
})
if (options.write && specs.length > 0) throw new Error('--write takes the whole suite')
const names = options.only?.split(',') ?? Object.keys(runtimes)
for (const name of names) {
  if (!(name in runtimes)) throw new Error(`${name} is none of ${Object.keys(runtimes).join(', ')}`)
}

/** Runs the suite and gives the report of vitest. Throws where the runtime ended without one. */
function runSuite(program, args) {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-runtime-'))
  const report = join(folder, 'report.json')
  try {
    const reporting = ['--pool', 'forks', '--reporter', 'json', '--outputFile', report]
    const { status, signal, stdout, stderr } = spawnSync(
      program,
      [...args, vitest, 'run', ...reporting, ...specs],
      { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 },
    )
    try {
      return JSON.parse(readFileSync(report, 'utf8'))
    } catch {
      throw new Error(`no report, ended with ${signal ?? status}:\n${stdout}\n${stderr}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every test that ran or could not, as `{ spec, name, status, message }`. */
const testsOf = ({ testResults }) =>
  testResults.flatMap(({ name: path, status, message, assertionResults }) => {
    const spec = `${basename(dirname(path))}/${basename(path, '.spec.ts')}`
    const tests = assertionResults.map(({ fullName, status: state, failureMessages }) => ({
      spec,
      name: fullName,
      status: state,
      message: failureMessages?.join('\n') ?? '',
    }))
    // The file itself failed, and perhaps none of its tests ran.
    const isWhole = status === 'failed' && tests.every(({ status: state }) => state !== 'failed')
    return isWhole ? [...tests, { spec, name: '', status: 'failed', message }] : tests
  })

/** Splits tests by what is expected of them on a runtime. */
function judge(name, tests) {
  const known = (differences[name] ?? []).map((entry) => ({ ...entry, seen: [] }))
  const unexpected = []
  for (const test of tests) {
    const entry = known.find(
      ({ spec, test: start }) => spec === test.spec && (!start || test.name.startsWith(start)),
    )
    if (entry) entry.seen.push(test)
    else if (test.status === 'failed') unexpected.push(test)
  }
  const ran = new Set(tests.map(({ spec }) => spec))
  const stale = known.filter(
    ({ spec, seen, sometimes }) =>
      !sometimes && ran.has(spec) && !seen.some(({ status }) => status === 'failed'),
  )
  const differing = known.flatMap(({ seen }) => seen.filter(({ status }) => status !== 'passed'))
  return { unexpected, stale, differing: differing.filter((test) => test.name !== '') }
}

const results = {}
let failed = false
for (const name of names) {
  const { path, version } = installRuntime(name, join(root, 'target/runtimes'))
  const title = `${runtimes[name].title} ${version}`
  const start = process.hrtime.bigint()
  const tests = testsOf(runSuite(path, runtimes[name].args))
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const { unexpected, stale, differing } = judge(name, tests)
  const passed = tests.filter(({ status }) => status === 'passed').length
  console.log(
    `${title}: ${passed} passed, ${differing.length} differ as is documented, ` +
      `${unexpected.length} failed, in ${seconds.toFixed(0)} s`,
  )
  for (const { spec, name: test, message } of unexpected)
    console.error(`\n  ${spec}: ${test}\n${message.slice(0, 2_000)}`)
  for (const { spec, test } of stale)
    console.error(`\n  ${spec}: ${test ?? 'all'}\n  is in differences.mjs, but passes`)
  if (unexpected.length > 0 || stale.length > 0 || passed === 0) failed = true
  else results[name] = { title, passed, differing: differing.length }
}
if (options.write) await writeDocs(root, results)
process.exitCode = failed ? 1 : 0
