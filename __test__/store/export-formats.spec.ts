import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExportFormat } from '../../index.js'
import { exported, partsOf } from '../support/exported.js'
import {
  at,
  openStores,
  sampleOutput,
  sampleSession,
  START,
  temporaryFolder,
  withoutAdditions,
} from '../support/support.js'

/** Texts that a terminal, JSON or a careless program could trip over. */
const difficult = [
  '',
  'a\0b',
  '\r\n',
  '\u001b[1;31mred\u001b[0m\u0007\b\u007f\u009b',
  '"quoted" \\ / \u2028\u2029',
  '\ufeffé日本😀',
  '</pre><script>alert(1)</script>&amp;',
]

describe('raw', () => {
  test('raw is what was printed, byte for byte, in the order of append', async () => {
    const { outputs } = openStores()
    for (const data of difficult) outputs.append(sampleOutput({ data }))
    outputs.append(sampleOutput({ timestamp: at(-1), type: 'stderr', data: 'last' }))
    outputs.append(sampleOutput({ sessionId: 'other', data: 'of others' }))
    expect(await exported(outputs, 'raw')).toBe(`${difficult.join('')}last`)
    expect(await exported(outputs, 'raw')).toBe(
      outputs.getFullOutput('s-1', { separator: '', order: 'append' }),
    )
  })

  test('raw keeps bytes that are not text', async () => {
    const { connection, outputs } = openStores()
    connection.db.exec(
      "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('s-1', '2026', 'stdout', CAST(X'61FF62' AS TEXT))",
    )
    const file = join(temporaryFolder(), 'export')
    await outputs.exportTo('s-1', file, { format: 'raw' })
    expect(readFileSync(file, 'hex')).toBe('61ff62')
  })
})

describe('ndjson', () => {
  test('ndjson is an object a line, as read() gives them', async () => {
    const { outputs } = openStores()
    for (const [index, data] of difficult.entries())
      outputs.append(sampleOutput({ data, timestamp: at(index), type: 'stderr' }))
    const lines = (await exported(outputs, 'ndjson')).split('\n')
    expect(lines.pop()).toBe('')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      JSON.parse(JSON.stringify(outputs.read('s-1').outputs)),
    )
    expect(Object.keys(JSON.parse(lines[0] ?? '') as object)).toEqual([
      'sessionId',
      'timestamp',
      'type',
      'data',
      'cursor',
    ])
  })

  test('ndjson is valid JSON whatever is stored', async () => {
    const { connection, outputs } = openStores()
    const insert = connection.db.prepare(
      "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('\"\n', ?, 'stdout', CAST(X'61F09F62FF' AS TEXT))",
    )
    for (const timestamp of ['2026-03-01 10:00:00', 'no moment']) insert.run(timestamp)
    const lines = (await exported(outputs, 'ndjson', {}, '"\n')).trim().split('\n')
    const same = { sessionId: '"\n', type: 'stdout', data: 'a\ufffdb\ufffd' }
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { ...same, timestamp: START, cursor: 1 },
      { ...same, timestamp: null, cursor: 2 },
    ])
  })
})

/** What an asciicast of version 2 holds; throws where it breaks a rule of the format. */
function parseCast(text: string) {
  const [first = '', ...rest] = text.split('\n')
  if (rest.pop() !== '') throw new Error('the last line has no end')
  const header = JSON.parse(first) as Record<string, unknown>
  const { version, width, height, timestamp, title } = header
  if (version !== 2) throw new Error(`version ${String(version)}`)
  for (const size of [width, height])
    if (!Number.isInteger(size) || Number(size) < 1) throw new Error(`a size of ${String(size)}`)
  if (timestamp !== undefined && !(Number.isInteger(timestamp) && Number(timestamp) >= 0))
    throw new Error(`a timestamp of ${String(timestamp)}`)
  if (title !== undefined && typeof title !== 'string') throw new Error('a title that is no text')
  let last = 0
  const events = rest.map((line) => {
    const event: unknown = JSON.parse(line)
    if (!Array.isArray(event) || event.length !== 3) throw new Error(`no event: ${line}`)
    const [time, code, data] = event as unknown[]
    if (typeof time !== 'number' || time < last) throw new Error(`time goes back: ${line}`)
    if (code !== 'o' || typeof data !== 'string') throw new Error(`no output: ${line}`)
    last = time
    return [time, data] as const
  })
  return { header, events }
}

