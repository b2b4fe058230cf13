// How sessions are named and listed: by ids, their starts, and how long ago they were.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { at, openStores, sampleOutput, sampleSession } from '../../../__test__/support/support.js'
import { runCommand } from './support.js'

const UUIDS = ['0b5c2f5e-1111-4111-8111-000000000001', '0b5c9999-1111-4111-8111-000000000002']

function openSessions() {
  const stores = openStores()
  const ids = [...UUIDS, 'build', 'build-2', 'last~1']
  for (const [i, id] of ids.entries()) {
    stores.sessions.create(sampleSession({ id, startedAt: at(i * 1000), status: 'completed' }))
    stores.outputs.append(sampleOutput({ sessionId: id, data: `of ${id}\n` }))
  }
  const { path } = stores.connection
  const run = (...args: string[]) => runCommand([args[0]!, '--db', path, ...args.slice(1)])
  const shown = async (name: string) => (await run('show', '--output', name)).stdout
  return { ...stores, path, run, shown }
}

describe('a session', () => {
  test('is named by its id, even where that is the start of another one', async () => {
    const { shown } = openSessions()
    expect(await shown('build')).toBe('of build\n')
    expect(await shown('last~1')).toBe('of last~1\n')
  })

  test('is named by the start of its id, by last, and by how many came after it', async () => {
    const { shown } = openSessions()
    expect(await shown('0b5c2')).toBe(`of ${UUIDS[0]}\n`)
    expect(await shown('last')).toBe('of last~1\n')
    expect(await shown('last~2')).toBe('of build\n')
  })

  test.each([
    ['0b5c', `"0b5c" is the start of several sessions: "${UUIDS[0]}", "${UUIDS[1]}"`],
    ['nothing', 'there is no session "nothing"'],
    ['', 'there is no session ""'],
    ['last~9', 'there are no 10 sessions'],
    ['%', 'there is no session "%"'],
  ])('is not %j', async (name, why) => {
    const { run } = openSessions()
    for (const command of ['show', 'tail', 'pin', 'rename']) {
      expect(await run(command, name)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `gsd-sessions: ${why}\n`,
      })
    }
  })

  test('is named so wherever an id is expected', async () => {
    const { run, sessions, path } = openSessions()
    const file = join(path, '..', 'out.txt')
    expect(await run('export', 'last', file)).toMatchObject({ code: 0 })
    expect((await run('tail', '-1', '0b5c2')).stdout).toBe(`of ${UUIDS[0]}\n`)
    expect((await run('search', 'of', '--session', '0b5c9')).stdout).toContain(UUIDS[1])
    expect((await run('pin', 'build-')).stdout).toBe('build-2: pinned\n')
    expect(sessions.isPinned('build-2')).toBe(true)
    expect((await run('rename', 'build-', 'the second')).stdout).toBe('build-2: the second\n')
    expect(sessions.get('build-2')?.title).toBe('the second')
    expect(await run('rename', 'build-2')).toMatchObject({ stdout: 'build-2: has no title\n' })
    expect(sessions.get('build-2')?.title).toBeUndefined()
    expect(await run('delete', '--yes', '0b5c2', 'build-')).toMatchObject({ code: 0 })
    expect(sessions.get(UUIDS[0]!)).toBeUndefined()
    expect(sessions.get('build-2')).toBeUndefined()
  })
})

