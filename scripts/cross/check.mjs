// The rules for binaries that are published, applied to the report of inspect_binary.py.

import { EXPORTS, MAX_SIZE } from './targets.mjs'

/** Whether a version such as `2.17` is newer than another one. */
export function isNewer(version, than) {
  const [left, right] = [version, than].map((text) => text.split('.').map(Number))
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/**
 * What is wrong with a binary, in sentences; none where it may be published.
 *
 * `report` is what inspect_binary.py tells, `target` one of TARGETS.
 */
export function problemsOf(report, target) {
  const problems = []
  const expect = (holds, problem) => {
    if (!holds) problems.push(problem)
  }
  expect(report.format === target.format, `is ${report.format} rather than ${target.format}`)
  expect(
    report.architecture === target.architecture,
    `is for ${report.architecture} rather than ${target.architecture}`,
  )
  expect(report.size < MAX_SIZE, `has ${report.size} bytes, and must have less than ${MAX_SIZE}`)
  expect(report.stripped, 'is not stripped')
  const tolerated = (name) => target.toleratedExports?.some((pattern) => pattern.test(name))
  const exported = report.exports.filter((name) => !tolerated(name))
  expect(
    exported.join() === EXPORTS.join(),
    `exports ${exported.join(', ') || 'nothing'} rather than ${EXPORTS.join(', ')}`,
  )
  const others = report.libraries.filter((library) => !target.libraries.includes(library))
  expect(others.length === 0, `needs ${others.join(', ')}`)
  if (report.glibc) {
    expect(target.maxGlibc, `needs glibc, version ${report.glibc}`)
    if (target.maxGlibc) {
      expect(
        !isNewer(report.glibc, target.maxGlibc),
        `needs glibc ${report.glibc}, and may need ${target.maxGlibc} at most`,
      )
    }
  }
  const versions = report.otherVersions ?? []
  expect(versions.length === 0, `needs symbols of the versions ${versions.join(', ')}`)
  if (target.minimumSystem) {
    expect(
      !isNewer(report.minimumSystem, target.minimumSystem),
      `needs macOS ${report.minimumSystem}, and may need ${target.minimumSystem} at most`,
    )
  }
  if (target.signed || (report.signature ?? 'none') !== 'none') {
    expect(report.signature === 'valid', `is not signed as it must be: ${report.signature}`)
  }
  return problems
}
