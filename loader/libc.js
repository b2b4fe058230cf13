'use strict'
// The C library of a Linux, as the report of the process tells it.

/** `glibc 2.36`, `musl`, or `glibc` where nothing tells. */
function libc() {
  const report = process.report?.getReport?.()
  const { header, sharedObjects } = typeof report === 'string' ? JSON.parse(report) : (report ?? {})
  if (header?.glibcVersionRuntime) return `glibc ${header.glibcVersionRuntime}`
  const isMusl = sharedObjects?.some((file) => /libc\.musl-|ld-musl-/.test(file))
  return isMusl ? 'musl' : 'an unknown C library'
}

module.exports = { libc }
