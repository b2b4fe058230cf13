// `gsd-sessions record` where it is killed, and where many run at once.
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStores, temporaryPath } from '../../../__test__/support/support.js'
import { runCommand, startCommand } from './support.js'

/** Counts until nobody reads it any more. */
const COUNT = 'i=0; while echo $i; do i=$((i + 1)); done'

/** The spool files beside a database. */
const spools = (path: string) =>
  readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}-spool`))

/** Checks that a text is a count from 0 on, of which the last line may be cut. */
function expectCount(text: string): number {
  const lines = text.split('\n').slice(0, -1)
  expect(lines.findIndex((line, at) => line !== String(at))).toBe(-1)
  return lines.length
}

describe.skipIf(process.platform === 'win32')('a recorder', () => {
  test('that is killed leaves the output without a gap, and a sound file', async () => {
    const path = temporaryPath()
    const { connection, sessions, outputs } = openStores(path)
    const delays = [0, 20, 80, 120, 160, 200, 240, 300, 400, 700]
    for (const [i, delay] of delays.entries()) {
      const id = `s-${i}`
      const running = startCommand(['record', '--db', path, '--id', id, '--', 'sh', '-c', COUNT])
      if (i >= delays.length / 2) await running.printed('10\n')
      await new Promise((done) => setTimeout(done, delay))
      running.signal('SIGKILL')
      const { stdout } = await running.result
      expectCount(stdout)
    }
    const left = sessions.list()
    expect(left.length).toBeGreaterThanOrEqual(delays.length / 2)
    for (const { id } of left) expectCount(outputs.getFullOutput(id, { separator: '' }))
    expect(sessions.failOrphans()).toHaveLength(left.length)
    expect(connection.verify()).toMatchObject({ ok: true })
    const next = ['record', '--db', path, '--id', 'next', '--', 'sleep', '0.5']
    expect(await runCommand(next)).toMatchObject({ code: 0, stderr: '' })
    expect(spools(path)).toEqual([])
  })

  test('that is killed while the file is locked leaves its output for the next one', async () => {
    const path = temporaryPath()
    const { connection, sessions, outputs } = openStores(path)
    connection.db.exec('BEGIN IMMEDIATE')
    const line = 'echo one; sleep 2; echo two; sleep 10'
    const running = startCommand(['record', '--db', path, '--id', 's-1', '--', 'sh', '-c', line])
    await running.printed('two\n')
    const spooled = () =>
      spools(path).map((name) => readFileSync(join(dirname(path), name), 'utf8'))
    await expect.poll(spooled, { timeout: 10_000 }).toEqual([expect.stringContaining('two\\n"')])
    running.signal('SIGKILL')
    await running.result
    connection.db.exec('COMMIT')
    const next = ['record', '--db', path, '--id', 'next', '--', 'sleep', '1']
    expect(await runCommand(next)).toMatchObject({ code: 0 })
    expect(spools(path)).toEqual([])
    expect(sessions.get('s-1')).toMatchObject({ status: 'running' })
    expect(outputs.getFullOutput('s-1', { separator: '' })).toBe('one\ntwo\n')
  })

  test('has an id for itself, whoever else wants it at the same time', async () => {
    const path = temporaryPath()
    openStores(path).connection.close()
    const letters = ['A', 'B', 'C']
    const results = await Promise.all(
      letters.map((letter) =>
        runCommand([
          'record',
          '--db',
          path,
          '--id',
          'same',
          '--',
          'sh',
          '-c',
          `echo ${letter}; sleep 1`,
        ]),
      ),
    )
    const ran = letters.filter((_, i) => results[i]?.code === 0)
    expect(ran).toHaveLength(1)
    const { sessions, outputs } = openStores(path)
    expect(outputs.getFullOutput('same', { separator: '' })).toBe(`${ran[0]}\n`)
    expect(sessions.get('same')).toMatchObject({ status: 'completed', exitCode: 0 })
    for (const { code, stderr } of results.filter((result) => result.code !== 0)) {
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: 'gsd-sessions: there is a session "same" already\n',
      })
    }
  })

  test('does not mind 49 others', { tags: ['slow'] }, async () => {
    const path = temporaryPath()
    const ids = Array.from({ length: 50 }, (_, i) => `s-${i}`)
    const script = 'for i in 1 2 3 4 5 6 7 8; do echo "line $i of $0"; sleep 0.02; done; exit 3'
    const results = await Promise.all(
      ids.map((id) =>
        runCommand(['record', '--db', path, '--id', id, '--', 'sh', '-c', script, id]),
      ),
    )
    const { connection, sessions, outputs } = openStores(path)
    for (const [i, id] of ids.entries()) {
      const expected = Array.from({ length: 8 }, (_, n) => `line ${n + 1} of ${id}\n`).join('')
      // On a busy machine some wait for others longer than they say nothing of it.
      expect(results[i]).toMatchObject({ code: 3, stdout: expected })
      expect(sessions.get(id)).toMatchObject({ status: 'failed', exitCode: 3 })
      expect(outputs.getFullOutput(id, { separator: '' })).toBe(expected)
    }
    expect(sessions.count()).toBe(50)
    expect(connection.verify()).toMatchObject({ ok: true })
  })
})
