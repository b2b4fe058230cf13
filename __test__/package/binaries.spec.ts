// The rules that a binary must follow to be published. Each rule refuses a binary that breaks it.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { problemsOf } from '../../scripts/cross/check.mjs'
import { TARGETS } from '../../scripts/cross/targets.mjs'
import { platforms } from '../support/installation.js'

const linux = {
  format: 'ELF',
  architecture: 'x86_64',
  size: 5_000_000,
  stripped: true,
  exports: ['napi_register_module_v1'],
  libraries: ['libc.so.6', 'libm.so.6'],
  glibc: '2.17',
  otherVersions: [],
}

const mac = {
  format: 'Mach-O',
  architecture: 'arm64',
  size: 5_000_000,
  stripped: true,
  exports: ['napi_register_module_v1'],
  libraries: ['/usr/lib/libSystem.B.dylib'],
  minimumSystem: '11.0',
  signature: 'valid',
}

describe('a binary for Linux', () => {
  const target = TARGETS['linux-x64-gnu']

  test('a binary for Linux that follows the rules has no problems', () => {
    expect(problemsOf(linux, target)).toEqual([])
    expect(problemsOf({ ...linux, glibc: '2.2.5' }, target)).toEqual([])
  })

  test.each([
    [{ glibc: '2.34' }, 'needs glibc 2.34, and may need 2.17 at most'],
    [{ glibc: '2.17.1' }, 'needs glibc 2.17.1, and may need 2.17 at most'],
    [{ libraries: ['libc.so.6', 'libgcc_s.so.1'] }, 'needs libgcc_s.so.1'],
    [{ otherVersions: ['GCC_3.0'] }, 'needs symbols of the versions GCC_3.0'],
    [{ stripped: false }, 'is not stripped'],
    [{ size: 8 * 1024 * 1024 }, 'has 8388608 bytes, and must have less than 8388608'],
    [
      { exports: ['napi_register_module_v1', 'sqlite3_open'] },
      'exports napi_register_module_v1, sqlite3_open rather than napi_register_module_v1',
    ],
    [{ exports: [] }, 'exports nothing rather than napi_register_module_v1'],
    [{ architecture: 'aarch64' }, 'is for aarch64 rather than x86_64'],
    [{ format: 'Mach-O' }, 'is Mach-O rather than ELF'],
  ])('a binary for Linux is refused for %j', (changed, problem) => {
    expect(problemsOf({ ...linux, ...changed }, target)).toEqual([problem])
  })

  test('a binary for Linux with musl must not need glibc', () => {
    const musl = { ...linux, libraries: ['libc.so'] }
    const found = problemsOf(musl, TARGETS['linux-x64-musl'])
    expect(found).toEqual(['needs glibc, version 2.17'])
    expect(problemsOf({ ...musl, glibc: null }, TARGETS['linux-x64-musl'])).toEqual([])
  })
})

describe('a binary for macOS', () => {
  const target = TARGETS['darwin-arm64']

  test('a binary for macOS that follows the rules has no problems', () => {
    expect(problemsOf(mac, target)).toEqual([])
  })

  test.each([
    [{ minimumSystem: '13.0' }, 'needs macOS 13.0, and may need 11.0 at most'],
    [{ signature: 'none' }, 'is not signed as it must be: none'],
    [{ signature: 'wrong hash of page 3' }, 'is not signed as it must be: wrong hash of page 3'],
    [{ libraries: ['/usr/local/lib/libz.dylib'] }, 'needs /usr/local/lib/libz.dylib'],
  ])('a binary for macOS is refused for %j', (changed, problem) => {
    expect(problemsOf({ ...mac, ...changed }, target)).toEqual([problem])
  })

  test('a binary for macOS on x64 may be unsigned, but not wrongly signed', () => {
    const intel = { ...mac, architecture: 'x86_64', minimumSystem: '10.15' }
    const x64 = TARGETS['darwin-x64']
    expect(problemsOf({ ...intel, signature: 'none' }, x64)).toEqual([])
    expect(problemsOf({ ...intel, signature: 'no code directory' }, x64)).toHaveLength(1)
  })
})

test('every platform except Windows has a target', () => {
  const built = platforms.filter((platform) => !platform.startsWith('win32'))
  expect(Object.keys(TARGETS).sort()).toEqual(built)
})

test('package.json lists the triple of every target', () => {
  const { napi } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { napi: { targets: string[] } }
  const triples = Object.values(TARGETS).map(({ triple }) => triple)
  expect(napi.targets).toEqual(expect.arrayContaining(triples))
})

test.each(platforms)(
  'the package for %s names its system, its processor and its C library',
  (platform) => {
    const folder = new URL(`../../npm/${platform}/`, import.meta.url)
    const { os, cpu, libc, engines, files, main, license } = JSON.parse(
      readFileSync(new URL('package.json', folder), 'utf8'),
    ) as Record<string, unknown>
    const [system, arch, variant] = platform.split('-')
    expect({ os, cpu, libc, engines, files, main, license }).toEqual({
      os: [system],
      cpu: [arch],
      libc: { gnu: ['glibc'], musl: ['musl'] }[variant ?? ''],
      engines: { node: '>= 20' },
      files: [`session-store.${platform}.node`],
      main: `session-store.${platform}.node`,
      license: 'MIT',
    })
    expect(readdirSync(folder)).toContain('README.md')
  },
)

test('a binary for macOS may export what its linker adds, and nothing else', () => {
  const own = ['__dso_handle', '_mh_dylib_header', 'rust_eh_personality']
  const exports = [...own, 'napi_register_module_v1']
  expect(problemsOf({ ...mac, exports }, TARGETS['darwin-arm64'])).toEqual([])
  expect(problemsOf({ ...linux, exports }, TARGETS['linux-x64-gnu'])).not.toEqual([])
  const more = { ...mac, exports: [...exports, 'sqlite3_open'] }
  expect(problemsOf(more, TARGETS['darwin-arm64'])).toEqual([
    'exports napi_register_module_v1, sqlite3_open rather than napi_register_module_v1',
  ])
})
