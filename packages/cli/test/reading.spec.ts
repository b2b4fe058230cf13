// `gsd-sessions list`, `show` and `tail`.
import { describe, expect, test } from 'vitest'
import { runCommand, startCommand } from './support.js'
import {
  at,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryPath,
} from '../../../__test__/support/support.js'

/** A file with sessions s-1 (the oldest) to s-`count`, and the stores that made it. */
function fileWith(count: number) {
  const path = temporaryPath()
  const stores = openStores(path)
  for (let i = 1; i <= count; i++) {
    const status = i % 2 === 0 ? 'failed' : 'completed'
    stores.sessions.create(
      sampleSession({
        id: `s-${i}`,
        status,
        startedAt: at(i * 1000),
        endedAt: at(i * 1000 + 90_000),
      }),
    )
  }
  return { path, ...stores }
}

const ids = (stdout: string) => (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id)

describe('list', () => {
  test('list prints a row for each session, newest first', async () => {
    const { path, sessions } = fileWith(2)
    sessions.update('s-2', { currentCommand: 'npm test', pid: 4711 })
    const { code, stdout, stderr } = await runCommand(['list', '--db', path], {
      env: { TZ: 'UTC' },
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(
      [
        'ID   SLOT  STATUS     STARTED (UTC)        TOOK        PID   COMMAND',
        's-2  1     failed     2026-03-01 10:00:02  1 min 30 s  4711  npm test',
        's-1  1     completed  2026-03-01 10:00:01  1 min 30 s        /srv/project',
        '',
      ].join('\n'),
    )
  })

  test('list --json prints every field', async () => {
    const { path, sessions } = fileWith(2)
    const { stdout } = await runCommand(['list', '--db', path, '--json'])
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(sessions.list())))
  })

  test('list prints more rows than a call may have arguments', { tags: ['slow'] }, async () => {
    const { path, connection, sessions } = fileWith(0)
    const count = 150_000
    connection.db.transaction(() => {
      for (let i = 0; i < count; i++) sessions.create(sampleSession({ id: `s-${i}` }))
    })()
    const { code, stdout } = await runCommand(['list', '--db', path])
    expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 0, lines: count + 2 })
  })

  test('prints the sessions of one status, and pages of them', async () => {
    const { path } = fileWith(7)
    const list = async (...args: string[]) =>
      ids((await runCommand(['list', '--json', '--db', path, ...args])).stdout)
    expect(await list('--status', 'failed')).toEqual(['s-6', 's-4', 's-2'])
    expect(await list('--limit', '3')).toEqual(['s-7', 's-6', 's-5'])
    expect(await list('--limit', '3', '--before', 's-5')).toEqual(['s-4', 's-3', 's-2'])
    expect(await list('--limit', '3', '--before', 's-2')).toEqual(['s-1'])
  })

  test('fails for a page that starts behind an unknown session', async () => {
    const { path } = fileWith(1)
    const { code, stderr } = await runCommand(['list', '--db', path, '--before', 'x'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'gsd-sessions: there is no session "x"\n' })
  })

  test('list on a terminal has colours, cuts long lines, and says how to go on', async () => {
    const { path, sessions } = fileWith(3)
    sessions.update('s-3', { currentCommand: `echo ${'long '.repeat(50)}` })
    const args = ['list', '--db', path, '--limit', '2']
    const { stdout } = await runCommand(args, { terminal: 80 })
    expect(stdout).toContain('\x1b[32mcompleted\x1b[39m')
    expect(stdout).toContain('More: --before s-2')
    // oxlint-disable-next-line no-control-regex
    const lines = stdout.replaceAll(/\x1b\[\d+m/g, '').split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBe(80)
    expect(lines[1]).toMatch(/echo long .*…$/)
  })

  test.each([
    [30, ['ID', 'STATUS', 'COMMAND']],
    [40, ['ID', 'STATUS', 'COMMAND']],
    [70, ['ID', 'STATUS', 'STARTED', 'COMMAND']],
    [80, ['ID', 'SLOT', 'STATUS', 'STARTED', 'TOOK', 'COMMAND']],
    [92, ['ID', 'SLOT', 'STATUS', 'STARTED', 'TOOK', 'PID', 'COMMAND']],
    [160, ['ID', 'SLOT', 'STATUS', 'STARTED', 'TOOK', 'PID', 'COMMAND']],
  ])('list on a terminal of %d columns leaves room for the command', async (terminal, headings) => {
    const { path, sessions } = fileWith(0)
    const id = 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'
    const status = 'completed'
    const currentCommand = 'npm test '.repeat(20)
    sessions.create(
      sampleSession({ id, status, endedAt: at(90_000), pid: 123_456, currentCommand }),
    )
    const env = { NO_COLOR: '1', TZ: 'UTC' }
    const { stdout } = await runCommand(['list', '--db', path], { terminal, env })
    const [first = '', second = ''] = stdout.split('\n')
    expect(first.replace(' (UTC)', '').split(/ +/)).toEqual(headings)
    expect(second).toHaveLength(terminal)
    expect(second).toMatch(/ npm test .*…$/)
    const piped = await runCommand(['list', '--db', path])
    expect(piped.stdout).toMatch(/^ID +SLOT +STATUS +STARTED \(\S+\) +TOOK +PID +COMMAND\n/)
  })

  test.each([
    ['a pipe', {}, false],
    ['a pipe with FORCE_COLOR', { env: { FORCE_COLOR: '1' } }, true],
    ['a terminal', { terminal: 80 }, true],
    ['a terminal with NO_COLOR', { terminal: 80, env: { NO_COLOR: '1' } }, false],
    ['a dumb terminal', { terminal: 80, env: { TERM: 'dumb' } }, false],
  ])('decides on colours in %s', async (_, options, colours) => {
    const { path } = fileWith(1)
    const { stdout } = await runCommand(['list', '--db', path], options)
    expect(stdout.includes('\x1b[')).toBe(colours)
  })

  test('list and show print control characters as text', async () => {
    const path = temporaryPath()
    const hostile = 'a\x1b]52;c;aGk=\x07b\nc\u009bd\u202ee'
    openStores(path).sessions.create(sampleSession({ id: hostile, currentCommand: hostile }))
    const shown = String.raw`a\x1b]52;c;aGk=\x07b\nc\x9bd\u202ee`
    for (const options of [{}, { terminal: 200 }]) {
      const { stdout } = await runCommand(['list', '--db', path], options)
      expect(stdout.split(shown)).toHaveLength(3)
      expect(stdout.split('\n')).toHaveLength(3)
    }
    const show = await runCommand(['show', '--db', path, '--', hostile])
    expect(show.stdout).toContain(`Session  ${shown}\n`)
  })
})

