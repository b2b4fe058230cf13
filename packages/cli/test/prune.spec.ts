// `gsd-sessions prune`, `pin`, `unpin` and `fail-orphans`.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { PruneReport } from '@gsd/session-store'
import { commandPath, runCommand } from './support.js'
import {
  everyRow,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  writeForeignFile,
} from '../../../__test__/support/support.js'

const DAY = 86_400_000

/** Sessions `day-1` to `day-4` that were over so many days ago, each with `chunks` chunks of 1 kB, and one at work. */
function openDays(chunks = 2) {
  const stores = openStores()
  const data = 'x'.repeat(1_000)
  for (const day of [4, 3, 2, 1]) {
    const id = `day-${day}`
    const endedAt = new Date(Date.now() - day * DAY - 1_000)
    const status = day % 2 === 0 ? 'completed' : 'failed'
    stores.sessions.create(sampleSession({ id, status, startedAt: endedAt, endedAt }))
    stores.outputs.appendMany(
      Array.from({ length: chunks }, () => sampleOutput({ sessionId: id, data })),
    )
  }
  stores.sessions.create(sampleSession({ id: 'work', startedAt: new Date(), pid: process.pid }))
  const run = (args: string[], options = {}) =>
    runCommand([...args, '--db', stores.connection.path], options)
  const ids = () => stores.sessions.list().map(({ id }) => id)
  return { ...stores, run, ids }
}

const ALL = ['work', 'day-1', 'day-2', 'day-3', 'day-4']

