// Proof that what would be published works: packs the packages, installs them with npm and with pnpm into empty
// folders, and uses them there in every way that users do.
//
//   npm run proof                               all of it
//   npm run proof -- --runtimes node26,bun      programs that require and import it on these runtimes as well
//   npm run proof -- --broken                   breaks the package in many ways, and the checks must notice each
//   npm run proof -- --update                   accepts the lists of files in the tarballs

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packPackages } from '../../scripts/pack.mjs'
import { installRuntime, runtimes } from '../runtimes/runtimes.mjs'
import { breakages } from './broken.mjs'
import {
  alone,
  keepContents,
  ofTarball,
  ofWorkspaceTarball,
  onRuntime,
  withTools,
  withWorkspaces,
  workspaces,
} from './checks.mjs'
import { installConsumer, managerNames } from './install.mjs'
import { root } from './processes.mjs'
import { startRegistry } from './registry.mjs'

const { values: options } = parseArgs({
  options: {
    runtimes: { type: 'string', default: '' },
    broken: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
})

const elsewhere = options.runtimes
  .split(',')
  .filter(Boolean)
  .map((name) => {
    const { path, version } = installRuntime(name, join(root, 'target/runtimes'))
    return onRuntime(`${runtimes[name].title} ${version}`, path, runtimes[name].args)
  })

const kilobytes = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`

/** Runs the checks one after the other; gives the names of those that failed, with what they said. */
async function perform(checks, subject, report) {
  const failures = []
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(subject)
      report(`  ok      ${name}`)
    } catch (error) {
      failures.push({ name, error })
      report(`  failed  ${name}`)
    }
  }
  return failures
}

/** The manifests in npm/ of the platforms whose addon is not built here. */
function otherPlatforms(packed) {
  const built = new Set(packed.map(({ name }) => name))
  return readdirSync(join(root, 'npm'))
    .map((platform) =>
      JSON.parse(readFileSync(join(root, 'npm', platform, 'package.json'), 'utf8')),
    )
    .filter(({ name }) => !built.has(name))
    .map((manifest) => ({ manifest }))
}

/** Of some checks that of this name, or all without one. */
const chosen = (checks, only) =>
  only === undefined ? checks : Object.hasOwn(checks, only) ? { [only]: checks[only] } : {}

/** Packs, installs and checks; gives what failed. `change` breaks packages on purpose, and `only` names the one check that is wanted. */
async function prove({ change, managers = managerNames, tools = true, only, report }) {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-proof-'))
  const failures = []
  let registry
  try {
    const packed = packPackages(folder, change)
    for (const { name, size, unpackedSize, files } of packed) {
      report(
        `${name}: ${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)}, ${files.length} files`,
      )
    }
    const [main] = packed
    const others = Object.entries(workspaces).map(([name, list]) => {
      return { list, ...packed.find((one) => one.name === name) }
    })
    const tarballs = Object.fromEntries(
      others
        .filter(({ name }) => !name.startsWith('@'))
        .map(({ name, tarball }) => [name, tarball]),
    )
    if (options.update) {
      for (const one of [{ list: 'contents.txt', ...main }, ...others]) keepContents(one.list, one)
    }
    failures.push(...(await perform(chosen(ofTarball, only), main, report)))
    for (const one of others) {
      const checks = chosen(ofWorkspaceTarball(one.name), only)
      failures.push(...(await perform(checks, one, report)))
    }
    const isOfTarball = [{ name: undefined, ...main }, ...others].some(({ name }) =>
      Object.hasOwn({ ...ofTarball, ...ofWorkspaceTarball(name) }, only ?? ''),
    )
    if (isOfTarball) return failures
    registry = await startRegistry([...packed, ...otherPlatforms(packed)])
    for (const manager of managers) {
      let consumer
      const installs = async () => {
        consumer = await installConsumer(manager, join(folder, manager), registry.url, tarballs)
      }
      report(`\nInstalled by ${manager}`)
      failures.push(...(await perform({ 'the package by its name': installs }, null, report)))
      if (!consumer) continue
      report(`          in ${consumer.seconds.toFixed(1)} s`)
      const here = Object.assign({ ...alone }, ...elsewhere)
      failures.push(...(await perform(chosen(here, only), consumer, report)))
      // One after the other: what one brings is not there for those before it.
      for (const { name, tarball } of others) {
        const added = `${name} is added`
        if (only !== undefined && only !== name && only !== added) continue
        const adds = { [added]: () => consumer.add(tarball) }
        const works = { [name]: withWorkspaces[name] }
        failures.push(...(await perform({ ...adds, ...works }, consumer, report)))
      }
      if (!tools) continue
      const tooled = { 'the tools of users': () => consumer.addTools() }
      const works = chosen(withTools, only)
      failures.push(...(await perform({ ...tooled, ...works }, consumer, report)))
    }
  } finally {
    registry?.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  return failures
}

/** Breaks the package in every known way, and checks that the right check notices. */
async function proveProof() {
  let unnoticed = 0
  for (const { what, change, noticedBy, tools = false } of breakages) {
    const how = { change, managers: ['npm'], tools, only: noticedBy, report: () => {} }
    const failures = await prove(how)
    const isNoticed = failures.some(({ name }) => name === noticedBy)
    if (!isNoticed) unnoticed += 1
    console.log(`  ${isNoticed ? 'noticed   ' : 'UNNOTICED '}${what}: ${noticedBy}`)
  }
  return unnoticed
}

if (options.broken) {
  process.exitCode = (await proveProof()) === 0 ? 0 : 1
} else {
  const failures = await prove({ report: (line) => console.log(line) })
  for (const { name, error } of failures) console.error(`\n${name}: ${error.message}`)
  process.exitCode = failures.length === 0 ? 0 : 1
}