/** Output with a colour, a title, a clipboard write, questions to the terminal and a sequence that is never ended. */
const HOSTILE = [
  'plain \x1b[1;38;5;196mred\x1b[0m\x1b]0;ti',
  'tle\x07 tab\t\x1b[?2004h\x1b]52;c;aGk=\x1b\\\x1b(B\u009b>q',
  'bell\x07\b\r\nünï 漢字 😀 \x1b',
  '[31mstill\x1b[?25l\x1b[>4;2m\x1b[6n \x1bPq never ended\nnext line',
]
const HARMLESS = 'plain \x1b[1;38;5;196mred\x1b[0m tab   bell\nünï 漢字 😀 \x1b[31mstill \x1b[0m\n'

describe('stored output', () => {
  function hostileFile() {
    const { path, outputs } = fileWith(1)
    outputs.appendMany(HOSTILE.map((data) => sampleOutput({ data })))
    return path
  }

  test.each([['show', '--output'], ['tail']])('unchanged into a pipe: %s', async (...args) => {
    const { stdout } = await runCommand([...args, '--db', hostileFile(), 's-1'])
    expect(stdout).toBe(HOSTILE.join(''))
  })

  test.each([['show', '--output'], ['tail']])(
    'without harmful sequences on a terminal: %s',
    async (...args) => {
      const { stdout } = await runCommand([...args, '--db', hostileFile(), 's-1'], { terminal: 80 })
      expect(stdout).toBe(HARMLESS)
    },
  )

  test.each([
    ['a bar that is erased and drawn anew', '\r\x1b[K 1 %\r\x1b[2K100 %\r\n', '100 %\n'],
    ['a bar that starts over by its column', '⠸\x1b[1G\x1b[0Kdone\n', 'done\n'],
    ['another column', 'a\x1b[9Gb\n', 'a       b\n'],
    ['lines that are drawn again', 'a\nb\n\x1b[2A\x1b[32mA\x1b[m\nB\n', '\x1b[32mA\x1b[0m\nB\n'],
    ['places of a screen', '\x1b[H\x1b[2Jone\x1b[2;1Htwo\x1b[4;1Hend', 'one\ntwo\n\nend\n'],
    ['a full-screen program', 'a\n\x1b[?1049hb\x1b[?1049lc\n', 'a\nc\n'],
    ['a text that hides', 'a\u202eb\u200bc\n', 'abc\n'],
  ])('as it stayed, on a terminal: %s', async (_, data, expected) => {
    const { path, outputs } = fileWith(1)
    outputs.append(sampleOutput({ data }))
    const args = ['show', '--output', '--db', path, 's-1']
    expect((await runCommand(args, { terminal: 80 })).stdout).toBe(expected)
    const dumb = await runCommand(args, { terminal: 80, env: { TERM: 'dumb' } })
    expect(dumb.stdout).not.toContain('\x1b')
  })

  test('with the times of lines', async () => {
    const { path, outputs } = fileWith(1)
    outputs.append(sampleOutput({ timestamp: at(0), data: 'one\ntw' }))
    outputs.append(sampleOutput({ timestamp: at(61_000), data: 'o\nthree' }))
    const args = ['show', '--output', '-t', '--db', path, 's-1']
    const { stdout } = await runCommand(args, { env: { TZ: 'UTC' } })
    expect(stdout).toBe(
      '2026-03-01 10:00:00  one\n2026-03-01 10:00:00  two\n2026-03-01 10:01:01  three\n',
    )
  })

  test('as it comes, on a terminal: a line that is not over is printed again', async () => {
    const { path, sessions, outputs } = fileWith(0)
    sessions.create(sampleSession())
    for (const data of ['one\n 1 %', '\r50 %', '\rdone\nla', 'st'])
      outputs.append(sampleOutput({ data }))
    sessions.update('s-1', { status: 'completed' })
    const { stdout } = await runCommand(['tail', '-f', '--db', path, 's-1'], { terminal: 80 })
    const again = '\r\x1b[K'
    expect(stdout).toBe(`one\n 1 %${again}50 %${again}done\nla${again}last${again}last\n`)
  })

  test('tail prints no colours on a terminal with NO_COLOR', async () => {
    const options = { terminal: 80, env: { NO_COLOR: '1' } }
    const { stdout } = await runCommand(['tail', '--db', hostileFile(), 's-1'], options)
    // oxlint-disable-next-line no-control-regex
    expect(stdout).toBe(HARMLESS.replaceAll(/\x1b\[[\d;]*m/g, ''))
  })

  test('unchanged on a terminal with --raw', async () => {
    const args = ['tail', '--raw', '--db', hostileFile(), 's-1']
    const { stdout } = await runCommand(args, { terminal: 80 })
    expect(stdout).toBe(HOSTILE.join(''))
  })
})

describe('show', () => {
  test('show prints the session above its output', async () => {
    const { path, sessions, outputs } = fileWith(1)
    sessions.update('s-1', { currentCommand: 'npm test' })
    outputs.append(sampleOutput({ data: 'one\n' }))
    outputs.append(sampleOutput({ data: 'two\n', type: 'stderr' }))
    const { code, stdout } = await runCommand(['show', '--db', path, 's-1'], { env: { TZ: 'UTC' } })
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        'Session  s-1',
        'Status   completed',
        'Slot     1',
        'Folder   /srv/project',
        'Command  npm test',
        'Started  2026-03-01 10:00:01 (UTC)',
        'Ended    2026-03-01 10:01:31, after 1 min 30 s',
        '',
        'one',
        'two',
        '',
      ].join('\n'),
    )
  })

  test('show --json prints the session and its chunks', async () => {
    const { path, sessions, outputs } = fileWith(1)
    for (const data of HOSTILE) outputs.append(sampleOutput({ data }))
    const { stdout } = await runCommand(['show', '--json', '--db', path, 's-1'])
    const expected = { session: sessions.get('s-1'), outputs: [...outputs.iterate('s-1')] }
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(expected)))
  })

  test.each([
    ['show', '--output', '--raw', 's-1'],
    ['tail', '--raw', 's-1'],
    ['export', '--format', 'raw', 's-1'],
  ])('%s prints chunks in the order of append where the clock was set back', async (...args) => {
    const { path, outputs } = fileWith(1)
    const chunks: [number, string][] = [
      [5000, 'one\n'],
      [5100, 'two \x1b[3'],
      [3100, '1mred\x1b[0m\n'],
    ]
    for (const [time, data] of chunks)
      outputs.append(sampleOutput({ timestamp: new Date(time), data }))
    const { stdout } = await runCommand([...args, '--db', path])
    expect(stdout).toBe('one\ntwo \x1b[31mred\x1b[0m\n')
  })

  test('show --command prints the output of one command of a shell', async () => {
    const { path, outputs } = fileWith(1)
    const osc = (text: string) => `\x1b]133;${text}\x07`
    const shell = `${osc('A')}$ ${osc('B')}ls\r\n${osc('C')}a\r\nb\r\n${osc('D;0')}${osc('A')}$ `
    outputs.append(sampleOutput({ data: shell }))
    const run = (...args: string[]) => runCommand(['show', 's-1', '--db', path, ...args])
    expect(await run('--command', '1')).toMatchObject({ code: 0, stdout: 'a\nb\n' })
    const { stdout } = await run('--command', '1', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ text: 'ls', exitCode: 0, output: 'a\nb' })
    const { code, stderr } = await run('--command', '2')
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'gsd-sessions: session "s-1" has no command 2; only those of a shell that marks its prompts are known\n',
    })
  })

  test('show prints output whose session is not stored', async () => {
    const { path, outputs } = fileWith(0)
    outputs.append(sampleOutput({ sessionId: 'gone', data: 'left\n' }))
    expect((await runCommand(['show', '--db', path, 'gone'])).stdout).toBe('left\n')
    const { stdout } = await runCommand(['show', '--json', '--db', path, 'gone'])
    expect(JSON.parse(stdout)).toMatchObject({ session: null, outputs: [{ data: 'left\n' }] })
  })

  test.each([['show'], ['tail'], ['tail', '-f']])('%s fails for an unknown id', async (...args) => {
    const { path } = fileWith(1)
    const { code, stdout, stderr } = await runCommand([...args, '--db', path, 'x'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe('gsd-sessions: there is no session "x"\n')
  })

  test('show ends quietly when its reader closes', async () => {
    const { path, outputs } = fileWith(1)
    // More than pipes and streams hold.
    for (let i = 0; i < 100; i++) outputs.append(sampleOutput({ data: 'x'.repeat(100_000) }))
    const { process: child, printed, result } = startCommand(['show', '--db', path, 's-1'])
    await printed('Session')
    child.stdout.destroy()
    const { code, signal, stdout, stderr } = await result
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
    expect(stdout.length).toBeLessThan(10_000_000)
  })
})