describe('prune', () => {
  test.each([
    [
      ['--older-than', '2d'],
      ['day-4', 'day-3', 'day-2'],
    ],
    [['--older-than', '73h'], ['day-4']],
    [['--older-than', '9999-01-01', '--keep-last', '3'], ['day-4']],
    [['--older-than', '1w'], []],
    [
      ['--keep-last', '1'],
      ['day-4', 'day-3', 'day-2'],
    ],
    [
      ['--keep-last', '0', '--status', 'failed'],
      ['day-3', 'day-1'],
    ],
    [['--keep-last', '0', '--status', 'failed', 'completed'], ALL.slice(1).reverse()],
    [['--max-bytes', '1GiB'], []],
    [['--max-bytes', '0'], ALL.slice(1).reverse()],
  ])('with %j removes %j', async (args, expected) => {
    const { run, ids } = openDays()
    const { code, stdout } = await run(['prune', ...args, '--yes', '--json'])
    expect(code).toBe(0)
    expect((JSON.parse(stdout) as PruneReport).sessions).toEqual(expected)
    expect(ids()).toEqual(ALL.filter((id) => !expected.includes(id)))
  })

  test.each<[string, (bytes: number) => string, number]>([
    ['bytes', (bytes) => `${bytes}`, 0],
    ['thousands', (bytes) => `${bytes / 1000}kB`, 0],
    ['thousands, however they are written', (bytes) => `${bytes / 1000} K`, 0],
    ['1024 each', (bytes) => `${bytes / 1024}KiB`, 0],
    ['mebibytes', (bytes) => `${bytes / 1024 / 1024}mib`, 0],
    ['thousands, as many as would do in KiB', (bytes) => `${bytes / 1024}k`, 1],
    ['a byte less', (bytes) => `${bytes - 1}`, 1],
  ])('takes --max-bytes in %s', async (_, limit, removed) => {
    const { run, connection } = openDays(100)
    const { fileBytes } = connection.stats()
    const args = ['prune', '--dry-run', '--json', '--max-bytes', limit(fileBytes)]
    const report = JSON.parse((await run(args)).stdout) as PruneReport
    expect(report).toMatchObject({ fileBytesBefore: fileBytes, freeBytes: 0 })
    expect(report.sessions).toHaveLength(removed)
  })

  test('prints the sessions that it removed', async () => {
    const { run, sessions } = openDays(2)
    sessions.update('day-4', { currentCommand: 'echo \x1b[2J' })
    const { code, stdout, stderr } = await run(['prune', '--older-than', '3d', '--yes'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines).toHaveLength(6)
    expect(lines[0]).toMatch(/^ID +SLOT +STATUS/)
    expect(lines[1]).toMatch(/^day-4 .*completed.*echo \\x1b\[2J$/)
    expect(lines[2]).toMatch(/^day-3 .*failed/)
    expect(lines[4]).toMatch(/^removed: 2 sessions, 4 chunks, 4\.0 kB of text; the file had /)
  })

  test('with --dry-run prints what would be removed, and changes nothing', async () => {
    const { connection, run } = openDays()
    const before = everyRow(connection)
    const args = ['prune', '--older-than', '3d', '--dry-run']
    const { code, stdout, stderr } = await run(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^day-4 /m)
    expect(stdout).toMatch(/^would be removed: 2 sessions, 4 chunks, 4\.0 kB of text/m)
    const asJson = JSON.parse((await run([...args, '--json'])).stdout) as PruneReport
    expect(asJson).toMatchObject({ sessions: ['day-4', 'day-3'], outputs: 4, bytes: 4_000 })
    expect(everyRow(connection)).toEqual(before)
  })

  test('that finds nothing to remove says so, and asks nobody', async () => {
    const { run, ids } = openDays()
    const options = { terminal: 80, typed: '' }
    const { code, stdout, stderr } = await run(['prune', '--older-than', '1w'], options)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^removed: 0 sessions, 0 chunks, 0 B of text; the file has /)
    expect(ids()).toEqual(ALL)
  })

  const asked = async (typed: string) => {
    const stores = openDays()
    const options = { terminal: 80, typed }
    return { ...stores, ...(await stores.run(['prune', '--older-than', '4d'], options)) }
  }

  test.each([['y\n'], [' Yes \n']])(
    'prune asks on a terminal, and takes %j for a yes',
    async (typed) => {
      const { code, stdout, stderr, ids } = await asked(typed)
      expect(stderr).toContain('Remove 1 session, 2 chunks, 2.0 kB of text? [y/N] ')
      expect(stdout.match(/^day-4 /gm)).toHaveLength(1)
      expect(stdout).toMatch(/^removed: 1 session, 2 chunks/m)
      expect({ code, ids: ids() }).toEqual({ code: 0, ids: ALL.slice(0, -1) })
    },
  )

  test.each([['n\n'], ['\n'], ['yesterday\n'], ['']])(
    'on a terminal asks, and takes %j for a no',
    async (typed) => {
      const { code, stdout, stderr, ids } = await asked(typed)
      expect(stdout).toMatch(/^day-4 /m)
      expect(stderr).toMatch(/gsd-sessions: nothing was removed\n$/)
      expect({ code, ids: ids() }).toEqual({ code: 1, ids: ALL })
    },
  )

  const hasScript = spawnSync('script', ['--version']).stdout?.includes('util-linux') ?? false

  test.skipIf(!hasScript)('prune asks on a real terminal, and ends after the answer', async () => {
    const { connection, ids } = openDays()
    const { execPath, versions } = process
    const runtime = versions.deno ? [execPath, 'run', '--allow-all'] : [execPath]
    const line = [...runtime, commandPath, 'prune', '--keep-last', '3', '--db', connection.path]
    const command = line.map((word) => `'${word}'`).join(' ')
    const terminal = spawn('script', ['-qec', command, '/dev/null'])
    onTestFinished(() => void terminal.kill('SIGKILL'))
    let seen = ''
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text
      if (text.includes('[y/N]')) terminal.stdin.write('y\r')
    })
    const [code] = (await once(terminal, 'close')) as [number]
    expect({ code, ids: ids() }).toEqual({ code: 0, ids: ALL.slice(0, -1) })
    expect(seen).toContain('removed: 1 session, 2 chunks')
  })

  test('removes nothing where nobody can be asked', async () => {
    const { run, ids } = openDays()
    for (const options of [{ input: 'y\n' }, { input: 'y\n', terminal: 80 }]) {
      const { code, stdout, stderr } = await run(['prune', '--keep-last', '0'], options)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain('--yes')
    }
    expect(ids()).toEqual(ALL)
  })

  test('prune removes output without a session only with --orphans', async () => {
    const { run, outputs, ids } = openDays()
    outputs.append(sampleOutput({ sessionId: 'gone' }))
    await run(['prune', '--keep-last', '4', '--yes'])
    expect(outputs.getBySession('gone')).toHaveLength(1)
    const { stdout } = await run(['prune', '--orphans', '--yes'])
    expect(stdout).toMatch(/^removed: 0 sessions, 1 chunk, 5 B of text/)
    expect(outputs.getBySession('gone')).toEqual([])
    expect(ids()).toEqual(ALL)
  })

  test('prune --scrub and scrub overwrite what another program has deleted', async () => {
    for (const args of [['scrub'], ['prune', '--older-than', '99d', '--yes', '--scrub']]) {
      const { run, connection, ids } = openDays(20)
      const path = connection.path
      connection.close()
      writeForeignFile(
        path,
        `PRAGMA other.secure_delete = OFF;
        UPDATE other.sessions SET current_command = 'the secret' || rowid;
        UPDATE other.sessions SET current_command = NULL`,
      )
      expect(readFileSync(path, 'latin1')).toContain('the secret')
      const { code, stdout } = await run([...args, '--json'])
      expect(code).toBe(0)
      expect((JSON.parse(stdout) as PruneReport).cleanedPages).toBeGreaterThan(0)
      expect(readFileSync(path, 'latin1')).not.toContain('the secret')
      const again = await runCommand(['scrub', '--db', path])
      expect(again.stdout).toMatch(/^0 pages had something left, now overwritten; the file has \d+/)
      expect(() => ids()).toThrow('closed')
      expect(openConnection(path).verify().problems).toEqual([])
    }
  })

  test('prune draws its progress on a terminal only', async () => {
    const { run } = openDays(5_000)
    const args = ['prune', '--yes', '--older-than']
    const { stderr } = await run([...args, '4d'], { terminal: 80 })
    expect(stderr).toContain('█ 100 %')
    expect(stderr.endsWith('\x1b[2K')).toBe(true)
    expect((await run([...args, '3d'])).stderr).toBe('')
  })

  test.skipIf(process.platform === 'win32')(
    'that a signal stops says how many sessions it has removed',
    async () => {
      const { connection, run, ids } = openDays(30_000)
      const options = { terminal: 80, signalAtProgress: 'SIGINT' }
      const { code, stdout, stderr } = await run(['prune', '--keep-last', '0', '--yes'], options)
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
      const [, gone] = /stopped by SIGINT; (\d) sessions? removed\n$/.exec(stderr) ?? []
      expect(ids()).toHaveLength(ALL.length - Number(gone))
      expect(connection.verify()).toMatchObject({ ok: true, orphanedOutputs: 0 })
    },
  )
})

