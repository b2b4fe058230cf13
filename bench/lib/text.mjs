// What terminals really print: this repository's history and its dependencies, in colour.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { devNull } from 'node:os'

/** Between chunks in a file; a byte that UTF-8 never contains. */
const SEPARATOR = 0xff

/** How two kinds of stream are cut: the shortest chunk, the mean, and the longest, in characters. */
export const KINDS = {
  /** Programs that print line by line. */
  small: { min: 40, mean: 150, max: 800, seed: 1 },
  /** Programs that print as fast as they can: a pseudo-terminal hands over what its buffer holds. */
  large: { min: 1200, mean: 2500, max: 4095, seed: 2 },
}

// Whatever the user has configured, the text is the same.
const ENVIRONMENT = {
  ...process.env,
  GIT_CONFIG_GLOBAL: devNull,
  GIT_CONFIG_SYSTEM: devNull,
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
}

function output(root, program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: ENVIRONMENT,
    maxBuffer: 1 << 28,
    // On Windows npm is a script, which only a shell starts.
    shell: process.platform === 'win32' && program === 'npm',
  })
  if (error || status !== 0) {
    throw new Error(
      `The benchmark stores what \`${program} ${args.join(' ')}\` prints, and that did not work: ` +
        `${error?.message ?? stderr.trim()}`,
    )
  }
  return stdout
}

/** Terminal output of real commands: the same for the same commit. */
export function terminalText(root) {
  const git = (...args) => output(root, 'git', ['--no-pager', ...args])
  const plain = ['--no-ext-diff', '--no-textconv', '--no-decorate', '--date=iso']
  const history = git('log', '-p', '--stat=100', '--color=always', '--max-count=300', ...plain)
  const search = git('grep', '-nI', '--color=always', '-E', '(const|let|fn|class) [a-z]+', 'HEAD')
  const tree = output(root, 'npm', [
    'ls',
    '--all',
    '--package-lock-only',
    '--color=always',
    '--unicode=true',
  ])
  // A terminal turns every newline into CRLF.
  return [history, search, tree.replaceAll(root, '/src')].join('').replaceAll(/\r?\n/g, '\r\n')
}

/** A small generator of random numbers in [0, 1) that gives the same ones every time. */
export function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Cuts `text` into chunks as a pseudo-terminal hands them over: many short ones and a few long. */
export function cut(text, { min, mean, max, seed }) {
  const next = random(seed)
  const chunks = []
  for (let at = 0; at < text.length;) {
    const length = Math.min(max, Math.round(min - Math.log(1 - next()) * (mean - min)))
    let end = at + length
    // Not between the halves of a character.
    if ((text.charCodeAt(end) & 0xfc00) === 0xdc00) end++
    chunks.push(text.slice(at, end))
    at = end
  }
  return chunks
}

/** The bytes of a file that holds these chunks. */
export function encodeChunks(chunks) {
  return Buffer.concat(chunks.flatMap((chunk) => [Buffer.from(chunk), Buffer.of(SEPARATOR)]))
}

/** Reads chunks back from a file's bytes. */
export function decodeChunks(bytes) {
  const chunks = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(SEPARATOR, at)
    chunks.push(bytes.toString('utf8', at, end))
    at = end + 1
  }
  return chunks
}

export function digest(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
