// The build that is measured, read from its file.

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

/** Facts about the binary at `path`, which this machine loads. There are more for a binary of Linux. */
export function describeBinary(path, root) {
  const bytes = readFileSync(path)
  const about = { path: relative(root, path), size: bytes.length }
  if (platform !== 'linux') return { ...about, target: `${platform}-${arch}` }
  const glibc = glibcOf(bytes)
  const target = `linux-${arch}-${glibc ? 'gnu' : 'musl'}`
  const { maxGlibc } = TARGETS[target] ?? {}
  return {
    ...about,
    target,
    glibc,
    // Release builds have no section for debuggers.
    profile: bytes.includes('\0.debug_info\0') ? 'debug' : 'release',
    ...(maxGlibc && { kind: isNewer(glibc, maxGlibc) ? 'host build' : 'published kind' }),
  }
}