describe('asciicast', () => {
  test('asciicast is a recording that starts with the first chunk', async () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession({ currentCommand: 'say "hi" \u001b' }))
    outputs.append(sampleOutput({ timestamp: at(1_999), data: 'one\r\n' }))
    outputs.append(sampleOutput({ timestamp: at(2_000), type: 'stderr', data: 'two' }))
    outputs.append(sampleOutput({ timestamp: at(3_601_999), data: '\u001b[0m\0é' }))
    const text = await exported(outputs, 'asciicast')
    expect(parseCast(text)).toEqual({
      header: {
        version: 2,
        width: 80,
        height: 24,
        timestamp: Date.parse(START) / 1_000 + 1,
        title: 'say "hi" \u001b',
      },
      events: [
        [0, 'one\r\n'],
        [0.001, 'two'],
        [3_600, '\u001b[0m\0é'],
      ],
    })
  })

  test('asciicast holds every text, and the size of the terminal that is asked for', async () => {
    const { outputs } = openStores()
    for (const data of difficult) outputs.append(sampleOutput({ data }))
    const text = await exported(outputs, 'asciicast', { columns: 120, rows: 40 })
    const { header, events } = parseCast(text)
    expect(header).toEqual({
      version: 2,
      width: 120,
      height: 40,
      timestamp: Date.parse(START) / 1_000,
    })
    expect(events.map(([, data]) => data)).toEqual(difficult)
  })

  test('asciicast never goes back in time', async () => {
    const { connection, outputs } = openStores()
    const insert = connection.db.prepare(
      "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('s-1', ?, 'stdout', ?)",
    )
    // Ordered by their text. Other programs may have written them.
    for (const timestamp of [
      '2026-03-01T10:00:00.000Z',
      '2026-03-01T10:00:05.000+01:00',
      '2026-03-01T10:00:09.000Z',
      'later',
    ])
      insert.run(timestamp, timestamp)
    const { events } = parseCast(await exported(outputs, 'asciicast'))
    expect(events.map(([time]) => time)).toEqual([0, 0, 9, 9])
  })

  test('asciicast has no timestamp for a session before 1970, which players would refuse', async () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ timestamp: new Date('1969-12-31T23:59:59.999Z') }))
    const { header, events } = parseCast(await exported(outputs, 'asciicast'))
    expect(header).toEqual({ version: 2, width: 80, height: 24 })
    expect(events).toEqual([[0, 'hello']])
  })
})

test('the title of a session comes before its command', async () => {
  const { connection, sessions, outputs } = openStores()
  sessions.create({ ...sampleSession({ currentCommand: 'make' }), title: 'nightly <build>' })
  expect(await exported(outputs, 'asciicast')).toContain('"title":"nightly <build>"')
  expect(await exported(outputs, 'html')).toContain('<title>nightly &lt;build&gt;</title>')
  connection.close()
  withoutAdditions(connection.path)
  const older = openStores(connection.path, { readonly: true })
  expect(await exported(older.outputs, 'asciicast')).toContain('"title":"make"')
})

describe('a session without output', () => {
  const empty: Record<Exclude<ExportFormat, 'html'>, string> = {
    raw: '',
    text: '',
    ndjson: '',
    asciicast: '{"version":2,"width":80,"height":24,"title":"make"}\n',
  }

  test.each(Object.entries(empty))(
    'a session without output is valid as %s, and so is an unknown session',
    async (name, expected) => {
      const format = name as keyof typeof empty
      const { sessions, outputs } = openStores()
      sessions.create(sampleSession({ currentCommand: 'make' }))
      expect(await exported(outputs, format)).toBe(expected)
      const unknown = await exported(outputs, format, {}, 'unknown')
      expect(unknown).toBe(expected.replace(',"title":"make"', ''))
    },
  )

  test('a session without output is a page without lines, and so is an unknown session', async () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession({ currentCommand: 'make' }))
    expect(partsOf(await exported(outputs, 'html'))).toMatchObject({ title: 'make', lines: '' })
    const unknown = partsOf(await exported(outputs, 'html', {}, 'unknown'))
    expect(unknown).toMatchObject({ title: 'unknown', facts: { Session: 'unknown' }, lines: '' })
  })
})
