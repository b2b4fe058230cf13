// What the tools answer, asked by the official client.
import { describe, expect, test } from 'vitest'
import { call, newClient, newStore } from './support.js'

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\r\n`)

describe('the tools', () => {
  test('only read, and say so', async () => {
    const client = await newClient(newStore().path)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual([
      'list_sessions',
      'get_session',
      'read_output',
      'tail_output',
      'search_output',
      'wait_for_output',
      'compare_sessions',
      'session_stats',
    ])
    expect(tools.filter(({ annotations }) => annotations?.readOnlyHint !== true)).toEqual([])
    expect(tools.filter(({ annotations }) => annotations?.destructiveHint !== false)).toEqual([])
  })

  test('tell what is wrong with a call, as an answer', async () => {
    const store = newStore()
    store.create('one')
    const client = await newClient(store.path)
    const wrong = async (name: string, given: Record<string, unknown>) => {
      const { texts, isError } = await call(client, name, given)
      expect(isError).toBe(true)
      return texts[0]
    }
    expect(await wrong('get_session', { id: 'two' })).toBe('there is no session "two"')
    expect(await wrong('read_output', { id: 'one', cursor: 'here' })).toContain(
      'cursor: must be a cursor that a tool has given; received "here"',
    )
    expect(await wrong('list_sessions', { since: 'soon' })).toContain('must be a moment such as 2h')
    expect(await wrong('list_sessions', { limit: 0 })).toContain('limit')
    expect(await wrong('list_sessions', { cursor: 'nobody' })).toContain('no session "nobody"')
    expect(await wrong('search_output', { pattern: '(', regex: true })).toContain('unclosed group')
    expect(await wrong('wait_for_output', { id: 'one', pattern: '[', regex: true })).toContain('[')
  })
})

describe('list_sessions', () => {
  test('finds what failed, newest first, by pages', async () => {
    const store = newStore()
    for (let i = 0; i < 9; i++) {
      const status = i % 3 === 0 ? 'failed' : 'completed'
      const startedAt = new Date(Date.UTC(2026, 9, 1 + i))
      store.create(`s-${i}`, { status, exitCode: i, currentCommand: 'npm test', startedAt })
    }
    const client = await newClient(store.path)
    const failed = await call(client, 'list_sessions', { status: 'failed', limit: 2 })
    expect(failed.data).toMatchObject({
      sessions: [
        { id: 's-6', status: 'failed', exit_code: 6, command: 'npm test' },
        { id: 's-3', started_at: '2026-10-04T00:00:00.000Z' },
      ],
      cursor: 's-3',
      more: true,
      truncated: false,
    })
    expect(JSON.parse(failed.texts[0] ?? '')).toEqual(failed.data)
    const rest = await call(client, 'list_sessions', { status: 'failed', limit: 2, cursor: 's-3' })
    expect(rest.data).toMatchObject({ sessions: [{ id: 's-0' }], cursor: null, more: false })
    const found = await call(client, 'list_sessions', {
      command: 'NPM',
      working_dir: '/',
      since: '2026-10-03',
      until: '2026-10-04',
    })
    expect(found.data['sessions']).toMatchObject([{ id: 's-3' }, { id: 's-2' }])
  })
})

describe('read_output', () => {
  test('gives every line once, as it was seen, page by page', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 400), '\u001b[31mred\u001b[0m ', 'and 10%\r', 'and 99%\r\n')
    store.print('one', Array.from({ length: 300 }, (_, i) => `together ${i}`).join('\r\n'), '\r\n')
    store.print('one', ...lines(400, 700))
    const client = await newClient(store.path)
    const texts: string[] = []
    let cursor: string | undefined
    for (let pages = 0; pages < 100; pages++) {
      const { data } = await call(client, 'read_output', { id: 'one', max_tokens: 400, cursor })
      texts.push(data.text ?? '')
      cursor = data.cursor
      expect(data['truncated']).toBe(data.more)
      if (data.more !== true) break
    }
    expect(texts.length).toBeGreaterThan(5)
    expect(texts.join('\n')).toBe(store.outputs.text('one'))
  })

  test('gives a line as it ended that was drawn over for long', async () => {
    const store = newStore()
    store.create('one')
    const drawn = Array.from({ length: 6_000 }, (_, i) => `\r${i}/6000 ${'#'.repeat(60)}`)
    store.print('one', 'begin\r\n', ...drawn, '\rFAILED: 3 tests\u001b[K\r\nend\r\n')
    const client = await newClient(store.path)
    const { data } = await call(client, 'read_output', { id: 'one' })
    expect(data).toMatchObject({ text: 'begin\nFAILED: 3 tests\nend', more: false })
  })

  test('gives raw text without a loss wherever a page ends', async () => {
    const store = newStore()
    store.create('one')
    const text = '\u{1f600}'.repeat(500)
    store.print('one', text)
    const client = await newClient(store.path)
    for (const max_tokens of [201, 202, 203, 204]) {
      let [all, cursor, more]: [string, string | undefined, boolean] = ['', undefined, true]
      while (more) {
        const given = { id: 'one', format: 'raw', max_tokens, cursor }
        const { data } = await call(client, 'read_output', given)
        all += data.text ?? ''
        cursor = data.cursor
        more = data.more === true
      }
      expect(all).toBe(text)
    }
  })

  test('goes on with what comes, the rest of a line as well', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'first\r\n', 'sec')
    const client = await newClient(store.path)
    const read = async (cursor?: string) =>
      (await call(client, 'read_output', { id: 'one', cursor })).data
    const first = await read()
    expect(first).toMatchObject({ text: 'first\nsec', more: false })
    store.print('one', 'ond\r\n', 'third\r\n')
    const second = await read(first.cursor)
    expect(second).toMatchObject({ text: 'second\nthird', more: false })
    expect(await read(second.cursor)).toMatchObject({ text: '', more: false })
  })

  test('begins with a line, and ends after some', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 100))
    const client = await newClient(store.path)
    const { data } = await call(client, 'read_output', { id: 'one', from_line: 51, lines: 2 })
    expect(data).toMatchObject({ text: 'line 50\nline 51', more: true, truncated: false })
    const next = await call(client, 'read_output', { id: 'one', cursor: data.cursor, lines: 1 })
    expect(next.data.text).toBe('line 52')
  })

  test('gives what was printed, raw, without a loss between its pages', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 50), '\u001b[2Jx\u{1f600}', 'y'.repeat(3_000), '\r\n')
    const client = await newClient(store.path)
    let [text, cursor]: [string, string | undefined] = ['', undefined]
    for (let more = true; more;) {
      const given = { id: 'one', format: 'raw', max_tokens: 300, cursor }
      const { data } = await call(client, 'read_output', given)
      text += data.text ?? ''
      cursor = data.cursor
      more = data.more === true
    }
    expect(text).toBe([...store.outputs.iterate('one')].map(({ data }) => data).join(''))
  })

  test('cuts a line that is longer than an answer', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'z9 '.repeat(50_000), '\r\nbehind\r\n')
    const client = await newClient(store.path)
    const { data } = await call(client, 'read_output', { id: 'one', max_tokens: 500 })
    expect(data.text).toMatch(/^(z9 )+.*… \(the line is longer\)$/)
    expect(data).toMatchObject({ more: true, truncated: true })
  })
})

/** Chunks whose lines do not begin in the order in which they stand, or begin where another chunk does. */
const ODD: Record<string, string[]> = {
  'blank lines in chunks of their own': ['a\r\n', '\r\n', 'b\r\nc\r\nd\r\n', 'e\r\n'],
  'lines that are inserted above': [
    'one\r\n',
    'two\r\n',
    'three\r\n',
    '\u001b[3A\u001b[L',
    'zero A',
    '\r\u001b[Lzero B',
    '\u001b[5B\r\n',
  ],
  'progress bars': Array.from({ length: 300 }, (_, i) =>
    i % 10 === 9 ? `\rdone ${i}\r\n` : `\r${i} %`,
  ),
  'a program on the whole screen': [
    '$ vim\r\n',
    '\u001b[?1049h',
    ...Array.from({ length: 2_000 }, (_, i) => `ROW ${i} ${'x'.repeat(60)}\r\n`),
    '\u001b[?1049l',
    ...lines(0, 10),
  ],
}

describe('odd output', () => {
  test.each(Object.entries(ODD))('%s is read line by line, each once', async (_, texts) => {
    const store = newStore()
    store.create('one', { status: 'completed', columns: 80, rows: 24 })
    store.print('one', ...texts)
    const client = await newClient(store.path)
    for (const most of [1, 2, 7]) {
      const found: string[] = []
      let cursor: string | undefined
      for (let pages = 0; pages < 400; pages++) {
        const given = { id: 'one', lines: most, cursor }
        const { data } = await call(client, 'read_output', given)
        if (data.text !== '' || data.more) found.push(data.text ?? '')
        cursor = data.cursor
        if (data.more !== true) break
      }
      // Blank lines at the end of the screen are no lines.
      expect(found.join('\n')).toBe(store.outputs.text('one').trimEnd())
    }
    const tail = await call(client, 'tail_output', { id: 'one', lines: 4 })
    expect(tail.data.text).toBe(
      store.outputs.text('one').trimEnd().split('\n').slice(-4).join('\n'),
    )
  })

  test('of one chunk with very many lines has an end', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'a\n'.repeat(200_000), 'end\r\n')
    const client = await newClient(store.path)
    const tail = await call(client, 'tail_output', { id: 'one', lines: 1 })
    expect(tail.data.text).toBe('end')
  })

  test('of one line that is drawn again and again has that line', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...Array.from({ length: 3_000 }, (_, i) => `\r${'='.repeat(i % 70)}${i} %`))
    const client = await newClient(store.path)
    const tail = await call(client, 'tail_output', { id: 'one', lines: 5 })
    expect(tail.data.text).toContain('2999 %')
  })
})

describe('tail_output', () => {
  test('gives the last lines, and where to go on', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 5_000), 'error: it broke\r\n')
    const client = await newClient(store.path)
    const tail = await call(client, 'tail_output', { id: 'one', lines: 2 })
    expect(tail.data).toMatchObject({ text: 'line 4999\nerror: it broke', more: true })
    store.print('one', 'later\r\n')
    const given = { id: 'one', cursor: tail.data.cursor }
    expect((await call(client, 'read_output', given)).data.text).toBe('later')
  })

  test('leaves out lines above where all are too much', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 3_000))
    const client = await newClient(store.path)
    const { data } = await call(client, 'tail_output', { id: 'one', lines: 3_000, max_tokens: 200 })
    expect(data).toMatchObject({ truncated: true, more: true })
    expect(data.text).toMatch(/^line \d+\n[^]*\nline 2999$/)
  })
})

describe('search_output', () => {
  test('finds lines with what stands around, to read on from there', async () => {
    const store = newStore()
    store.create('one', { status: 'failed' })
    store.create('two')
    store.print('one', ...lines(0, 500), 'error: a needle\r\n', ...lines(500, 600))
    store.print('two', 'no needle\r\n')
    const client = await newClient(store.path)
    const { data, texts } = await call(client, 'search_output', { pattern: 'NEEDLE', context: 1 })
    expect(data.matches).toMatchObject([
      { id: 'one', text: 'error: a needle', line_number: 501, before: ['line 499'] },
      { id: 'two', text: 'no needle', before: [], after: [] },
    ])
    expect(texts[0]).toContain('> error: a needle\n  line 500')
    const [match] = data.matches ?? []
    const read = await call(client, 'read_output', { id: 'one', cursor: match?.cursor, lines: 2 })
    expect(read.data.text).toBe('error: a needle\nline 500')
    const failed = await call(client, 'search_output', { pattern: 'needle', status: 'failed' })
    expect(failed.data.matches).toMatchObject([{ id: 'one' }])
  })

  test('gives a cursor that begins with the line, also in a chunk of many', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', lines(0, 900).join(''), lines(900, 999).join(''))
    const client = await newClient(store.path)
    const { data } = await call(client, 'search_output', { pattern: 'line 950' })
    const cursor = data.matches?.[0]?.cursor
    const read = await call(client, 'read_output', { id: 'one', cursor, lines: 2 })
    expect(read.data.text).toBe('line 950\nline 951')
  })

  test('gives no match twice where an older session goes on between two pages', async () => {
    const store = newStore()
    store.create('old')
    store.print('old', 'match 1\r\n')
    store.create('new')
    store.print('new', 'match 2\r\n', 'match 3\r\n')
    const client = await newClient(store.path)
    const first = await call(client, 'search_output', { pattern: 'match', limit: 2 })
    store.print('old', 'match 4\r\n')
    const given = { pattern: 'match', cursor: first.data.cursor }
    const second = await call(client, 'search_output', given)
    expect(second.data.matches).toMatchObject([{ text: 'match 3' }])
  })

  test('goes on behind its cursor, and gives each match once', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 300))
    const client = await newClient(store.path)
    const found: number[] = []
    let cursor: string | undefined
    for (let more = true; more;) {
      const given = { pattern: 'line', limit: 120, context: 0, cursor }
      const { data } = await call(client, 'search_output', given)
      const matches = data.matches ?? []
      found.push(...matches.map((match) => match.line_number))
      more = data.more === true
      cursor = data.cursor ?? undefined
    }
    expect(found).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  })
})

describe('search_output of many sessions', () => {
  test('gives each match once, whichever session began or printed first', async () => {
    const store = newStore()
    const later = new Date('2026-10-02T10:00:00.000Z')
    store.create('early')
    store.create('late', { startedAt: later })
    store.print('late', 'error 1\r\n', 'error 2\r\n')
    store.print('early', 'error 3\r\n', 'error 4\r\n', 'error 5\r\n')
    // Output may come before its session.
    store.print('of nobody', 'error 6\r\n')
    const client = await newClient(store.path)
    for (const limit of [1, 2, 3, 100]) {
      const found: unknown[] = []
      let cursor: string | undefined
      for (let pages = 0; pages < 10; pages++) {
        const { data } = await call(client, 'search_output', { pattern: 'error', limit, cursor })
        found.push(...(data.matches ?? []).map((match) => (match as { text?: string }).text))
        cursor = data.cursor
        if (data.more !== true) break
      }
      expect(found).toEqual(['error 1', 'error 2', 'error 3', 'error 4', 'error 5', 'error 6'])
    }
  })

  test('gives cursors that lead to each of equal lines, far into a chunk, and to a line in two', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'FAIL a\r\nfoo\r\nFAIL a\r\nbar\r\nFAIL a\r\nbaz\r\n')
    store.print('one', 'Error: conn', 'ect zebra\r\n', 'after\r\n')
    store.print('one', `${lines(0, 9_000).join('')}a needle\r\nbehind\r\n`)
    store.print('one', 'zebra\r\n', 'zebra\r\n')
    const client = await newClient(store.path)
    const behind = async (pattern: string) => {
      const { data } = await call(client, 'search_output', { pattern })
      const texts = []
      for (const { cursor } of data.matches ?? []) {
        const read = await call(client, 'read_output', { id: 'one', cursor, lines: 2 })
        texts.push(read.data.text)
      }
      return texts
    }
    expect(await behind('FAIL')).toEqual(['FAIL a\nfoo', 'FAIL a\nbar', 'FAIL a\nbaz'])
    expect(await behind('zebra')).toEqual(['Error: connect zebra\nafter', 'zebra\nzebra', 'zebra'])
    expect(await behind('needle')).toEqual(['a needle\nbehind'])
  })
})

describe('arguments', () => {
  test('that a tool does not have are refused, and wrong ones told with their values', async () => {
    const store = newStore()
    store.create('one')
    const client = await newClient(store.path)
    const told = async (name: string, given: Record<string, unknown>) => {
      const { isError, texts } = await call(client, name, given)
      return { isError, text: texts.join('') }
    }
    const wrong: [string, Record<string, unknown>, string[]][] = [
      ['search_output', { pattern: 'x', session_id: 'one' }, ['session_id']],
      ['list_sessions', { limt: 5 }, ['limt']],
      ['list_sessions', { status: 'bad' }, ['status', '"bad"', 'failed']],
      ['list_sessions', { limit: 1_000 }, ['limit', '1000', '100']],
      ['read_output', { id: 'one', format: 'raw', lines: 2 }, ['lines', 'format']],
    ]
    for (const [name, given, parts] of wrong) {
      const { isError, text } = await told(name, given)
      expect({ given, isError }).toEqual({ given, isError: true })
      for (const part of parts) expect(text).toContain(part)
    }
    const long = await told('get_session', { id: 'x'.repeat(500_000) })
    expect(long.text.length).toBeLessThan(3_000)
    const cursor = await told('read_output', { id: 'one', cursor: 'y'.repeat(500_000) })
    expect(cursor.text.length).toBeLessThan(3_000)
  })

  test('keep ids whole, and say what is cut', async () => {
    const store = newStore()
    const id = '3f2b8c1e-7a94-4d0e-9b61-c8f2a5d7e013'
    store.create(id, { currentCommand: 'npm test '.repeat(40) })
    store.create('\u202eevil')
    const client = await newClient(store.path)
    const { data } = await call(client, 'list_sessions', { max_tokens: 200, command: 'npm' })
    expect(data).toMatchObject({ sessions: [{ id }], truncated: true })
    const { texts } = await call(client, 'tail_output', { id: '\u202eevil' })
    expect(texts[0]).toContain('\\u202eevil')
    expect(texts[0]).not.toContain('\u202e')
  })
})

describe('wait_for_output', () => {
  test('returns once a text appears that comes in pieces', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'ready\r\n')
    const client = await newClient(store.path)
    const waiting = call(client, 'wait_for_output', {
      id: 'one',
      pattern: 'Ready',
      cursor: undefined,
    })
    await new Promise((resume) => {
      setTimeout(resume, 700)
    })
    store.print('one', 'it is re', 'ady now')
    const { data } = await waiting
    expect(data).toMatchObject({ reason: 'matched', status: 'running', text: 'it is ready now' })
  })

  test('sees the rest of a line that has begun, and no other line', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'not ')
    const client = await newClient(store.path)
    const given = { id: 'one', pattern: '^done$', regex: true, timeout_seconds: 0.7 }
    const wrong = call(client, 'wait_for_output', given)
    await new Promise((resume) => {
      setTimeout(resume, 300)
    })
    store.print('one', 'done\r\nTests: ')
    expect((await wrong).data).toMatchObject({ reason: 'timeout' })
    const waiting = call(client, 'wait_for_output', { id: 'one', pattern: 'Tests: 3 failed' })
    await new Promise((resume) => {
      setTimeout(resume, 300)
    })
    store.print('one', '3 failed\r\n')
    expect((await waiting).data).toMatchObject({ reason: 'matched', text: 'Tests: 3 failed' })
  })

  test('sees what is drawn over at once, and what a program draws on the whole screen', async () => {
    const store = newStore()
    store.create('one')
    const client = await newClient(store.path)
    const given = { id: 'one', cursor: '0', timeout_seconds: 1 }
    store.print('one', 'Server ready\r\u001b[Kidle', '\r\n\u001b[?1049hProceed? (y/n)')
    for (const pattern of ['Server ready', 'Proceed']) {
      const { data } = await call(client, 'wait_for_output', { ...given, pattern })
      expect(data).toMatchObject({ reason: 'matched' })
    }
  })

  test('gives the matching line, and goes on behind it', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'FAILED first\r\n', ...lines(0, 60))
    store.print('one', `${lines(60, 120).join('')}FAILED second\r\n${lines(120, 1_400).join('')}`)
    const client = await newClient(store.path)
    const given = { id: 'one', pattern: 'FAILED', timeout_seconds: 0.5, lines: 2 }
    const first = await call(client, 'wait_for_output', { ...given, cursor: '0' })
    expect(first.data).toMatchObject({ reason: 'matched', text: 'FAILED first' })
    const second = await call(client, 'wait_for_output', { ...given, cursor: first.data.cursor })
    expect(second.data).toMatchObject({ reason: 'matched', text: 'line 119\nFAILED second' })
    const third = await call(client, 'wait_for_output', { ...given, cursor: second.data.cursor })
    expect(third.data['reason']).toBe('timeout')
    const rawOf = { id: 'one', format: 'raw', cursor: '61' }
    const raw = await call(client, 'read_output', { ...rawOf, max_tokens: 200 })
    expect(raw.data.cursor).toContain('@')
    const behind = { ...given, cursor: raw.data.cursor, pattern: 'line 1399' }
    expect((await call(client, 'wait_for_output', behind)).data['reason']).toBe('matched')
    const many = { ...given, cursor: '61+300', pattern: 'line' }
    expect((await call(client, 'wait_for_output', many)).data['reason']).toBe('matched')
  })

  test('returns when the session is over, or the time', async () => {
    const store = newStore()
    store.create('one')
    const client = await newClient(store.path)
    const late = await call(client, 'wait_for_output', { id: 'one', timeout_seconds: 0.3 })
    expect(late.data).toMatchObject({ reason: 'timeout', status: 'running', more: true })
    const waiting = call(client, 'wait_for_output', { id: 'one', pattern: 'never' })
    store.print('one', 'bye\r\n')
    store.sessions.update('one', { status: 'failed', exitCode: 3 })
    const { data } = await waiting
    expect(data).toMatchObject({ reason: 'ended', status: 'failed', exit_code: 3, more: false })
  })
})

describe('compare_sessions', () => {
  test('goes on behind what had room, and cuts a line that is long', async () => {
    const store = newStore()
    store.create('a', { status: 'completed' })
    store.create('b', { status: 'completed' })
    store.print('a', ...lines(0, 600))
    store.print('b', `${'x'.repeat(1_000_000)}\r\n`, ...lines(1_000, 1_600))
    const client = await newClient(store.path)
    const texts: string[] = []
    for (let cursor: string | undefined; ;) {
      const given = { a: 'a', b: 'b', max_tokens: 3_000, cursor }
      const { data } = await call(client, 'compare_sessions', given)
      texts.push(data.text ?? '')
      if (data.more !== true) break
      cursor = data.cursor
    }
    const all = texts.join('\n').split('\n')
    expect(all.filter((line) => line.startsWith('-line'))).toHaveLength(600)
    expect(all.filter((line) => line.startsWith('+line'))).toHaveLength(600)
    expect(all.some((line) => line.startsWith('+xxx') && line.endsWith('…'))).toBe(true)
    store.create('c', { status: 'completed' })
    store.print('c', ...lines(0, 10), 'more\r\n', ...lines(10, 600))
    const { data } = await call(client, 'compare_sessions', { a: 'a', b: 'c', context: 0 })
    expect(data.text).toBe('@@ -10,0 +11,1 @@\n+more')
  })

  test('tells what differs, with numbers or without', async () => {
    const store = newStore()
    for (const [id, took, text] of [
      ['one', 12, 'passed'],
      ['two', 34, 'failed'],
    ] as const) {
      store.create(id)
      store.print(
        id,
        ...lines(0, 50),
        `took ${took} ms\r\n`,
        `test a ${text}\r\n`,
        ...lines(50, 99),
      )
    }
    const client = await newClient(store.path)
    const given = { a: 'one', b: 'two', context: 0 }
    const all = await call(client, 'compare_sessions', given)
    expect(all.data.text).toBe(
      '@@ -51,2 +51,2 @@\n-took 12 ms\n-test a passed\n+took 34 ms\n+test a failed',
    )
    const some = await call(client, 'compare_sessions', { ...given, ignore_numbers: true })
    expect(some.data.text).toBe('@@ -52,1 +52,1 @@\n-test a passed\n+test a failed')
    const same = await call(client, 'compare_sessions', { a: 'one', b: 'one' })
    expect(same.data).toMatchObject({ same: true, text: 'They are the same.' })
  })

  test('answers others while it compares what has little in common', async () => {
    const store = newStore()
    for (const id of ['one', 'two']) {
      store.create(id)
      store.print(id, ...Array.from({ length: 30_000 }, (_, i) => `${id} ${i}\r\n`))
    }
    const client = await newClient(store.path)
    const order: string[] = []
    const compared = call(client, 'compare_sessions', { a: 'one', b: 'two' }).then(({ data }) => {
      order.push('compared')
      return data
    })
    for (let i = 0; i < 20; i++) await call(client, 'get_session', { id: 'one' })
    order.push('answered')
    expect(await compared).toMatchObject({ same: false, truncated: true })
    expect(order).toEqual(['answered', 'compared'])
  })

  test('reads on behind a progress bar', async () => {
    const store = newStore()
    for (const [id, text] of [
      ['one', 'PASS'],
      ['two', 'FAIL'],
    ] as const) {
      store.create(id)
      store.print(id, ...Array.from({ length: 4_000 }, (_, i) => `\r${i} ${'='.repeat(70)}`))
      store.print(id, `\r\n${text}\r\n`)
    }
    const client = await newClient(store.path)
    const { data } = await call(client, 'compare_sessions', { a: 'one', b: 'two', context: 0 })
    expect(data).toMatchObject({ same: false })
    expect(data.text).toContain('-PASS\n+FAIL')
  })
})

describe('get_session and session_stats', () => {
  test('tell what is known', async () => {
    const store = newStore()
    store.create('one', { status: 'failed', exitCode: 2, title: 'a build', columns: 90, rows: 20 })
    store.print('one', 'text')
    const client = await newClient(store.path)
    const { data } = await call(client, 'get_session', { id: 'one' })
    expect(data).toMatchObject({
      id: 'one',
      status: 'failed',
      exitCode: 2,
      title: 'a build',
      sizes: [{ columns: 90, rows: 20 }],
    })
    const stats = await call(client, 'session_stats', { amounts: true })
    expect(stats.data).toMatchObject({ kind: 'file', sessions: { failed: 1 }, outputs: 1 })
    expect(stats.data).toMatchObject({ largest: [{ sessionId: 'one' }], truncated: false })
  })

  test('tell as much as has room', async () => {
    const store = newStore()
    for (let i = 0; i < 9; i++) {
      const id = `${i} ${'an id '.repeat(1_500)}`
      store.create(id)
      store.print(id, 'text')
    }
    const client = await newClient(store.path)
    const { data } = await call(client, 'session_stats', { amounts: true })
    expect(data).toMatchObject({ outputs: 9, truncated: true })
    expect((data['largest'] as unknown[]).length).toBeLessThan(5)
  })
})

describe('resources and prompts', () => {
  test('name sessions, and complete their ids', async () => {
    const store = newStore()
    store.create('a b/c', { title: 'a build' })
    store.print('a b/c', 'text\r\n')
    const client = await newClient(store.path)
    const { resources } = await client.listResources()
    expect(resources).toMatchObject([{ uri: 'session://a%20b%2Fc/output', title: 'a build' }])
    const read = async (uri: string) => (await client.readResource({ uri })).contents[0]
    expect(JSON.stringify(await read('session://a%20b%2Fc/output'))).toMatch(
      /untrusted.*>\\ntext\\n<\/output/,
    )
    expect(await read('session://a%20b%2Fc')).toMatchObject({ mimeType: 'application/json' })
    await expect(read('session://nobody/output')).rejects.toThrow('not found')
    const ref = { type: 'ref/resource' as const, uri: 'session://{id}/output' }
    const completed = await client.complete({ ref, argument: { name: 'id', value: 'a ' } })
    expect(completed.completion.values).toEqual(['a b/c'])
    const prompt = await client.getPrompt({ name: 'what_failed', arguments: { since: '1d' } })
    expect(JSON.stringify(prompt)).toContain('untrusted')
    const named = { type: 'ref/prompt' as const, name: 'explain_failure' }
    const ids = await client.complete({ ref: named, argument: { name: 'id', value: '' } })
    expect(ids.completion.values).toEqual(['a b/c'])
  })
})