describe('pin and unpin', () => {
  test('decide which sessions prune leaves alone', async () => {
    const { run, ids } = openDays()
    expect(await run(['pin', 'day-4', 'day-2'])).toMatchObject({
      code: 0,
      stdout: 'day-4: pinned\nday-2: pinned\n',
      stderr: '',
    })
    expect((await run(['show', 'day-4'])).stdout).toMatch(/^Pinned +yes$/m)
    expect((await run(['show', 'day-1'])).stdout).not.toContain('Pinned')
    const unpinned = await run(['unpin', '--json', 'day-2'])
    expect(JSON.parse(unpinned.stdout)).toEqual([{ id: 'day-2', pinned: false }])
    await run(['prune', '--keep-last', '0', '--yes'])
    expect(ids()).toEqual(['work', 'day-4'])
  })

  test.each([['pin'], ['unpin']])(
    'change nothing where one of the ids is unknown: %s',
    async (name) => {
      const { run, sessions } = openDays()
      sessions.pin('day-1')
      const { code, stdout, stderr } = await run([name, 'day-1', 'day-2', 'day-9'])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toBe('gsd-sessions: there is no session "day-9"\n')
      expect(['day-1', 'day-2'].map((id) => sessions.isPinned(id))).toEqual([true, false])
    },
  )
})

