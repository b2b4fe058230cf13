import { describe, expect, test } from 'vitest'
import type { OutputChunk, OutputStore } from '../../index.js'
import {
  at,
  failureOf,
  naming,
  openStores,
  sampleOutput,
  sampleSession,
} from '../support/support.js'

const texts = (chunks: Iterable<OutputChunk>) => Array.from(chunks, ({ data }) => data)

/** Everything of a session, page by page. */
function readAll(outputs: OutputStore, limit: number): string[] {
  const all: string[] = []
  let after: number | undefined
  for (;;) {
    const page = outputs.read('s-1', { after, limit })
    expect(page.outputs.length).toBeLessThanOrEqual(limit)
    expect(page.gap).toBe(false)
    all.push(...texts(page.outputs))
    after = page.cursor
    if (!page.more) return all
  }
}

describe('read', () => {
  test('read() gives chunks in the order of append, whatever their timestamps', () => {
    const { outputs } = openStores()
    const times = [5, 1, 9, 9, 0, 5]
    const data = times.map((time, i) => `${i} at ${time}`)
    for (const [i, time] of times.entries()) {
      outputs.append(sampleOutput({ timestamp: at(time), data: `${i} at ${time}` }))
      outputs.append(sampleOutput({ sessionId: 'another', data: 'not this' }))
    }
    for (const limit of [1, 2, 3, 6, 100]) expect(readAll(outputs, limit)).toEqual(data)
    const [first] = outputs.read('s-1').outputs
    expect(first).toEqual({ ...sampleOutput({ timestamp: at(5), data: '0 at 5' }), cursor: 1 })
  })

  test('read() goes on after a cursor, with what was appended since', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: 'a' }))
    const first = outputs.read('s-1')
    expect(first).toMatchObject({ more: false, gap: false })
    expect(outputs.read('s-1', { after: first.cursor })).toEqual({
      outputs: [],
      cursor: first.cursor,
      more: false,
      gap: false,
    })
    outputs.appendMany(['b', 'c'].map((data) => sampleOutput({ data, timestamp: at(-1000) })))
    const next = outputs.read('s-1', { after: first.cursor })
    expect(texts(next.outputs)).toEqual(['b', 'c'])
    expect(next.outputs.at(-1)?.cursor).toBe(next.cursor)
  })

  test('read() gives the cursor 0 where there is no output, and finds what comes', () => {
    const { outputs } = openStores()
    const empty = { outputs: [], cursor: 0, more: false, gap: false }
    expect(outputs.read('s-1')).toEqual(empty)
    expect(outputs.read('s-1', { after: 0 })).toEqual(empty)
    outputs.append(sampleOutput())
    expect(outputs.read('s-1', { after: 0 }).outputs).toHaveLength(1)
  })

  test('read() reports a gap where the chunk of the cursor is gone', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: 'old' }))
    const { cursor } = outputs.read('s-1')
    outputs.deleteBySession('s-1')
    expect(outputs.read('s-1', { after: cursor })).toMatchObject({ outputs: [], gap: true, cursor })
    outputs.append(sampleOutput({ data: 'new' }))
    const after = outputs.read('s-1', { after: cursor })
    expect(after.gap).toBe(true)
    expect(texts(after.outputs)).toEqual(['new'])
    expect(outputs.read('s-1', { after: after.cursor }).gap).toBe(false)
    // A cursor of another session stands on no chunk of this one.
    expect(outputs.read('another', { after: after.cursor }).gap).toBe(true)
  })

  test('read() gives a thousand chunks at a time by default', () => {
    const { outputs } = openStores()
    outputs.appendMany(Array.from({ length: 1001 }, (_, i) => sampleOutput({ data: `é ${i}` })))
    const page = outputs.read('s-1')
    expect(page.outputs).toHaveLength(1000)
    expect(page.more).toBe(true)
    expect(texts(outputs.read('s-1', { after: page.cursor }).outputs)).toEqual(['é 1000'])
  })

  test.each([
    ['after', -1],
    ['after', 1.5],
    ['after', Number.NaN],
    ['limit', 0],
    ['limit', 2.5],
    ['limit', Number.POSITIVE_INFINITY],
  ])('read() refuses %s = %s', (name, value) => {
    const { outputs } = openStores()
    expect(failureOf(() => outputs.read('s-1', { [name]: value }))).toEqual({
      type: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: naming('OutputStore.read', `options.${name}`, String(value)),
    })
    expect(failureOf(() => outputs.read('s-1', { [name]: '1' as never }))?.type).toBe('TypeError')
  })
})

