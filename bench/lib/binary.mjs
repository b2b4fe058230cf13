// Which build is measured, as its file tells.

import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { isNewer } from '../../scripts/cross/check.mjs'
import { TARGETS } from '../../scripts/cross/targets.mjs'

const { arch, platform } = process

/** The newest version of glibc that a binary needs a symbol of, `undefined` where it needs none. */
function glibcOf(bytes) {
  const versions = bytes.toString('latin1').matchAll(/GLIBC_(\d+(?:\.\d+)+)/g)
  return [...versions]
    .map(([, version]) => version)
    .reduce((newest, version) => (newest && isNewer(newest, version) ? newest : version), undefined)
}

/** What there is to know of the binary at `path`, which this machine loads. */
export function describeBinary(path, root) {
  const bytes = readFileSync(path)
  const glibc = glibcOf(bytes)
  const libc = platform === 'linux' ? [glibc ? 'gnu' : 'musl'] : []
  const target = [platform, arch, ...libc].join('-')
  const { maxGlibc } = TARGETS[target] ?? {}
  return {
    path: relative(root, path),
    size: bytes.length,
    target,
    glibc,
    // Release builds are stripped of what a debugger reads.
    profile: bytes.includes('.debug_info') ? 'debug' : 'release',
    // On other systems the file does not tell.
    ...(maxGlibc && { kind: isNewer(glibc, maxGlibc) ? 'host build' : 'published kind' }),
  }
}
