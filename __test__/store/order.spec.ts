// The order in which a session is shown when the clock was set back between two chunks.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExportFormat, OutputChunk } from '../../index.js'
import {
  at,
  failureOf,
  naming,
  openStores,
  sampleOutput,
  temporaryFolder,
} from '../support/support.js'

/** An escape sequence is cut in two, and the clock is set back in between. */
const CHUNKS: [number, string][] = [
  [5000, 'one\n'],
  [5100, 'two \u001b[3'],
  [3100, '1mred\u001b[0m\n'],
  [3200, 'three\n'],
]
const APPENDED = CHUNKS.map(([, data]) => data)

function openTorn() {
  const stores = openStores()
  for (const [time, data] of CHUNKS) {
    stores.outputs.append(sampleOutput({ timestamp: at(time), data }))
    stores.outputs.append(sampleOutput({ sessionId: 'another', timestamp: at(time), data: 'no\n' }))
  }
  const texts = (chunks: Iterable<OutputChunk>) => Array.from(chunks, ({ data }) => data)
  const file = join(temporaryFolder(), 'export')
  const exported = async (format: ExportFormat) => {
    await stores.outputs.exportTo('s-1', file, { format })
    return readFileSync(file, 'utf8')
  }
  return { ...stores, texts, exported }
}

describe('where the clock is set back between two chunks', () => {
  test('read(), tail(), iterate() and follow() give the chunks in the order of append', async () => {
    const { outputs, texts, sessions } = openTorn()
    expect(texts(outputs.read('s-1').outputs)).toEqual(APPENDED)
    expect(texts(outputs.iterate('s-1'))).toEqual(APPENDED)
    expect(texts(outputs.tail('s-1', { chunks: 3 }).outputs)).toEqual(APPENDED.slice(1))
    expect(texts(outputs.tail('s-1', { lines: 2 }).outputs).join('')).toBe(
      APPENDED.slice(1).join(''),
    )
    sessions.create({ id: 's-1', slot: 1, status: 'failed', workingDir: '/', startedAt: at(0) })
    const followed: string[] = []
    for await (const { data } of outputs.follow('s-1', { after: 0 })) followed.push(data)
    expect(followed).toEqual(APPENDED)
  })

  test.each([
    ['raw', APPENDED.join('')],
    ['text', 'one\ntwo red\nthree\n'],
  ] as const)('an export as %s has the chunks in the order of append', async (format, expected) => {
    expect(await openTorn().exported(format)).toBe(expected)
  })

  test('an export as html tears no escape sequence apart', async () => {
    const page = await openTorn().exported('html')
    expect(page).toMatch(/one\ntwo <span[^>]*>red<\/span>\nthree/)
  })

  test('an export as ndjson has growing cursors and the stored times', async () => {
    const lines = (await openTorn().exported('ndjson')).trimEnd().split('\n')
    const rows = lines.map((line) => JSON.parse(line) as { timestamp: string; cursor: number })
    expect(rows.map(({ timestamp }) => Date.parse(timestamp) - at(0).getTime())).toEqual(
      CHUNKS.map(([time]) => time),
    )
    expect(rows.map(({ cursor }) => cursor)).toEqual([1, 3, 5, 7])
  })

  test('an export as asciicast has times that never decrease', async () => {
    const [header, ...events] = (await openTorn().exported('asciicast')).trimEnd().split('\n')
    expect(JSON.parse(header ?? '')).toMatchObject({
      version: 2,
      timestamp: Math.floor(at(5000).getTime() / 1000),
    })
    expect(events.map((event) => JSON.parse(event) as unknown)).toEqual(
      [0, 0.1, 0.1, 0.1].map((time, i) => [time, 'o', APPENDED[i]?.replaceAll('\n', '\r\n')]),
    )
  })

  test('search() finds a line whose colour was cut, on one page or on several', () => {
    const { outputs } = openTorn()
    const found = outputs.search('two red', { sessionId: 's-1' }).matches
    expect(found).toMatchObject([{ line: 'two red', lineNumber: 2, cursor: 3 }])
    const lines: string[] = []
    const options = { sessionId: 's-1', regex: true, limit: 1 }
    for (let page = outputs.search('.', options); ; page = page.next()) {
      lines.push(...page.matches.map(({ line }) => line))
      if (page.complete) break
    }
    expect(lines).toEqual(['one', 'two red', 'three'])
  })

  test.each([
    ['since', at(5000), ['one', 'two red']],
    ['since', at(5050), ['two red']],
    ['until', at(3200), ['three']],
    ['until', at(5000), ['one', 'three']],
  ])(
    'search() with %s %o gives the lines that were printed at such a time',
    (name, date, lines) => {
      const { outputs } = openTorn()
      const { matches } = outputs.search('.', { regex: true, sessionId: 's-1', [name]: date })
      expect(matches.map(({ line }) => line)).toEqual(lines)
    },
  )

  test('getBySession(), getBySessionSince() and getFullOutput() keep the order of time', () => {
    const { outputs } = openTorn()
    const byTime = [2, 3, 0, 1].map((i) => APPENDED[i])
    expect(outputs.getFullOutput('s-1', { separator: '' })).toBe(byTime.join(''))
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual([...byTime].reverse())
    expect(outputs.getBySessionSince('s-1', at(3100)).map(({ data }) => data)).toEqual(
      byTime.slice(1),
    )
  })
})

describe('the order of getFullOutput()', () => {
  test.each([
    [{ order: 'append' }, APPENDED.join('\n')],
    [{ order: 'append', separator: '' }, APPENDED.join('')],
    [{ order: 'append', separator: '|' }, APPENDED.join('|')],
    [{ order: 'time', separator: '' }, [2, 3, 0, 1].map((i) => APPENDED[i]).join('')],
    [{ order: null, separator: '' }, [2, 3, 0, 1].map((i) => APPENDED[i]).join('')],
    [{ order: undefined, separator: '' }, [2, 3, 0, 1].map((i) => APPENDED[i]).join('')],
  ] as const)('getFullOutput() with %o joins the chunks in that order', (options, expected) => {
    expect(openTorn().outputs.getFullOutput('s-1', options)).toBe(expected)
  })

  test.each(['id', '', 'Append', 'time '])('getFullOutput() refuses the order %o', (order) => {
    expect(
      failureOf(() => openStores().outputs.getFullOutput('s-1', { order: order as never })),
    ).toEqual({
      type: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: naming('OutputStore.getFullOutput', 'options.order', JSON.stringify(order)),
    })
  })

  test('getFullOutput() refuses an order that is no text', () => {
    expect(
      failureOf(() => openStores().outputs.getFullOutput('s-1', { order: 5 as never })),
    ).toMatchObject({
      type: 'TypeError',
      message: naming('OutputStore.getFullOutput', 'options.order', '5'),
    })
  })
})
