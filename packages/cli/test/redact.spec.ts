// `gsd-sessions record --redact`, and the files that say so.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStores, temporaryFolder } from '../../../__test__/support/support.js'
import { runCommand } from './support.js'

const TOKEN = `gh${'p_'}aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3b4cD6`
const MARK = '[REDACTED:github-token]'

/** A user with a home and a project, with these files. */
function userWith(files: { user?: string; project?: string }) {
  const home = temporaryFolder()
  const project = join(home, 'project', 'deep')
  mkdirSync(project, { recursive: true })
  mkdirSync(join(home, 'config', 'gsd-sessions'), { recursive: true })
  if (files.user !== undefined) {
    writeFileSync(join(home, 'config', 'gsd-sessions', 'config.toml'), files.user)
  }
  if (files.project !== undefined) {
    writeFileSync(join(home, 'project', '.gsd-sessions.toml'), files.project)
  }
  const path = join(home, 'sessions.db')
  const run = (options: string[] = [], text = `${TOKEN} corp-1234`) =>
    runCommand(
      [
        'record',
        '--db',
        path,
        '--id',
        's-1',
        ...options,
        '--',
        process.execPath,
        '-p',
        `'${text}'`,
      ],
      {
        cwd: project,
        env: { HOME: home, XDG_CONFIG_HOME: join(home, 'config'), A_TOKEN: 'kJ3-mN5_pQ7r' },
      },
    )
  const stored = () => openStores(path).outputs.getFullOutput('s-1', { separator: '' })
  return { run, stored, path, home }
}

const RULE = '[redact]\nrules = [{ name = "corp", pattern = "corp-[0-9]+" }]\n'

describe('a recorded command', () => {
  test.each([
    ['with --redact', {}, ['--redact'], `${MARK} corp-1234\n`],
    ['without', {}, [], `${TOKEN} corp-1234\n`],
    ['by the settings of the user', { user: 'redact = true' }, [], `${MARK} corp-1234\n`],
    ['by those of the project', { project: RULE }, [], `${MARK} [REDACTED:corp]\n`],
    ['by both', { user: 'redact = true', project: RULE }, [], `${MARK} [REDACTED:corp]\n`],
    [
      'by the user, whatever the project says',
      { user: RULE, project: 'redact = false' },
      [],
      `${MARK} [REDACTED:corp]\n`,
    ],
    ['with --redact beside settings', { project: RULE }, ['--redact'], `${MARK} [REDACTED:corp]\n`],
    ['with --no-redact', { user: 'redact = true' }, ['--no-redact'], `${TOKEN} corp-1234\n`],
  ])('%s', async (_, files, options, wanted) => {
    const { run, stored, path } = userWith(files)
    const { code, stdout, stderr } = await run(options)
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${TOKEN} corp-1234\n`,
      stderr: '',
    })
    expect(stored()).toBe(wanted)
    expect(readFileSync(path, 'latin1').includes(TOKEN)).toBe(wanted.includes(TOKEN))
  })

  test('has its secrets counted by list --json', async () => {
    const { run, path } = userWith({})
    await run(['--redact'])
    const { stdout } = await runCommand(['list', '--json', '--db', path])
    // In its command, and in what it printed.
    expect(JSON.parse(stdout)).toMatchObject([{ redactions: { 'github-token': 2 } }])
  })

  test.each([
    ['redact = "yes"', 'redact must be true, false or a table'],
    ['redact =', 'Invalid TOML document'],
    ['redakt = true', 'there is no setting "redakt"'],
    ['[redact]\nrule = []', 'options.redact has no "rule"; did you mean rules?'],
  ])('does not run where the settings are %j', async (user, why) => {
    const { run } = userWith({ user })
    const { code, stdout, stderr } = await run()
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(why)
  })
})

describe('what is stored', () => {
  /** A history with a token, of a user with settings. */
  async function history(user = '') {
    const { run, stored, path, home } = userWith({ user })
    await run(['--no-redact'], `${TOKEN} corp-1234`)
    const env = { HOME: home, XDG_CONFIG_HOME: join(home, 'config'), A_TOKEN: 'kJ3-mN5_pQ7r' }
    const gsd = (...args: string[]) => runCommand([...args, '--db', path], { cwd: home, env })
    return { gsd, stored }
  }

  test('is told by redact --dry-run, without the value', async () => {
    const { gsd, stored } = await history()
    const { code, stdout } = await gsd('redact', '--dry-run')
    expect(code).toBe(0)
    expect(stdout).toContain(`s-1  stdout, cursor 1  github-token, ${TOKEN.length} bytes\n`)
    expect(stdout).toMatch(/^would be replaced: 2 secrets in 1 chunk and fields of sessions$/m)
    expect(stdout).not.toContain(TOKEN)
    expect(stored()).toContain(TOKEN)
  })

  test('is replaced by redact --yes, by the rules of the settings as well', async () => {
    const { gsd, stored } = await history(RULE)
    const { code, stdout } = await gsd('redact', 's-1', '--yes', '--json')
    expect({ code, found: JSON.parse(stdout).redactions }).toMatchObject({
      code: 0,
      found: { 'github-token': expect.any(Number), corp: expect.any(Number) },
    })
    expect(stored()).toBe(`${MARK} [REDACTED:corp]\n`)
  })

  test('is not replaced without a terminal and without --yes', async () => {
    const { gsd, stored } = await history()
    const { code, stderr } = await gsd('redact')
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--yes replaces, --dry-run only tells'),
    })
    expect(stored()).toContain(TOKEN)
  })

  test('stays, and is not in what export --redact writes', async () => {
    const { gsd, stored } = await history(RULE)
    const { stdout } = await gsd('export', 's-1', '--format', 'raw', '--redact')
    expect(stdout).toBe(`${MARK} [REDACTED:corp]\n`)
    expect(stored()).toContain(TOKEN)
  })
})
