// `gsd-sessions search` and `stats`.
import { describe, expect, test } from 'vitest'
import { runCommand } from './support.js'
import {
  at,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryPath,
} from '../../../__test__/support/support.js'

/** A file with two sessions; the word `failed` is in colour, and cut by a chunk border. */
function makeFile(): string {
  const path = temporaryPath()
  const { connection, sessions, outputs } = openStores(path)
  sessions.create(sampleSession({ status: 'completed' }))
  sessions.create(sampleSession({ id: 's-2', startedAt: at(1000) }))
  for (const data of ['one\r\ntwo \x1b[31mfai', 'led\x1b[0m at \x07line 3\r\nthree\r\n']) {
    outputs.append(sampleOutput({ data }))
  }
  outputs.append(
    sampleOutput({ sessionId: 's-2', data: 'nothing Failed here\n', timestamp: at(5000) }),
  )
  connection.close()
  return path
}

describe('search', () => {
  test('search prints the matching lines as they were seen, with their places', async () => {
    const path = makeFile()
    const { code, stdout, stderr } = await runCommand(['search', 'failed', '--db', path])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe('s-1:2: two failed at line 3\ns-2:1: nothing Failed here\n')
  })

  test.each([
    [['Failed', '-s'], 's-2:1: nothing Failed here\n'],
    [['line \\d', '--regex'], 's-1:2: two failed at line 3\n'],
    [['failed', '--session', 's-2'], 's-2:1: nothing Failed here\n'],
    [['failed', '--since', at(4000).toISOString()], 's-2:1: nothing Failed here\n'],
    [['failed', '--until', at(4000).toISOString()], 's-1:2: two failed at line 3\n'],
    [['two', '-C', '1'], 's-1-1- one\ns-1:2: two failed at line 3\ns-1-3- three\n'],
    [['absent'], ''],
  ])('search takes the arguments %j', async (args, expected) => {
    const { code, stdout } = await runCommand(['search', ...args, '--db', makeFile()])
    expect({ code, stdout }).toEqual({ code: 0, stdout: expected })
  })

  test('search --json prints the matches, and whether they are all', async () => {
    const args = ['search', 'failed', '--limit', '1', '--json', '--db', makeFile()]
    const found = JSON.parse((await runCommand(args)).stdout) as unknown
    expect(found).toMatchObject({
      matches: [{ sessionId: 's-1', lineNumber: 2, start: 4, end: 10 }],
      complete: false,
    })
  })

  describe('prints what was found as grep does:', () => {
    /** A file in which a session has printed these lines. */
    function fileWith(lines: string[]): string {
      const { connection, sessions, outputs } = openStores()
      sessions.create(sampleSession({ status: 'completed' }))
      outputs.append(sampleOutput({ data: lines.map((line) => `${line}\n`).join('') }))
      return connection.path
    }

    test('every match, unless fewer are asked for, which it says', async () => {
      const path = fileWith(Array.from({ length: 2500 }, (_, i) => `hit ${i}`))
      const all = await runCommand(['search', 'hit', '--db', path])
      expect({ code: all.code, stderr: all.stderr }).toEqual({ code: 0, stderr: '' })
      expect(all.stdout.match(/^s-1:\d+: hit \d+$/gm)).toHaveLength(2500)
      const some = await runCommand(['search', 'hit', '--limit', '2499', '--db', path])
      expect(some.stdout.match(/^s-1:/gm)).toHaveLength(2499)
      expect({ code: some.code, stderr: some.stderr }).toEqual({
        code: 3,
        stderr: 'gsd-sessions: there are more matches than --limit 2499\n',
      })
    })

    test('a line near several matches once', async () => {
      const path = fileWith(['a', 'hit 1', 'hit 2', 'b', 'hit 3', 'c', 'd', 'e', 'hit 4'])
      const { stdout } = await runCommand(['search', 'hit', '-C', '1', '--db', path])
      expect(stdout).toBe(
        [
          's-1-1- a\ns-1:2: hit 1\ns-1:3: hit 2\ns-1-4- b\ns-1:5: hit 3\ns-1-6- c\n',
          's-1-8- e\ns-1:9: hit 4\n',
        ].join('--\n'),
      )
    })

    test('tabs as tabs', async () => {
      const { stdout } = await runCommand(['search', 'hit', '--db', fileWith(['a\thit\tb'])])
      expect(stdout).toBe('s-1:1: a\thit\tb\n')
    })

    test('nothing of a session that there is not, with an error', async () => {
      const args = ['search', 'hit', '--session', 'typo', '--db', fileWith(['hit'])]
      expect(await runCommand(args)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'gsd-sessions: there is no session "typo"\n',
      })
    })
  })

  test('search says what is wrong with a pattern, and exits with 1', async () => {
    const { code, stderr } = await runCommand(['search', '(', '--regex', '--db', makeFile()])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^gsd-sessions: .*pattern/)
  })
})

describe('stats', () => {
  test('stats prints how many sessions, chunks and bytes there are', async () => {
    const { code, stdout } = await runCommand(['stats', '--db', makeFile()])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^sessions +1 running, 1 completed$/m)
    expect(stdout).toMatch(/^chunks +3$/m)
    expect(stdout).toMatch(/^file +\d+\.\d kB, 0 B of it free$/m)
    expect(stdout).toMatch(/^s-1 +2 +\d+ B /m)
  })

  test('stats --json prints the numbers', async () => {
    const args = ['stats', '--sessions', '1', '--json', '--db', makeFile()]
    const found = JSON.parse((await runCommand(args)).stdout) as { largest: unknown[] }
    expect(found).toMatchObject({ outputs: 3, sessions: { running: 1, completed: 1 } })
    expect(found.largest).toHaveLength(1)
  })
})
