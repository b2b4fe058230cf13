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