describe('tail', () => {
  test('tail() gives the last chunks, oldest first', () => {
    const { outputs } = openStores()
    for (const data of ['a', 'b', 'c']) outputs.append(sampleOutput({ data }))
    expect(texts(outputs.tail('s-1', { chunks: 2 }).outputs)).toEqual(['b', 'c'])
    expect(texts(outputs.tail('s-1', { chunks: 9 }).outputs)).toEqual(['a', 'b', 'c'])
    expect(outputs.tail('s-1', { chunks: 2 }).cursor).toBe(3)
    expect(outputs.tail('none', { chunks: 2 })).toEqual({ outputs: [], cursor: 0 })
  })

  test.each([
    [1, 'five\n'],
    [2, 'four\nfive\n'],
    [3, 'three\r\nfour\nfive\n'],
    [5, 'one\ntwo\nthree\r\nfour\nfive\n'],
    [50, 'one\ntwo\nthree\r\nfour\nfive\n'],
  ])('tail() gives the last %i lines, wherever they were cut into chunks', (lines, expected) => {
    const { outputs } = openStores()
    for (const data of ['one\ntw', 'o\nthree\r', '\nfour', '\nfi', 've\n']) {
      outputs.append(sampleOutput({ data }))
    }
    expect(texts(outputs.tail('s-1', { lines }).outputs).join('')).toBe(expected)
  })

  test('tail() counts a last line without an end', () => {
    const { outputs } = openStores()
    for (const data of ['one\ntwo', '\nthr', 'ee']) outputs.append(sampleOutput({ data }))
    expect(texts(outputs.tail('s-1', { lines: 1 }).outputs).join('')).toBe('three')
    expect(texts(outputs.tail('s-1', { lines: 2 }).outputs).join('')).toBe('two\nthree')
  })

  test('tail() gives ten lines by default', () => {
    const { outputs } = openStores()
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\n`)
    outputs.append(sampleOutput({ data: lines.join('') }))
    expect(texts(outputs.tail('s-1').outputs)).toEqual([lines.slice(-10).join('')])
  })

  test('tail() takes lines or chunks, not both', () => {
    const { outputs } = openStores()
    expect(failureOf(() => outputs.tail('s-1', { lines: 1, chunks: 1 } as never))).toMatchObject({
      type: 'RangeError',
      message: naming('OutputStore.tail', 'options'),
    })
    expect(failureOf(() => outputs.tail('s-1', { lines: 0 }))?.type).toBe('RangeError')
  })
})

describe('iterate', () => {
  test('iterate() gives the chunks in the order of append, whatever their timestamps', () => {
    const { outputs } = openStores()
    const times = [5, 1, 9, 9, 0, 5]
    outputs.appendMany(
      times.map((time, i) => sampleOutput({ timestamp: at(time), data: `${i} at ${time}` })),
    )
    const expected = times.map((time, i) => `${i} at ${time}`)
    expect(texts(outputs.iterate('s-1'))).toEqual(expected)
    expect(expected.join('\n')).toBe(outputs.getFullOutput('s-1', { order: 'append' }))
  })

  test('iterate() goes through more chunks than it holds, while others write', () => {
    const { outputs } = openStores()
    const count = 3000
    outputs.appendMany(
      Array.from({ length: count }, (_, i) =>
        sampleOutput({ timestamp: at(Math.floor(i / 7)), data: `${i}` }),
      ),
    )
    const seen: string[] = []
    for (const { data } of outputs.iterate('s-1')) {
      if (seen.length === 10) {
        outputs.append(sampleOutput({ timestamp: at(-1), data: 'by a clock set back' }))
        outputs.append(sampleOutput({ timestamp: at(count), data: 'last' }))
      }
      seen.push(data)
    }
    const before = Array.from({ length: count }, (_, i) => `${i}`)
    expect(seen).toEqual([...before, 'by a clock set back', 'last'])
  })

  test('iterate() can be left early, and checks its argument at once', () => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput())
    for (const chunk of outputs.iterate('s-1')) {
      expect(chunk.cursor).toBe(1)
      break
    }
    expect(failureOf(() => outputs.iterate(5 as never))?.type).toBe('TypeError')
    const iterator = outputs.iterate('s-1')
    connection.close()
    expect(failureOf(() => iterator.next())?.code).toBe('ERR_INVALID_STATE')
  })
})

describe('pages of list()', () => {
  test('pages of list() hold every session once, ties included', () => {
    const { sessions } = openStores()
    const starts = [5, 9, 5, 1, 5, 9, 3, 5]
    for (const [i, start] of starts.entries()) {
      sessions.create(sampleSession({ id: `s-${i}`, startedAt: at(start) }))
    }
    const whole = sessions.list()
    for (const limit of [1, 2, 3, 8, 100]) {
      const pages = []
      for (let page = sessions.list({ limit }); page.length > 0;) {
        expect(page.length).toBeLessThanOrEqual(limit)
        pages.push(...page)
        page = sessions.list({ limit, before: page.at(-1) })
      }
      expect(pages).toEqual(whole)
    }
    expect(sessions.list({})).toEqual(whole)
    expect(sessions.list({ before: whole[2] })).toEqual(whole.slice(3))
  })

  test('pages of list() select by status', () => {
    const { sessions } = openStores()
    for (const [i, status] of (['failed', 'idle', 'failed', 'failed'] as const).entries()) {
      sessions.create(sampleSession({ id: `s-${i}`, status, startedAt: at(i) }))
    }
    const page = sessions.list({ status: 'failed', limit: 2 })
    expect(page.map(({ id }) => id)).toEqual(['s-3', 's-2'])
    const rest = sessions.list({ status: 'failed', before: page[1] })
    expect(rest.map(({ id }) => id)).toEqual(['s-0'])
  })

  test('pages of list() repeat rather than skip a session where the last one is gone', () => {
    const { sessions } = openStores()
    for (const id of ['a', 'b', 'c']) sessions.create(sampleSession({ id }))
    const [first] = sessions.list({ limit: 1 })
    sessions.delete('c')
    expect(sessions.list({ before: first }).map(({ id }) => id)).toEqual(['b', 'a'])
  })

  test('list() names what is wrong with an option', () => {
    const { sessions } = openStores()
    expect(failureOf(() => sessions.list({ limit: -1 }))?.message).toEqual(
      naming('SessionStore.list', 'options.limit', '-1'),
    )
    expect(failureOf(() => sessions.list({ status: 'done' as never }))?.message).toEqual(
      naming('SessionStore.list', 'options.status', 'done'),
    )
    expect(failureOf(() => sessions.list({ before: 's-1' as never }))?.message).toEqual(
      naming('SessionStore.list', 'options.before', 's-1'),
    )
    expect(failureOf(() => sessions.list({ before: { id: 's' } as never }))?.message).toEqual(
      naming('SessionStore.list', 'options.before.startedAt'),
    )
  })
})
