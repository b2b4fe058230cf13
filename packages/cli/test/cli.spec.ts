// `gsd-sessions`: what all its commands have in common.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandPath, runCommand, runInOneProcess, type Ended } from './support.js'
import {
  openStores,
  sampleSession,
  temporaryFolder,
  temporaryPath,
} from '../../../__test__/support/support.js'

/** Those that do not create a database. */
const OPENING: [string, ...string[]][] = [
  ['list'],
  ['show', 's-1'],
  ['tail', 's-1'],
  ['search', 'x'],
  ['export', 's-1', 'x.txt'],
  ['stats'],
  ['seal'],
  ['unseal', '--all'],
  ['prune', '--keep-last', '1', '--yes'],
  ['pin', 's-1'],
  ['unpin', 's-1'],
  ['fail-orphans'],
  ['scrub'],
  ['redact', '--yes'],
  ['verify'],
  ['backup', 'x.db'],
]
const OTHERS = [
  'record',
  'restore',
  'salvage',
  'pick',
  'play',
  'rename',
  'delete',
  'mcp',
  'completion',
]
const COMMANDS = [...OTHERS, ...OPENING.map(([command]) => command)]

/** Runs the command with each of these arguments before the tests, and gives what came of one. */
function runAll(lines: string[][]): (args: string[]) => Ended {
  const all = new Map<string, Ended>()
  beforeAll(async () => {
    for (const [index, ended] of (await runInOneProcess(lines)).entries())
      all.set(JSON.stringify(lines[index]), ended)
  })
  return (args) => {
    const ended = all.get(JSON.stringify(args))
    if (!ended) throw new Error(`not among those that ran: ${JSON.stringify(args)}`)
    return ended
  }
}

describe('help', () => {
  const HELP = ['--help', '-h', 'help']
  const ran = runAll([...HELP.map((word) => [word]), ...COMMANDS.map((name) => [name, '--help'])])

  test.each(HELP)('gsd-sessions %s prints every command', (argument) => {
    const { code, stdout, stderr } = ran([argument])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
  })

  test.each(COMMANDS)('the help of %s has its options and examples', (command) => {
    const { code, stdout } = ran([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: gsd-sessions ${command}`)
    for (const option of ['--db <file>', '--json', 'Examples:']) expect(stdout).toContain(option)
    expect(stdout).toContain(`$ gsd-sessions ${command}`)
  })

  test('--version prints the version of the package', async () => {
    const manifest = JSON.parse(readFileSync(join(commandPath, '../../package.json'), 'utf8')) as {
      version: string
    }
    const { code, stdout } = await runCommand(['--version'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${manifest.version}\n` })
  })
})

