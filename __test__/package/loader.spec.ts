// Installations that are broken on purpose, and what the package says of them.
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runModule, type ChildOptions } from '../support/child.js'
import { binary, install, manifest, platform, platforms, write } from '../support/installation.js'
import { temporaryFolder } from '../support/support.js'

const { version } = manifest
const PACKAGE = `${manifest.name}-${platform}`

interface Told {
  code?: string
  message: string
  cause?: string
  /** The value of a variable that the loader sets for a moment. */
  left?: string
  /** What a new database in memory lists. */
  list?: unknown[]
}

/** What an import of `index` gives in a process of its own. */
async function load(index: string, options: ChildOptions = {}): Promise<Told> {
  const { code, stdout, stderr } = await runModule(
    `const told = await import(${JSON.stringify(index)}).then(
      ({ DatabaseConnection, SessionStore }) => ({
        message: 'loaded',
        list: new SessionStore(new DatabaseConnection(':memory:')).list(),
      }),
      ({ code, message, cause }) => ({ code, message, cause: cause?.message }),
    )
    told.left = process.env.NAPI_RS_ENFORCE_VERSION_CHECK
    console.log(JSON.stringify(told))`,
    options,
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Told
}

/** Options of a process that believes to run elsewhere; `script` comes before the package. */
function pretending(script: string): ChildOptions {
  const file = write(temporaryFolder(), 'pretend.cjs', script)
  return process.versions.deno
    ? { env: { NODE_OPTIONS: `--require ${file}` } }
    : { nodeOptions: ['--require', file] }
}

/** Options of a process that believes to run on a platform, by the names of Node.js. */
function elsewhere(system: string, arch: string, libc?: string): ChildOptions {
  const report =
    libc === 'musl'
      ? { header: {}, sharedObjects: ['/lib/ld-musl-x86_64.so.1'] }
      : { header: { glibcVersionRuntime: libc }, sharedObjects: [] }
  return pretending(`
    const fs = require('node:fs')
    const { readFileSync } = fs
    fs.readFileSync = (file, ...rest) => {
      if (file === '/usr/bin/ldd') throw new Error('there is none')
      return readFileSync(file, ...rest)
    }
    Object.defineProperty(process, 'platform', { value: '${system}' })
    Object.defineProperty(process, 'arch', { value: '${arch}' })
    Object.defineProperty(process, 'report', { value: { getReport: () => (${JSON.stringify(report)}) } })`)
}

describe('an installation that is whole', () => {
  test('a complete installation loads the binary of its platform package', async () => {
    expect(await load(install().index)).toEqual({ message: 'loaded', list: [] })
  })

  test('exports every name that lib/ does, one of them as compat', () => {
    const require = createRequire(import.meta.url)
    const [exported, lib] = ['../../index.js', '../../lib/index.js'].map(
      (file) => require(file) as Record<string, unknown>,
    )
    const { CompatDatabase, ...others } = lib ?? {}
    expect(exported).toEqual(others)
    expect(require('../../compat.js')).toBe(CompatDatabase)
  })
})

describe('a platform package that is not installed', () => {
  test('the error for a missing platform package has its name, the platform, a code and the cause', async () => {
    const told = await load(install({ withPlatform: false }).index)
    expect(told.code).toBe('ERR_SESSION_STORE_BINARY_MISSING')
    expect(told.message).toContain(`is not installed: ${PACKAGE}@${version}\n`)
    expect(told.message).toContain(`(${process.platform} ${process.arch}`)
    const { bun, deno, node } = process.versions
    const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`
    expect(told.message).toContain(`, ${runtime})`)
    expect(told.cause).toContain('native binding')
    expect(told.left).toBeUndefined()
  })

  test.each([
    ['package-lock.json', `npm install --include=optional --save-optional ${PACKAGE}@${version}`],
    ['pnpm-lock.yaml', 'pnpm install --force'],
    ['yarn.lock', `yarn add --optional ${PACKAGE}@${version}`],
    ['bun.lock', `bun add --optional ${PACKAGE}@${version}`],
  ])(
    'the error for a missing platform package gives one command for a project with %s',
    async (lockfile, command) => {
      const { project, index } = install({ withPlatform: false })
      write(project, lockfile, '')
      const { message } = await load(index)
      const commands = message.split('\n').filter((line) => line.startsWith('  '))
      expect(commands).toEqual([`  ${command}`])
    },
  )

  test('the error for a missing platform package gives a command for each package manager without a lockfile', async () => {
    const { message } = await load(install({ withPlatform: false }).index)
    const managers = message.split('\n').filter((line) => line.startsWith('  '))
    expect(managers.map((line) => line.trim().split(':')[0])).toEqual([
      'npm',
      'pnpm',
      'Yarn',
      'Bun',
    ])
  })

  test.each<[string, [string, string, string?], string]>([
    ['darwin-arm64', ['darwin', 'arm64'], 'darwin arm64,'],
    ['darwin-x64', ['darwin', 'x64'], 'darwin x64,'],
    ['linux-arm64-gnu', ['linux', 'arm64', '2.31'], 'linux arm64 with glibc 2.31,'],
    ['linux-arm64-musl', ['linux', 'arm64', 'musl'], 'linux arm64 with musl,'],
    ['linux-x64-gnu', ['linux', 'x64', '2.28'], 'linux x64 with glibc 2.28,'],
    ['linux-x64-musl', ['linux', 'x64', 'musl'], 'linux x64 with musl,'],
    ['win32-arm64-msvc', ['win32', 'arm64'], 'win32 arm64,'],
    ['win32-x64-msvc', ['win32', 'x64'], 'win32 x64,'],
  ])(
    'the error for a missing platform package names the one for %s',
    async (name, place, described) => {
      const { index } = install({ withPlatform: false })
      const { code, message } = await load(index, elsewhere(...place))
      expect(code).toBe('ERR_SESSION_STORE_BINARY_MISSING')
      expect(message).toContain(`${manifest.name}-${name}@${version}`)
      expect(message).toContain(`(${described} `)
      expect(platforms).toContain(name)
    },
  )
})

describe('a platform without a package', () => {
  test.each([
    ['freebsd', 'x64'],
    ['linux', 'ppc64'],
    ['linux', 'mips'],
    ['win32', 'ia32'],
    ['sunos', 'x64'],
    ['android', 'arm64'],
  ])('the error for %s on %s lists the platforms that have a package', async (system, arch) => {
    const { index } = install({ withPlatform: false })
    const { code, message } = await load(index, elsewhere(system, arch, '2.36'))
    expect(code).toBe('ERR_SESSION_STORE_UNSUPPORTED_PLATFORM')
    expect(message).toContain(`(${system} ${arch}`)
    expect(message).toContain(`There are binaries for ${platforms.join(', ')}.`)
    expect(message).not.toContain('install --')
  })
})

describe('a binary that does not load', () => {
  test.each([
    ['empty', (file: string) => truncateSync(file, 0)],
    ['cut short', (file: string) => truncateSync(file, 100_000)],
    ['something else', (file: string) => writeFileSync(file, 'Not Found\n'.repeat(1000))],
  ])('the error for a binary that is %s quotes the system', async (_, damage) => {
    const { index, binary: file } = install()
    damage(file)
    const { code, message, cause } = await load(index)
    expect(code).toBe('ERR_SESSION_STORE_BINARY_UNUSABLE')
    expect(message).toContain(`${platform}, is installed but does not load:\n  `)
    expect(message).toContain('The file is damaged')
    expect(cause).toContain('native binding')
  })

  test('the error for a C library that is too old says so, and does not advise to install again', async () => {
    const said = "/lib/libm.so.6: version `GLIBC_2.99' not found (required by session-store.node)"
    const { code, message } = await load(
      install().index,
      pretending(`
        const refuse = () => { throw new Error(${JSON.stringify(said)}) }
        if (process.versions.deno) require.extensions['.node'] = refuse
        else process.dlopen = refuse`),
    )
    expect(code).toBe('ERR_SESSION_STORE_BINARY_UNUSABLE')
    expect(message).toContain(`  ${said}\n`)
    expect(message).toContain('built for a newer C library')
    expect(message).not.toContain('install the package again')
  })

  test('the error for a platform package without its binary names the missing file', async () => {
    const { index, binary: file } = install()
    rmSync(file)
    const { code, message } = await load(index)
    expect(code).toBe('ERR_SESSION_STORE_BINARY_UNUSABLE')
    expect(message).toContain(file)
  })
})

describe('a platform package of another version', () => {
  function installOther() {
    const installation = install()
    const file = join(installation.platformFolder, 'package.json')
    const found = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
    writeFileSync(file, JSON.stringify({ ...found, version: '9.8.7-beta.1' }))
    return installation
  }

  test('a platform package of another version is refused, and the error names both versions', async () => {
    const { code, message } = await load(installOther().index)
    expect(code).toBe('ERR_SESSION_STORE_VERSION_MISMATCH')
    expect(message).toContain(`${PACKAGE} has version 9.8.7-beta.1, and this is ${version}`)
    expect(message).toContain(
      `npm install --include=optional --save-optional ${PACKAGE}@${version}`,
    )
  })

  test('a platform package of another version loads with NAPI_RS_ENFORCE_VERSION_CHECK=0', async () => {
    const told = await load(installOther().index, { env: { NAPI_RS_ENFORCE_VERSION_CHECK: '0' } })
    expect(told).toEqual({ message: 'loaded', list: [], left: '0' })
  })
})

describe('NAPI_RS_NATIVE_LIBRARY_PATH', () => {
  test('NAPI_RS_NATIVE_LIBRARY_PATH names a binary to load instead', async () => {
    const env = { NAPI_RS_NATIVE_LIBRARY_PATH: binary }
    const told = await load(install({ withPlatform: false }).index, { env })
    expect(told.message).toBe('loaded')
  })

  test('NAPI_RS_NATIVE_LIBRARY_PATH is refused where it names no file, although another binary is installed', async () => {
    const path = join(temporaryFolder(), 'none.node')
    const env = { NAPI_RS_NATIVE_LIBRARY_PATH: path }
    const { code, message } = await load(install().index, { env })
    expect(code).toBe('ERR_SESSION_STORE_BINARY_UNUSABLE')
    expect(message).toContain(
      `NAPI_RS_NATIVE_LIBRARY_PATH names is not there: ${JSON.stringify(path)}`,
    )
  })

  test('NAPI_RS_NATIVE_LIBRARY_PATH is refused where it names a file that is no binary', async () => {
    const path = write(temporaryFolder(), 'text.node', 'no binary')
    const env = { NAPI_RS_NATIVE_LIBRARY_PATH: path }
    const { code, message } = await load(install().index, { env })
    expect(code).toBe('ERR_SESSION_STORE_BINARY_UNUSABLE')
    expect(message).toContain(`names does not load: ${JSON.stringify(path)}`)
  })
})