describe('in the place of an id', () => {
  function openPlaces() {
    const stores = openStores()
    const sessions = [
      { id: 'old', currentCommand: 'npm test', workingDir: '/work/app' },
      { id: 'built', currentCommand: 'make all', title: 'Nightly NPM build', workingDir: '/work' },
      { id: 'other', currentCommand: 'npm run lint', workingDir: '/work/application' },
    ]
    for (const [i, session] of sessions.entries()) {
      const startedAt = new Date(Date.now() - (3 - i) * 86_400_000 + 60_000)
      stores.sessions.create(sampleSession({ ...session, startedAt, status: 'completed' }))
      stores.outputs.append(sampleOutput({ sessionId: session.id, data: `of ${session.id}\n` }))
    }
    const { path } = stores.connection
    const run = (...args: string[]) => runCommand([args[0]!, '--db', path, ...args.slice(1)])
    return { ...stores, path, run }
  }

  test.each([
    [['--command', 'npm'], 'other'],
    [['--command', 'npm', 'last~1'], 'built'],
    [['--command', 'NPM TEST'], 'old'],
    [['--dir', '/work/app'], 'old'],
    [['--dir', '/work/'], 'other'],
    [['--since', '47h'], 'other'],
    [['--since', '3d', '--dir', '/work/app/'], 'old'],
    [['--dir', '/', 'last~2'], 'old'],
  ])('%j name the last session of which they are true', async (names, id) => {
    const { run } = openPlaces()
    expect(await run('show', '--output', ...names)).toMatchObject({
      code: 0,
      stdout: `of ${id}\n`,
    })
  })

  test.each([
    [['--dir', '/wor'], 1, 'there is no session that meets --command, --dir and --since'],
    [
      ['--command', 'npm', 'last~3'],
      1,
      'there are no 4 sessions that meet --command, --dir and --since',
    ],
    [['--command', 'npm', 'old'], 2, 'only last or last~2 names a session, not "old"'],
    [['--since', 'yesterday'], 2, 'It must be an age such as'],
    [[], 2, "missing required argument 'id'"],
  ])('%j name none', async (names, code, why) => {
    const { run } = openPlaces()
    for (const command of ['tail', 'pin', 'delete']) {
      const yes = command === 'delete' ? ['--yes'] : []
      const result = await run(command, ...yes, ...names)
      expect(result).toMatchObject({ code, stdout: '' })
      expect(result.stderr).toContain(why)
    }
  })

  test('a filter works with every command that takes an id', async () => {
    const { run, sessions, path } = openPlaces()
    const file = join(path, '..', 'out.txt')
    const made = await run('export', '--command', 'make', file)
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(await run('rename', '--command', 'make', 'the build')).toMatchObject({ code: 0 })
    expect(sessions.get('built')?.title).toBe('the build')
    expect((await run('unpin', '--dir', '/work/app')).stdout).toBe('old: not pinned\n')
    expect(await run('delete', '--yes', '--command', 'npm', 'last~1')).toMatchObject({ code: 0 })
    expect(sessions.list().map(({ id }) => id)).toEqual(['other', 'built'])
  })

  test('list and search take those that meet it', async () => {
    const { run } = openPlaces()
    const listed = await run('list', '--command', 'npm', '--json')
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { id: 'other' },
      { id: 'built' },
      { id: 'old' },
    ])
    const few = await run('list', '--dir', '/work/app', '--since', '4d', '--limit', '1', '--json')
    expect(JSON.parse(few.stdout)).toMatchObject([{ id: 'old' }])
    expect((await run('search', 'of', '--command', 'npm')).stdout).toBe(
      'old:1: of old\nbuilt:1: of built\nother:1: of other\n',
    )
    const cut = await run('search', 'of', '--command', 'npm', '--limit', '2')
    expect(cut).toMatchObject({ code: 3, stdout: 'old:1: of old\nbuilt:1: of built\n' })
    const whole = await run('search', 'of', '--dir', '/work/app', '--limit', '1')
    expect(whole).toMatchObject({ code: 0, stdout: 'old:1: of old\n' })
    expect(await run('search', 'of', '--dir', '/nowhere')).toMatchObject({ code: 0, stdout: '' })
  })
})

describe('a list', () => {
  test('has titles and exit codes', async () => {
    const { run, sessions } = openSessions()
    sessions.update('build', { exitCode: 3, title: 'nightly' })
    sessions.update('build-2', { signal: 'SIGTERM' })
    const { stdout } = await run('list')
    expect(stdout).toMatch(/^build .*completed +3 .* nightly$/m)
    expect(stdout).toMatch(/^build-2 .*completed +SIGTERM /m)
    expect(stdout).toContain(UUIDS[0])
  })

  test('has short ids, the last output and at most 50 sessions on a terminal', async () => {
    const { path, sessions } = openSessions()
    const { stdout } = await runCommand(['list', '--db', path], { terminal: 140 })
    expect(stdout).toContain('0b5c2f5e ')
    expect(stdout).not.toContain(UUIDS[0])
    expect(stdout).toMatch(/LAST OUTPUT/)
    expect(stdout).toMatch(/ ago /)
    for (let i = 0; i < 60; i++) sessions.create(sampleSession({ id: `more-${i}` }))
    const many = await runCommand(['list', '--db', path], { terminal: 140 })
    expect(many.stdout.match(/more-/g)?.length).toBeLessThanOrEqual(51)
    expect(many.stdout).toContain('More: --before')
    const piped = await runCommand(['list', '--db', path])
    expect(piped.stdout.match(/^more-/gm)).toHaveLength(60)
  })
})

test('salvage puts what a database gives into a new file', async () => {
  const { run, path } = openSessions()
  const file = join(path, '..', 'new.db')
  const { code, stdout } = await run('salvage', file)
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: `${file}: 5 sessions, 5 chunks\nlost: 0 sessions, 0 chunks\n`,
  })
  expect(await run('salvage', file)).toMatchObject({ code: 1, stdout: '' })
})
