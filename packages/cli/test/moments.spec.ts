// Moments as people type them: `prune --older-than`, `search --since` and `--until`.
import { describe, expect, test } from 'vitest'
import { runCommand, runInOneProcess } from './support.js'
import { openStores, sampleOutput, sampleSession } from '../../../__test__/support/support.js'

/** A file with one session that is over, started, ended and printed at `moment`. */
function fileAt(moment: Date): string {
  const { connection, sessions, outputs } = openStores()
  sessions.create(sampleSession({ status: 'completed', startedAt: moment, endedAt: moment }))
  outputs.append(sampleOutput({ timestamp: moment, data: 'needle\n' }))
  connection.close()
  return connection.path
}

/** Whether `prune` would remove the session, by the clock of a place. */
async function isOlder(path: string, moment: string, TZ: string): Promise<boolean> {
  const args = ['prune', '--older-than', moment, '--dry-run', '--json', '--db', path]
  const { code, stdout, stderr } = await runCommand(args, { env: { TZ } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return (JSON.parse(stdout) as { sessions: string[] }).sessions.length > 0
}

// 08:00 on the first of March in Tokyo, and still February in UTC.
const MORNING = new Date('2026-02-28T23:00:00.000Z')

/** What is no moment. */
const NONE = [
  '2026-02-31',
  '2026-02-29',
  '2026-13-01',
  '2026-00-10',
  '2026-3-1',
  '5',
  'error 5',
  '2026-03-01 (x)',
  '2026-03-01x',
  '2026-03-01T',
  '2026-03-01T08',
  '2026-03-01T24:00',
  '2026-03-01T08:60',
  '2026-03-01T08:00+25:00',
  '2026-03-01 08:00 PM',
  '2026-03-01Z',
  '12026-03-01',
  '30',
  '30m',
  '30 d',
  '-30d',
  '99999999999999d',
  '1.5h',
  'Mar 1 2026',
  'yesterday',
  '',
]

describe('a moment on the command line', () => {
  test.each<[string, string, boolean]>([
    ['2026-03-01', 'Asia/Tokyo', false],
    ['2026-03-02', 'Asia/Tokyo', true],
    ['2026-03-01', 'UTC', true],
    ['2026-02-28', 'America/Los_Angeles', false],
    ['2026-03-01', 'America/Los_Angeles', true],
    ['2026-03-01 08:00', 'Asia/Tokyo', false],
    ['2026-03-01 08:01', 'Asia/Tokyo', true],
    ['2026-03-01T08:00:00', 'Asia/Tokyo', false],
    ['2026-03-01T08:00:00.001', 'Asia/Tokyo', true],
    ['2026-02-28T23:00Z', 'Asia/Tokyo', false],
    ['2026-02-28T23:00:01Z', 'Asia/Tokyo', true],
    ['2026-03-01T04:30:00+05:30', 'America/Los_Angeles', false],
    ['2026-03-01 04:31+0530', 'America/Los_Angeles', true],
    ['2026-02-28T19:00:01.5-04:00', 'Asia/Tokyo', true],
    ['9999-12-31', 'UTC', true],
    ['0001-01-01', 'UTC', false],
    ['2024-02-29', 'UTC', false],
  ])(
    'is read by the clock of the machine unless it has an offset: %s in %s',
    async (moment, tz, older) => {
      expect(await isOlder(fileAt(MORNING), moment, tz)).toBe(older)
    },
  )

  test.each([
    ['2026-03-29 02:30', 'Europe/Berlin'],
    ['2026-10-25 02:30', 'Europe/Berlin'],
    ['2018-11-04', 'America/Sao_Paulo'],
    ['2011-12-30', 'Pacific/Apia'],
  ])('is taken where the clock jumps: %s in %s', async (moment, tz) => {
    const day = new Date(`${moment.slice(0, 10)}T12:00Z`).getTime()
    expect(await isOlder(fileAt(new Date(day - 3 * 86_400_000)), moment, tz)).toBe(true)
    expect(await isOlder(fileAt(new Date(day + 3 * 86_400_000)), moment, tz)).toBe(false)
  })

  test.each([
    ['--since', '2h', false],
    ['--since', '30d', true],
    ['--until', '2h', true],
    ['--until', '30d', false],
  ])('may be so long ago for search as well: %s %s', async (option, ago, found) => {
    const path = fileAt(new Date(Date.now() - 5 * 3_600_000))
    const { code, stdout } = await runCommand(['search', 'needle', option, ago, '--db', path])
    expect({ code, stdout }).toEqual({ code: 0, stdout: found ? 's-1:1: needle\n' : '' })
  })

  test.each([
    [['--since', '2026-03-01', '--until', '2026-03-01'], true],
    [['--until', '2026-02-28'], false],
    [['--since', '2026-03-02'], false],
  ])('that is a day is all of it for search: %j', async (args, found) => {
    const path = fileAt(MORNING)
    const { stdout } = await runCommand(['search', 'needle', ...args, '--db', path], {
      env: { TZ: 'Asia/Tokyo' },
    })
    expect(stdout).toBe(found ? 's-1:1: needle\n' : '')
  })

  test('is refused where it is none, with its text and the forms that are taken', async () => {
    const lines = NONE.flatMap((moment) =>
      [
        ['prune', '--dry-run', `--older-than=${moment}`],
        ['search', 'needle', `--since=${moment}`],
        ['search', 'needle', `--until=${moment}`],
      ].map((line) => ({ moment, line: [...line, '--db', 'absent.db'] })),
    )
    const ended = await runInOneProcess(lines.map(({ line }) => line))
    for (const [index, { code, stdout, stderr }] of ended.entries()) {
      expect({ of: lines[index]?.line, code, stdout }).toMatchObject({ code: 2, stdout: '' })
      expect(stderr).toContain(`'${lines[index]?.moment}'`)
      for (const form of ['30d', '2026-03-01,', '2026-03-01 08:00', '+02:00', 'Z']) {
        expect(stderr).toContain(form)
      }
    }
  })
})
