'use strict'
// Why no binary was loaded, and what mends it, from what native.js tells.

const { existsSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { describeCommands } = require('./commands.js')

const { name, version } = require('../../package.json')

/** The platforms that there are packages for: the folders of npm/. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

const TROUBLESHOOTING = 'docs/troubleshooting.md of the repository has more.'

/** An error with a `code`, and with what native.js threw as its `cause`. */
function failure(code, lines, cause) {
  return Object.assign(new Error(lines.join('\n'), { cause }), { code })
}

/** The messages of everything that was tried, first to last. */
function messagesOf(error) {
  const messages = []
  for (let { cause } = error; cause; { cause } = cause) messages.unshift(String(cause.message))
  return messages
}

/**
 * `linux-x64-gnu` and the like: the binary that was looked for, `undefined` where there was none to look
 * for. On macOS one for both processors is tried first, which is not published.
 */
function platformOf(messages) {
  for (const message of messages) {
    const [, platform] = /session-store[.-]([a-z0-9]+-[a-z0-9-]+)/.exec(message) ?? []
    if (platform && platform !== 'darwin-universal' && !platform.startsWith('wasm32'))
      return platform
  }
  return undefined
}

/** Whether a message says that a module was not found; the last word is that of a bundle by Bun. */
const isAbsent = (message) => /^Cannot (find module|find package|require module) /.test(message)

/** The binary that an installed package names, and has lost. Not every runtime tells it from a package that is absent. */
function lostFile(packageName) {
  try {
    const manifest = require.resolve(`${packageName}/package.json`)
    const file = join(dirname(manifest), require(manifest).main)
    return existsSync(file) ? undefined : file
  } catch {
    return undefined
  }
}

/** The C library of a Linux: `glibc 2.36` or `musl`, as the report of the process tells. */
function libc() {
  const report = process.report?.getReport?.()
  const { header, sharedObjects } = typeof report === 'string' ? JSON.parse(report) : (report ?? {})
  if (header?.glibcVersionRuntime) return `glibc ${header.glibcVersionRuntime}`
  const isMusl = sharedObjects?.some((file) => /libc\.musl-|ld-musl-/.test(file))
  return isMusl ? 'musl' : 'an unknown C library'
}

/** What this process runs on, in words. */
function here() {
  const { platform, arch } = process
  const system = platform === 'linux' ? `${platform} ${arch} with ${libc()}` : `${platform} ${arch}`
  const runtime = process.versions.bun
    ? `Bun ${process.versions.bun}`
    : process.versions.deno
      ? `Deno ${process.versions.deno}`
      : `Node.js ${process.versions.node}`
  return `${system}, ${runtime}`
}

/** What a message of the system's loader means, where it is known. */
function meaningOf(message) {
  if (/GLIBC_[\d.]+' not found|GLIBCXX_/.test(message)) {
    return 'It was built for a newer C library than this system has; the published one takes glibc 2.17 or newer.'
  }
  if (/ld-linux|libc\.so\.6|ld-musl|libc\.musl/.test(message)) {
    return 'It was built for another C library (glibc or musl) than this system has.'
  }
  if (
    /file too short|invalid ELF|not a mach-o|not a valid Win32|wrong architecture|code signature|Exec format/i.test(
      message,
    )
  ) {
    return 'The file is damaged or was made for another processor; install the package again.'
  }
  return undefined
}

/** The line of a message that says what is wrong; node-loader of webpack has its name in one before. */
const lineOf = (message) => message.replace(/^node-loader:\n/, '').split('\n')[0]

/** The failure of a binary that NAPI_RS_NATIVE_LIBRARY_PATH names. */
function ofOverride(path, messages, cause) {
  const what = existsSync(path) ? 'does not load' : 'is not there'
  return failure(
    'ERR_SESSION_STORE_BINARY_UNUSABLE',
    [
      `${name}: the binary that NAPI_RS_NATIVE_LIBRARY_PATH names ${what}: ${JSON.stringify(path)}`,
      `  ${lineOf(messages[0] ?? '')}`,
      'Give the absolute path of a .node file for this platform, or unset the variable to use the installed one.',
    ],
    cause,
  )
}

/** The failure of a platform that there is no package for. */
function ofPlatform(cause) {
  return failure(
    'ERR_SESSION_STORE_UNSUPPORTED_PLATFORM',
    [
      `${name}: there is no prebuilt binary for this platform (${here()}).`,
      `There are binaries for ${PLATFORMS.join(', ')}.`,
      'Elsewhere, build one from the source (npm run build) and name it in NAPI_RS_NATIVE_LIBRARY_PATH.',
    ],
    cause,
  )
}

/** The failure of a package that is not installed. */
function ofMissing(packageName, cause) {
  return failure(
    'ERR_SESSION_STORE_BINARY_MISSING',
    [
      `${name}: the package with the binary for this platform (${here()}) is not installed: ${packageName}@${version}`,
      'It is an optional dependency, which was left out or belongs to another platform. To install it:',
      ...describeCommands(packageName, version),
      TROUBLESHOOTING,
    ],
    cause,
  )
}

/** The failure of a package of another version. */
function ofVersion(packageName, found, cause) {
  return failure(
    'ERR_SESSION_STORE_VERSION_MISMATCH',
    [
      `${name}: ${packageName} has version ${found}, and this is ${version}; the two must be the same. To mend it:`,
      ...describeCommands(packageName, version),
      TROUBLESHOOTING,
    ],
    cause,
  )
}

/** The failure of a binary that is there, and that the system does not load. */
function ofUnusable(platform, messages, cause) {
  const meanings = messages.map(meaningOf)
  return failure(
    'ERR_SESSION_STORE_BINARY_UNUSABLE',
    [
      `${name}: the binary for this platform (${here()}), ${platform}, is installed but does not load:`,
      ...messages.map((message) => `  ${lineOf(message)}`),
      ...new Set(meanings.filter((meaning) => meaning !== undefined)),
      TROUBLESHOOTING,
    ],
    cause,
  )
}

/** An error that says what was looked for, what is wrong with it, and what mends it. */
function describeFailure(cause) {
  const messages = messagesOf(cause)
  const override = process.env.NAPI_RS_NATIVE_LIBRARY_PATH
  if (override) return ofOverride(override, messages, cause)
  const platform = platformOf(messages)
  const isUnsupported = messages.some((message) => message.startsWith('Unsupported '))
  // What was asked for by other variables (NAPI_RS_FORCE_WASI) says best itself what is wrong.
  if (!platform && !isUnsupported) return cause
  if (!platform || !PLATFORMS.includes(platform)) return ofPlatform(cause)
  const packageName = `${name}-${platform}`
  for (const message of messages) {
    const [, found] = /version mismatch, expected \S+ but got (\S+?)\.? /.exec(message) ?? []
    if (found) return ofVersion(packageName, found, cause)
  }
  const lost = lostFile(packageName)
  if (lost) return ofUnusable(platform, [`${lost} is not there; install the package again`], cause)
  const told = messages.filter((message) => !isAbsent(message) && !message.includes('wasm32'))
  if (told.length > 0) return ofUnusable(platform, told, cause)
  return ofMissing(packageName, cause)
}

module.exports = { describeFailure }
