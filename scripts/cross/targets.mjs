// The platforms that a Linux machine builds for, and what their binaries may ask of a system.

/** Bytes below which a binary has to stay. */
export const MAX_SIZE = 8 * 1024 * 1024

/** The only function that a binary exports: what Node.js calls. */
export const EXPORTS = ['napi_register_module_v1']

/** glibc that the binaries are linked against: CentOS 7, Debian 8. */
const GLIBC = '2.17'

// zig's linker for macOS exports whatever is visible.
const HIDDEN = '-fvisibility=hidden'

// These are exported in spite of that: two symbols of the linker and two of Rust's standard library. macOS binds
// symbols by library, so that they cannot clash with those of others.
const LINKER_EXPORTS = [
  /^__dso_handle$/,
  /^_mh_dylib_header$/,
  /^rust_eh_personality$/,
  /^_RN\w+_3std9panicking11EMPTY_PANIC$/,
]

const glibcLibraries = (loader) => [
  'libc.so.6',
  'libdl.so.2',
  'libm.so.6',
  'libpthread.so.0',
  loader,
]

const macLibraries = [
  '/usr/lib/libSystem.B.dylib',
  '/usr/lib/libcharset.1.dylib',
  '/usr/lib/libiconv.2.dylib',
]

/** The targets by their platforms, as the folders of npm/ are called. */
export const TARGETS = {
  'linux-x64-gnu': {
    triple: 'x86_64-unknown-linux-gnu',
    zigTriple: `x86_64-unknown-linux-gnu.${GLIBC}`,
    architecture: 'x86_64',
    format: 'ELF',
    maxGlibc: GLIBC,
    libraries: glibcLibraries('ld-linux-x86-64.so.2'),
  },
  'linux-arm64-gnu': {
    triple: 'aarch64-unknown-linux-gnu',
    zigTriple: `aarch64-unknown-linux-gnu.${GLIBC}`,
    architecture: 'aarch64',
    format: 'ELF',
    maxGlibc: GLIBC,
    libraries: glibcLibraries('ld-linux-aarch64.so.1'),
  },
  'linux-x64-musl': {
    triple: 'x86_64-unknown-linux-musl',
    zigTriple: 'x86_64-unknown-linux-musl',
    architecture: 'x86_64',
    format: 'ELF',
    libraries: ['libc.so'],
    // A static C library beside that of Node.js would have its own threads and memory.
    rustflags: '-C target-feature=-crt-static',
  },
  'linux-arm64-musl': {
    triple: 'aarch64-unknown-linux-musl',
    zigTriple: 'aarch64-unknown-linux-musl',
    architecture: 'aarch64',
    format: 'ELF',
    libraries: ['libc.so'],
    rustflags: '-C target-feature=-crt-static',
  },
  'darwin-x64': {
    triple: 'x86_64-apple-darwin',
    zigTriple: 'x86_64-apple-darwin',
    architecture: 'x86_64',
    format: 'Mach-O',
    // That of Node.js 20.
    minimumSystem: '10.15',
    libraries: macLibraries,
    toleratedExports: LINKER_EXPORTS,
    cflags: HIDDEN,
  },
  'darwin-arm64': {
    triple: 'aarch64-apple-darwin',
    zigTriple: 'aarch64-apple-darwin',
    architecture: 'arm64',
    format: 'Mach-O',
    minimumSystem: '11.0',
    // arm64 loads nothing that is not signed.
    signed: true,
    libraries: macLibraries,
    toleratedExports: LINKER_EXPORTS,
    cflags: HIDDEN,
  },
}