describe('tail', () => {
  test('prints the last 10 lines, or as many as are asked for', async () => {
    const { path, outputs } = fileWith(1)
    for (let i = 1; i <= 30; i++) outputs.append(sampleOutput({ data: `line ${i}\n` }))
    const tail = async (...args: string[]) =>
      (await runCommand(['tail', '--db', path, 's-1', ...args])).stdout.trimEnd().split('\n')
    expect(await tail()).toEqual(Array.from({ length: 10 }, (_, i) => `line ${i + 21}`))
    expect(await tail('-n', '2')).toEqual(['line 29', 'line 30'])
    expect(await tail('--lines=1')).toEqual(['line 30'])
    expect(await tail('-n', '0')).toEqual([''])
  })

  test('tail -f follows what another process appends, until the session ends', async () => {
    const { path, sessions, outputs } = fileWith(0)
    sessions.create(sampleSession())
    outputs.append(sampleOutput({ data: 'before\n' }))
    const { printed, result } = startCommand(['tail', '-f', '--db', path, 's-1'])
    await printed('before\n')
    outputs.append(sampleOutput({ data: 'after\n' }))
    await printed('after\n')
    outputs.append(sampleOutput({ data: 'last\n' }))
    sessions.update('s-1', { status: 'completed' })
    const { code, stdout, stderr } = await result
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'before\nafter\nlast\n',
      stderr: '',
    })
  })

  test('tail -f --json prints an object for each chunk', async () => {
    const { path, sessions, outputs } = fileWith(0)
    sessions.create(sampleSession({ status: 'completed' }))
    outputs.append(sampleOutput({ data: 'a\nb\n' }))
    const { stdout } = await runCommand(['tail', '-f', '--json', '--db', path, 's-1'])
    expect(JSON.parse(stdout)).toMatchObject({ sessionId: 's-1', data: 'a\nb\n', type: 'stdout' })
    const none = await runCommand(['tail', '-f', '-n', '0', '--json', '--db', path, 's-1'])
    expect(none).toMatchObject({ code: 0, stdout: '' })
  })
})
