// `gsd-fleet`, as people and services call it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emptyDatabase, newCluster, newFleet, newMachine, temporaryFolder } from './support.js'

const COMMAND = new URL('../bin/gsd-fleet.mjs', import.meta.url).pathname

/** Starts the command. */
function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const printed = { stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => (printed.stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (printed.stderr += data.toString()))
  return { child, printed }
}

/** Runs the command to its end. */
async function run(args: string[], env: Record<string, string> = {}) {
  const { child, printed } = start(args, env)
  const [code] = await once(child, 'close')
  return { code: code as number, ...printed }
}

/** Waits until something is true. */
async function until(isTrue: () => boolean | Promise<boolean>) {
  while (!(await isTrue())) {
    await new Promise((resume) => {
      setTimeout(resume, 20)
    })
  }
}

describe('gsd-fleet', () => {
  test('makes tables, sends, lists, shows, searches and exports', async () => {
    const GSD_FLEET_URL = await emptyDatabase()
    const env = { GSD_FLEET_URL, NO_COLOR: '1' }
    const planned = await run(['init', '--dry-run'], env)
    expect(planned.stdout).toContain('CREATE TABLE IF NOT EXISTS "gsd_fleet".blocks')
    expect((await run(['list'], env)).stderr).toContain('gsd-fleet init makes them')
    expect((await run(['init'], env)).stdout).toMatch(/: PostgreSQL, \d+ statements\n$/)
    expect((await run(['init'], env)).stdout).toContain('nothing to do')
    const machine = newMachine()
    machine.create('build', { currentCommand: 'make all' })
    machine.print('build', 300)
    const pushed = await run(['push', '--db', machine.path], env)
    expect(pushed).toMatchObject({ code: 0, stderr: '' })
    expect(pushed.stdout).toContain(`${machine.path}: 1 session, 300 chunks`)
    const listed = await run(['list'], env)
    expect(listed.stdout).toMatch(/^HOST +ID +SLOT[^\n]*\n\S+ +build +1 +running[^\n]*make all\n$/)
    const shown = await run(['show', '--output', 'build'], env)
    expect(shown.stdout).toBe(machine.outputs.getFullOutput('build', { separator: '' }))
    expect((await run(['show', 'bui'], env)).stdout).toContain('Host')
    const found = await run(['search', 'needle-97'], env)
    expect(found.stdout).toMatch(/^[^/\n]+\/build:\d+: .*needle-97\n$/)
    const tailed = await run(['tail', '-2', 'last'], env)
    expect(tailed.stdout).toBe(
      machine.outputs
        .tail('build', { lines: 2 })
        .outputs.map(({ data }) => data)
        .join(''),
    )
    const file = join(temporaryFolder(), 'build.txt')
    expect((await run(['export', 'build', file], env)).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain('needle-97')
    const status = JSON.parse((await run(['status', '--json'], env)).stdout)
    expect(status).toMatchObject({
      kind: 'postgresql',
      stores: [{ path: machine.path, sessions: 1 }],
    })
    const pruned = await run(['prune', '--older-than', '2026-12-01'], env)
    expect(pruned.stdout).toContain('removed 1 session that started before 2026-12-01, by dropping')
    expect((await run(['list', '--json'], env)).stdout).toBe('[]\n')
  })

  test('tells sessions apart that have one id on one machine', async () => {
    const env = { GSD_FLEET_URL: await newCluster(), NO_COLOR: '1' }
    const names = []
    for (const text of ['of the first file', 'of the second file']) {
      const machine = newMachine()
      machine.create('one')
      machine.print('one', 1, () => text)
      const pushed = await run(['push', '--json', '--db', machine.path], env)
      names.push(`${(JSON.parse(pushed.stdout) as { store: string }).store.slice(0, 8)}/one`)
    }
    const several = (await run(['show', 'one'], env)).stderr
    for (const name of names) expect(several).toContain(JSON.stringify(name))
    const shown = await Promise.all(names.map((name) => run(['show', '--output', name], env)))
    expect(shown.map(({ stdout }) => stdout)).toEqual(['of the first file', 'of the second file'])
  })

  test('never shows a password', async () => {
    const to = 'postgres://me:hidden@127.0.0.1:1/d'
    for (const args of [['list'], ['status', '--json']]) {
      const { code, stdout, stderr } = await run([...args, '--to', to])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/^gsd-fleet: postgres:\/\/me@127\.0\.0\.1:1\/d: .*ECONNREFUSED/)
    }
  })

  test('names what is wrong', async () => {
    const to = await newCluster()
    const at = ['--to', to]
    expect(await run(['push', '--db', '/nowhere/x.db', ...at])).toMatchObject({
      code: 1,
      stderr: 'gsd-fleet: there is no file "/nowhere/x.db"\n',
    })
    expect(existsSync('/nowhere')).toBe(false)
    expect((await run(['show', 'nobody', ...at])).stderr).toBe(
      'gsd-fleet: there is no session "nobody"\n',
    )
    expect((await run(['prune', ...at])).code).toBe(2)
    expect((await run(['search', '-e', '(', ...at])).stderr).toMatch(/^gsd-fleet: .*pattern/)
  })
})

describe('gsd-fleet push --watch', () => {
  test('sends what comes, logs lines of JSON, and ends on SIGTERM', async () => {
    const to = await newCluster()
    const fleet = newFleet(to)
    const machine = newMachine()
    machine.create('one')
    const { child, printed } = start(['push', '--watch', '--db', machine.path, '--to', to])
    await until(async () => (await fleet.get('one')) !== undefined)
    machine.print('one', 50)
    machine.sessions.update('one', { status: 'completed' })
    let chunks = 0
    for await (const _ of fleet.follow('one')) chunks++
    expect(chunks).toBe(50)
    child.kill('SIGTERM')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    const events = printed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(events).toMatchObject([
      { event: 'watching', path: machine.path },
      ...events.slice(1, -1).map(() => ({ event: 'pushed' })),
      { event: 'ended' },
    ])
  })
})
