// What shells offer for a command line that is not over: commands, options, values, and the ids of sessions.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  at,
  openStores,
  sampleSession,
  temporaryFolder,
} from '../../../__test__/support/support.js'
import { atTerminal, folderOfCommand, has } from './at-terminal.js'
import { runCommand } from './support.js'

function openSessions(stores = openStores()) {
  for (const [i, id] of [
    'build-1',
    'build-2',
    'a b',
    "o'clock",
    '--force',
    'x'.repeat(10_000),
  ].entries()) {
    stores.sessions.create(
      sampleSession({ id, startedAt: at(i), status: 'completed', currentCommand: 'make\tall' }),
    )
  }
  const { path } = stores.connection
  const complete = async (...words: string[]) =>
    (await runCommand(['complete', '--', ...words], { env: { GSD_SESSIONS_DB: path } })).stdout
  return { path, complete }
}

const first = (text: string) => text.split('\n').map((line) => line.split('\t')[0])

describe('in the place of the last word there may be', () => {
  test.each([
    ['a command', ['re'], ['record', 'rename', 'redact', 'restore']],
    ['an option', ['list', '--s'], ['--status', '--since']],
    ['a value of an option', ['list', '--status', 'c'], ['completed']],
    ['an id', ['show', '--raw', ''], ['last', 'build-2', 'build-1']],
    ['another id', ['delete', 'build-1', 'build-'], ['build-2', 'build-1']],
    ['the id of an option', ['list', '--before', 'bu'], ['build-2', 'build-1']],
    ['a shell', ['completion', ''], ['bash', 'zsh', 'fish']],
    ['a file', ['export', 'last', ''], [':files']],
    ['a folder', ['tail', '--dir', ''], [':folders']],
    ['a command to record', ['record', '--slot', '2', ''], [':command 4']],
    ['a command behind a dash', ['record', '--', 'gi'], [':command 3']],
    ['an argument of what is recorded', ['record', 'npm', 'test', '--'], [':command 2']],
    ['an option of record', ['record', '--no-t'], ['--no-terminal']],
    ['nothing', ['tail', '-n', ''], []],
    ['nothing more', ['verify', ''], []],
  ])('%s', async (_, words, wanted) => {
    const { complete } = openSessions()
    expect(first(await complete(...words))).toEqual([...wanted, ''])
  })

  test('the ids of another database, with what they ran', async () => {
    const { complete } = openSessions()
    const other = openStores()
    other.sessions.create(sampleSession({ id: 'other', title: 'a title', status: 'failed' }))
    const { path } = other.connection
    expect(await complete('--db', path, 'show', 'o')).toBe('other\tfailed: a title\n')
    expect(await complete('show', 'build-1')).toBe('build-1\tcompleted: make\\tall\n')
    expect(await complete(`--db=${path}`, 'show', 'o')).toBe('other\tfailed: a title\n')
    expect(await complete('--db', '=', path, 'show', 'o')).toBe('other\tfailed: a title\n')
    expect(await complete('--db', join(path, 'none'), 'show', '')).toBe('')
  })
})

/** Runs a script of a shell that has the completions. */
function inShell(shell: string, script: string) {
  const { path } = openSessions()
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'folder'))
  writeFileSync(join(folder, 'file one'), '')
  const { PATH } = process.env
  const env = {
    HOME: temporaryFolder(),
    PATH: `${folderOfCommand()}:${PATH}`,
    GSD_SESSIONS_DB: path,
  }
  const { stdout, stderr } = spawnSync(shell, ['-c', script], { cwd: folder, env })
  expect(String(stderr)).toBe('')
  return String(stdout)
}

describe.skipIf(process.platform === 'win32')('a shell', () => {
  test.skipIf(!has('bash'))('bash offers them', () => {
    const script = `
      source <(gsd-sessions completion bash)
      offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gsd_sessions; echo "\${COMPREPLY[*]}"; }
      compopt() { echo "compopt $*"; }
      offer gsd-sessions sho
      offer gsd-sessions show bu
      offer gsd-sessions export last fi
      offer gsd-sessions record -- readonl`
    expect(inShell('bash', script)).toBe('show\nbuild-2 build-1\ncompopt -o default\n\nreadonly\n')
  })

  test.skipIf(!has('fish'))('fish offers them', () => {
    const script = `
      gsd-sessions completion fish | source
      complete -C 'gsd-sessions sho'
      complete -C 'gsd-sessions show bu'
      complete -C 'gsd-sessions export last fi'
      complete -C 'gsd-sessions list --dir fo'
      complete -C 'gsd-sessions record -- string rep'`
    expect(first(inShell('fish', script))).toEqual([
      'show',
      'build-2',
      'build-1',
      'file one',
      'folder/',
      'repeat',
      'replace',
      '',
    ])
  })

  test.skipIf(!has('zsh'))('zsh completes them', async () => {
    const terminal = atTerminal(['zsh', '-f'])
    openSessions(terminal)
    terminal.type('autoload -Uz compinit && compinit -u -D\r')
    terminal.type('source <(gsd-sessions completion zsh) && echo rea""dy\r')
    await terminal.shows(/^ready/m)
    terminal.type('gsd-sessions sho\t')
    await terminal.shows(/gsd-sessions show *$/m)
    terminal.type('bu\t\t')
    await terminal.shows('build-1 ')
    expect(terminal.screen()).toMatch(/build-2 +-- completed/)
  })
})
