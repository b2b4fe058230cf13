// What SQLite and the Rust floors cost without Node.js: the example program floor.rs, where it is built.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inFolder } from './processes.mjs'

const PROGRAM = fileURLToPath(
  new URL(
    `../../target/release/examples/floor${process.platform === 'win32' ? '.exe' : ''}`,
    import.meta.url,
  ),
)

/** The trials that the program knows. */
const TRIALS = new Set([
  'append-small',
  'append-large',
  'append-many',
  'get-by-session',
  'get-since',
  'get-full-output',
  'list-sessions',
  'get-session',
])

export function hasFloor() {
  return existsSync(PROGRAM)
}

/** Runs a trial; `undefined` for one that the program does not know. */
export function runFloor(trial, { dir, chunks, quick }) {
  if (!TRIALS.has(trial)) return undefined
  return inFolder(dir, (folder) => {
    const args = [trial, chunks.small, chunks.large, folder, quick ? 'quick' : 'full']
    return JSON.parse(execFileSync(PROGRAM, args, { encoding: 'utf8' }))
  })
}
