// Sessions know whether they had a terminal, and its sizes in the order of output. Every reader uses them.
import { describe, expect, test } from 'vitest'
import { exported } from '../support/exported.js'
import {
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
} from '../support/support.js'

const LONG = `${'0123456789'.repeat(3)}\r\u001b[1A\u001b[JX\r\n`

describe('the size of a terminal', () => {
  test('it is stored with a session, changed, and read', () => {
    const { sessions } = openStores()
    sessions.create({ ...sampleSession(), terminal: true, columns: 120, rows: 40 })
    expect(sessions.get('s-1')).toMatchObject({ terminal: true, columns: 120, rows: 40 })
    expect(sessions.resize('s-1', { columns: 100, rows: 30 })).toBe(true)
    expect(sessions.resize('s-2', { columns: 100, rows: 30 })).toBe(false)
    sessions.update('s-1', { rows: 31, terminal: false })
    expect(sessions.list()).toMatchObject([{ terminal: false, columns: 100, rows: 31 }])
    sessions.update('s-1', { columns: null, rows: null, terminal: null })
    expect(sessions.get('s-1')).toEqual(sampleSession())
  })

  test.each([0, 65_536, 1.5, Number.NaN])(
    'it is an integer from 1 to 65,535, not %s',
    (columns) => {
      const { sessions } = openStores()
      sessions.create(sampleSession())
      const expected = (call: string, name: string) =>
        outOfRange(call, name, 'an integer from 1 to 65535', String(columns))
      expect(failureOf(() => sessions.resize('s-1', { columns, rows: 1 }))).toEqual(
        expected('SessionStore.resize', 'size.columns'),
      )
      expect(failureOf(() => sessions.update('s-1', { columns }))).toEqual(
        expected('SessionStore.update', 'fields.columns'),
      )
    },
  )

  test('rows are as wide as it says, for whoever reads', async () => {
    const { sessions, outputs } = openStores()
    sessions.create({ ...sampleSession(), columns: 10, rows: 5 })
    outputs.append(sampleOutput({ data: LONG }))
    expect(outputs.text('s-1')).toBe('0123456789\nX')
    expect(outputs.text('s-1', { columns: 80 })).toBe('X')
    expect(await exported(outputs, 'text')).toBe('0123456789\nX\n')
    expect(outputs.search('0123456789').matches).toHaveLength(1)
    expect(await exported(outputs, 'asciicast')).toContain('"width":10,"height":5')
    expect(await exported(outputs, 'asciicast', { columns: 90 })).toContain('"width":90,"height":5')
  })

  test('another size counts from where it came, and lines are laid out anew', async () => {
    const { sessions, outputs } = openStores()
    sessions.create({ ...sampleSession(), terminal: true, columns: 10, rows: 5 })
    outputs.append(sampleOutput({ data: '0123456789abcdefghij\r\n' }))
    sessions.resize('s-1', { columns: 20, rows: 5 })
    outputs.append(sampleOutput({ data: '\u001b[A\u001b[2KX\r\n' }))
    expect(outputs.text('s-1')).toBe('X')
    const [header, ...events] = (await exported(outputs, 'asciicast')).trim().split('\n')
    expect(header).toContain('"width":10,"height":5')
    expect(events.map((event) => (JSON.parse(event) as string[]).slice(1))).toEqual([
      ['o', '0123456789abcdefghij\r\n'],
      ['r', '20x5'],
      ['o', '\u001b[A\u001b[2KX\r\n'],
    ])
  })

  test('the line of the cursor keeps its rows, since programs repair it themselves', () => {
    const { sessions, outputs } = openStores()
    sessions.create({ ...sampleSession(), terminal: true, columns: 40, rows: 10 })
    const line = '$ echo a long command line that wraps around the edge of'
    outputs.append(sampleOutput({ data: `result\r\n${line}` }))
    sessions.resize('s-1', { columns: 60, rows: 10 })
    // What bash prints then.
    outputs.append(sampleOutput({ data: `\r\u001b[K\r\u001b[A\u001b[K\r${line}` }))
    expect(outputs.text('s-1')).toBe(`result\n${line}`)
  })

  test('a size that comes later says nothing of what was printed before', () => {
    const { sessions, outputs } = openStores()
    sessions.create({ ...sampleSession(), terminal: true })
    const data = `keep\r\n${'x'.repeat(50)}\r\n\u001b[A\u001b[JY\r\n`
    outputs.append(sampleOutput({ data }))
    expect(outputs.text('s-1')).toBe('keep\nY')
    sessions.resize('s-1', { columns: 40, rows: 24 })
    expect(outputs.text('s-1')).toBe('keep\nY')
  })

  test('the sizes go with their session', () => {
    const { connection, sessions, outputs } = openStores()
    const rows = () => connection.db.prepare('SELECT count(*) FROM gsd_session_sizes').pluck().get()
    sessions.create({ ...sampleSession(), columns: 10, rows: 5 })
    outputs.append(sampleOutput())
    sessions.resize('s-1', { columns: 20, rows: 5 })
    expect(rows()).toBe(2)
    connection.db.exec("UPDATE sessions SET id = 's-2'")
    sessions.delete('s-2')
    expect(rows()).toBe(0)
  })
})

describe('a line feed', () => {
  const data = 'one\ntwo\r\nthree'

  test('begins a line where it is unknown whether there was a terminal, or there was none', async () => {
    const { sessions, outputs } = openStores()
    outputs.append(sampleOutput({ data }))
    expect(outputs.text('s-1')).toBe('one\ntwo\nthree')
    sessions.create({ ...sampleSession(), terminal: false })
    expect(outputs.text('s-1')).toBe('one\ntwo\nthree')
    expect(await exported(outputs, 'asciicast')).toContain('"one\\r\\ntwo\\r\\nthree"')
  })

  test('goes straight down on a terminal', async () => {
    const { sessions, outputs } = openStores()
    sessions.create({ ...sampleSession(), terminal: true })
    outputs.append(sampleOutput({ data }))
    expect(outputs.text('s-1')).toBe('one\n   two\nthree')
    expect(await exported(outputs, 'asciicast')).toContain('"one\\ntwo\\r\\nthree"')
  })
})