describe('a usage error exits with 2', () => {
  const ERRORS: [args: string[], words: string][] = [
    [[], 'Usage: gsd-sessions'],
    [['lst'], "unknown command 'lst'"],
    [['list', '--nope'], "unknown option '--nope'"],
    [['list', 'more'], 'too many arguments'],
    [['list', '--status', 'done'], 'waiting_checkpoint'],
    [['list', '--limit', '0'], 'an integer from 1'],
    [['list', '--limit', '1e3'], 'an integer from 1'],
    [['list', '--db'], 'argument missing'],
    [['show'], "missing required argument 'id'"],
    [['tail', 's-1', '-n', '-1'], 'an integer from 0'],
    [['search', 'x', '--since', 'soon'], 'a date such as'],
    [['search', 'x', '-C', '101'], 'from 0 to 100'],
    [['export'], "missing required argument 'id'"],
    [['export', 's-1'], '--format raw|text|html|ndjson|asciicast'],
    [['export', 's-1', '-'], '--format raw|text|html|ndjson|asciicast'],
    [['export', 's-1', 'build.log'], '"build.log" is not clear: --format raw|text'],
    [['export', 's-1', 'x', '--format', 'pdf'], 'raw, text, html, ndjson, asciicast'],
    [['export', 's-1', 'x.cast', '--rows', '0'], 'from 1 to 65535'],
    [['unseal'], 'Give their ids, or --all'],
    [['unseal', '--all', 's-1'], 'Give their ids, or --all'],
    [['prune'], '--older-than, --max-bytes, --keep-last or --orphans'],
    [['prune', '--yes'], '--older-than, --max-bytes, --keep-last or --orphans'],
    [['prune', '--keep-last', '1'], '--yes'],
    [['prune', '--older-than', '30'], 'an age such as 12h'],
    // Minutes or months?
    [['prune', '--older-than', '1m'], 'an age such as 12h'],
    [['prune', '--older-than', '999999999d'], 'an age such as 12h'],
    [['prune', '--older-than', '2026-13-01'], 'an age such as 12h'],
    [['prune', '--max-bytes', '-1'], 'a size such as 500M'],
    [['prune', '--max-bytes', '5iB'], 'a size such as 500M'],
    [['prune', '--max-bytes', '9999999T'], 'a size such as 500M'],
    [['prune', '--keep-last', '1', '--status', 'running'], 'completed, failed, idle'],
    [['pin'], "missing required argument 'id'"],
  ]
  const ran = runAll(ERRORS.map(([args]) => args))

  test.each(ERRORS)('%j exits with 2 and says what is wrong', (args, words) => {
    const { code, stdout, stderr } = ran(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(words)
  })
})

describe('the database', () => {
  const folder = mkdtempSync(join(tmpdir(), 'session-store-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  /** The file that a command is given, in a folder of its own that is not there. */
  const missing = (name: string) => join(folder, name, 'sessions.db')
  const ran = runAll(OPENING.map(([name, ...more]) => [name, ...more, '--db', missing(name)]))

  test.each(OPENING)(
    '%s says in one line that the file is missing, and makes none',
    (name, ...more) => {
      const path = missing(name)
      const { code, stdout, stderr } = ran([name, ...more, '--db', path])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toBe(`gsd-sessions: there is no file ${JSON.stringify(path)}\n`)
      expect(existsSync(join(path, '..'))).toBe(false)
    },
  )

  test('without --db the command uses the default database in the home folder', async () => {
    const home = temporaryFolder()
    const env = { HOME: home, USERPROFILE: home }
    const { stderr } = await runCommand(['list'], { env })
    expect(stderr).toContain(JSON.stringify(join(home, '.gsd-harness', 'sessions.db')))

    openStores(join(home, '.gsd-harness', 'sessions.db')).sessions.create(sampleSession())
    expect((await runCommand(['list'], { env })).stdout).toContain('s-1')
  })

  test('a database is named before the command, behind it or in the environment, and the last wins', async () => {
    const [one, other] = [temporaryPath(), temporaryPath()]
    openStores(one).sessions.create(sampleSession({ id: 'one' }))
    openStores(other).sessions.create(sampleSession({ id: 'other' }))
    const env = { GSD_SESSIONS_DB: one }
    for (const [args, id] of [
      [['list', '--db', one], 'one'],
      [['--db', one, 'list'], 'one'],
      [['--db', one, 'list', '--db', other], 'other'],
    ] as const) {
      expect((await runCommand([...args, '--json'])).stdout).toContain(`"id":"${id}"`)
    }
    expect((await runCommand(['list', '--json'], { env })).stdout).toContain('"id":"one"')
    const home = temporaryFolder()
    const empty = { GSD_SESSIONS_DB: '', HOME: home, USERPROFILE: home }
    const { stderr } = await runCommand(['list'], { env: empty })
    expect(stderr).toContain(JSON.stringify(join(home, '.gsd-harness', 'sessions.db')))
    for (const args of [
      ['list', '--db', other],
      ['--db', other, 'list'],
    ]) {
      expect((await runCommand([...args, '--json'], { env })).stdout).toContain('"id":"other"')
    }
  })

  test('a variable that is empty is as none, and a database without a name is refused', async () => {
    const home = temporaryFolder()
    openStores(join(home, '.gsd-harness', 'sessions.db')).sessions.create(sampleSession())
    const env = { HOME: home, USERPROFILE: home, GSD_SESSIONS_DB: '' }
    expect((await runCommand(['list'], { env })).stdout).toContain('s-1')
    const recorded = ['record', '--id', 's-2', '--', process.execPath, '--version']
    expect(await runCommand(recorded, { env })).toMatchObject({ code: 0, stderr: '' })
    expect((await runCommand(['list'], { env })).stdout).toContain('s-2')
    for (const args of [
      ['list', '--db', ''],
      ['--db', '', 'list'],
    ]) {
      expect(await runCommand(args, { env })).toMatchObject({ code: 1, stdout: '' })
    }
  })

  test('a file that is no database is told in one line', async () => {
    const { code, stdout, stderr } = await runCommand(['list', '--db', commandPath])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^gsd-sessions: [^\n]*not a database[^\n]*\n$/)
  })
})

test.skipIf(process.platform === 'win32')('the command starts from the link that npm makes', () => {
  const link = join(temporaryFolder(), 'gsd-sessions')
  symlinkSync(commandPath, link)
  const { status, stdout } = spawnSync(link, ['--help'], { encoding: 'utf8' })
  expect(status).toBe(0)
  expect(stdout).toContain('Usage: gsd-sessions')
})
