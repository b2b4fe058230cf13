// A shell in a pseudo-terminal, in which a test types as a person does, and of which it sees the screen.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { record } from '../../../index.js'
import { openStores, temporaryFolder } from '../../../__test__/support/support.js'
import { commandPath } from './support.js'

/** Whether this machine has a program. */
export const has = (program: string) =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

/** A folder with a program `gsd-sessions`, for the PATH of a shell. */
export function folderOfCommand(): string {
  const folder = temporaryFolder()
  const script = `#!/bin/sh\nexec "${process.execPath}" "${commandPath}" "$@"\n`
  writeFileSync(join(folder, 'gsd-sessions'), script, { mode: 0o755 })
  return folder
}

const BASH: [string, ...string[]] = ['bash', '--norc', '--noprofile', '-i']

/** A person at a terminal, and the database that the recordings go to. */
export function atTerminal([command, ...args]: [string, ...string[]] = BASH) {
  const outer = openStores()
  const inner = openStores()
  const { PATH } = process.env
  const home = temporaryFolder()
  const folder = folderOfCommand()
  const shell = record(outer.connection, {
    command,
    args,
    cwd: home,
    columns: 100,
    rows: 24,
    env: {
      HOME: home,
      PATH: `${folder}:${PATH}`,
      PS1: '$ ',
      GSD_SESSIONS_DB: inner.connection.path,
      TERM: 'xterm-256color',
    },
  })
  onTestFinished(() => shell.kill('SIGKILL'))
  const screen = () => outer.outputs.screen(shell.id).text
  /** Waits until the session has printed this, and nothing else. */
  const stores = async (text: string) => {
    await expect.poll(() => inner.outputs.text('s-1')).toBe(text)
  }
  /** Waits until the screen shows this. */
  const shows = async (wanted: string | RegExp) => {
    const deadline = Date.now() + 20_000
    const isShown = () =>
      typeof wanted === 'string' ? screen().includes(wanted) : wanted.test(screen())
    while (!isShown()) {
      if (Date.now() > deadline) throw new Error(`${String(wanted)} is not shown:\n${screen()}`)
      await new Promise((done) => setTimeout(done, 10))
    }
  }
  const type = (text: string) => shell.write(text)
  const recorded = (line: string) =>
    type(`"${process.execPath}" "${commandPath}" record --id s-1 -- ${line}\r`)
  return { ...inner, shell, screen, shows, stores, type, command: recorded }
}