describe('fail-orphans', () => {
  test('fail-orphans marks sessions whose process is gone, and prints them', async () => {
    const { run, sessions } = openDays()
    const { pid } = spawnSync(process.execPath, ['--version'])
    sessions.create(sampleSession({ id: 'lost', pid, owner: null }))
    const looked = await run(['fail-orphans', '--dry-run', '--json'])
    expect(JSON.parse(looked.stdout)).toMatchObject([{ id: 'lost', status: 'running' }])
    expect(sessions.get('lost')?.status).toBe('running')

    const { code, stdout, stderr } = await run(['fail-orphans'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^ID [^\n]+\nlost [^\n]* failed [^\n]+\n$/)
    expect(sessions.get('lost')?.status).toBe('failed')
    expect(sessions.get('work')?.status).toBe('running')
    expect(await run(['fail-orphans'])).toMatchObject({ code: 0, stdout: 'none\n' })
  })
})

/** A session that a process left running that is gone. */
async function openLost() {
  const stores = openDays()
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  const owner = { pid: spawnSync(process.execPath, ['--version']).pid }
  const pid = child.pid ?? 0
  const startedAt = new Date()
  stores.sessions.create(sampleSession({ id: 'lost', startedAt, pid, owner }))
  return { ...stores, pid, ended: once(child, 'exit') }
}

describe.runIf(process.platform === 'linux')('fail-orphans --kill', () => {
  test('fail-orphans --kill ends the process of a session that nobody answers for', async () => {
    const { run, sessions, ended } = await openLost()
    const refused = await run(['fail-orphans', '--kill'])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('--yes')
    const looked = await run(['fail-orphans', '--kill', '--dry-run'])
    expect(looked.stdout).toMatch(/^lost .* running /m)
    expect(sessions.get('lost')?.status).toBe('running')

    const { code, stdout, stderr } = await run(['fail-orphans', '--kill', '--yes'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^ID [^\n]+\nlost [^\n]* failed [^\n]+\n$/)
    await ended
    expect(await run(['fail-orphans', '--kill', '--yes', '--json'])).toMatchObject({
      code: 0,
      stdout: '[]\n',
    })
  })

  test('fail-orphans --kill asks on a terminal, and ends nothing without a yes', async () => {
    const { run, sessions, ended } = await openLost()
    const no = await run(['fail-orphans', '--kill'], { terminal: 100, typed: 'n\n' })
    expect(no.code).toBe(1)
    expect(no.stdout).toContain('lost')
    expect(no.stderr).toMatch(/\[y\/N\] .*nothing was ended/s)
    expect(sessions.get('lost')?.status).toBe('running')
    const yes = await run(['fail-orphans', '--kill'], { terminal: 100, typed: 'y\n' })
    expect(yes.code).toBe(0)
    await ended
    expect(sessions.get('lost')?.status).toBe('failed')
  })

  test('fail-orphans --kill names the processes that it did not end', async () => {
    const { connection, run, sessions, pid } = await openLost()
    connection.db.exec('UPDATE gsd_session_owners SET child_start = NULL')
    const { code, stdout, stderr } = await run(['fail-orphans', '--kill', '--yes'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'none\n' })
    expect(stderr).toBe(`gsd-sessions: not ended: process ${pid} of session "lost"\n`)
    expect(sessions.get('lost')?.status).toBe('running')
  })
})
