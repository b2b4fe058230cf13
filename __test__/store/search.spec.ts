import { describe, expect, test } from 'vitest'
import {
  OutputStore,
  type SearchMatch,
  type SearchOptions,
  type SearchResult,
} from '../../index.js'
import {
  at,
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  wrongType,
} from '../support/support.js'

const ESC = '\u001B'

/** A store in which session `s-1` has printed these chunks, the n-th of them at the n-th millisecond. */
function printed(...chunks: string[]): OutputStore {
  const { outputs } = openStores()
  outputs.appendMany(chunks.map((data, n) => sampleOutput({ data, timestamp: at(n) })))
  return outputs
}

const lines = ({ matches }: SearchResult) => matches.map(({ line }) => line)
const found = (outputs: OutputStore, pattern: string, options?: SearchOptions) =>
  lines(outputs.search(pattern, options))

/** All matches, page by page. */
function everything(outputs: OutputStore, pattern: string, options: SearchOptions): SearchMatch[] {
  const all: SearchMatch[] = []
  let page = outputs.search(pattern, options)
  for (;;) {
    expect(page.matches.length).toBeLessThanOrEqual(options.limit ?? 100)
    all.push(...page.matches)
    if (page.complete) return all
    page = page.next()
  }
}

describe('what is found', () => {
  test('a match tells the line, its place, its time and its chunk', () => {
    const outputs = printed('first\r\nsec', 'ond: no', 't found 😀 x\r\nthird')
    expect(outputs.search('Not Found')).toEqual({
      matches: [
        {
          sessionId: 's-1',
          line: 'second: not found 😀 x',
          lineNumber: 2,
          timestamp: at(1),
          cursor: 2,
          start: 8,
          end: 17,
          before: [],
          after: [],
        },
      ],
      complete: true,
      stoppedBy: null,
      next: expect.any(Function) as unknown,
    })
    const [match] = outputs.search('not found').matches
    expect(outputs.read('s-1', { after: match!.cursor - 1 }).outputs[0]?.data).toBe('ond: no')
  })

  test('a match has the indexes of JavaScript strings', () => {
    const [match] = printed('日本 😀é Fehler 😀\n').search('fehler 😀').matches
    expect(match!.line.slice(match!.start, match!.end)).toBe('Fehler 😀')
    expect(match!.start).toBe(7)
  })

  test('search() finds words with colours inside, and across the borders of chunks', () => {
    const outputs = printed(`an ${ESC}[1;3`, `1mer${ESC}[0`, `mror${ESC}]0;tit`, `le${ESC}\\!\n`)
    expect(found(outputs, 'error!')).toEqual(['an error!'])
    expect(found(outputs, 'title')).toEqual([])
    expect(found(outputs, '[')).toEqual([])
  })

  test('search() finds only the last state of a progress bar', () => {
    const outputs = printed(
      'get  10%\r',
      'get  50%\rget 100%',
      `\n${'='.repeat(9)}\r${ESC}[Kdone\n`,
    )
    expect(found(outputs, '%')).toEqual(['get 100%'])
    expect(found(outputs, '50')).toEqual([])
    expect(found(outputs, '==')).toEqual([])
    expect(outputs.search('get').matches[0]).toMatchObject({ cursor: 2, timestamp: at(1) })
    expect(outputs.search('done').matches[0]).toMatchObject({ lineNumber: 2 })
  })

  test('search() sees wide characters drawn over column by column', () => {
    expect(found(printed('日本語\rab\n'), 'ab')).toEqual(['ab本語'])
  })

  test('search() finds what stays of a screen, in its place', () => {
    const screen = `$ vim\n${ESC}[?1049h${ESC}[2;5Hgone${ESC}[?1049l${ESC}[4;5Hlow${ESC}[3;1Hhigh`
    expect(found(printed(screen), '.', { regex: true })).toEqual(['$ vim', 'high', '    low'])
  })

  test('search() finds what was drawn over only if it is asked for, each text once, behind what stayed', () => {
    const bar = [10, 50, 50, 100].map((n) => `\rload ${n} %`).join('')
    const tasks = [1, 2, 3].map((n) => `task ${n} load\nsame load\n`).join(`${ESC}[2A`)
    const vim = `${ESC}[?1049h${ESC}[2;5Hthe load${ESC}[2Jend load${ESC}[?1049l`
    const outputs = printed(`${bar}\n`, tasks, vim, 'last load\n')
    const stayed = ['load 100 %', 'task 3 load', 'same load', 'last load']
    expect(found(outputs, 'load')).toEqual(stayed)
    const { matches } = outputs.search('load', { drawnOver: true, context: 1 })
    expect(matches.slice(0, 4).map(({ line }) => line)).toEqual(stayed)
    expect(matches.slice(4)).toMatchObject(
      [
        'load 10 %',
        'load 50 %',
        'task 1 load',
        'task 2 load',
        '    the load',
        '            end load',
      ].map((line) => ({ line, lineNumber: 0, drawnOver: true, before: [], after: [] })),
    )
    expect(matches[0]).toMatchObject({ lineNumber: 1, before: [], after: ['task 3 load'] })
  })

  test('search() ignores the case of letters unless it is told otherwise', () => {
    const outputs = printed('ÄRGER\nÄrger\n')
    expect(found(outputs, 'ärGER')).toEqual(['ÄRGER', 'Ärger'])
    expect(found(outputs, 'Ärger', { caseSensitive: true })).toEqual(['Ärger'])
    expect(found(outputs, '^ä.ger$', { regex: true })).toEqual(['ÄRGER', 'Ärger'])
  })

  test('search() finds a character in one piece and in several alike, and nothing before the start', () => {
    const outputs = printed('\ufeffcafe\u0301\n', 'un café\n')
    expect(found(outputs, 'café')).toEqual(['\ufeffcafe\u0301', 'un café'])
    expect(found(outputs, 'cafe\u0301')).toHaveLength(2)
    expect(found(outputs, 'café', { caseSensitive: true })).toEqual(['un café'])
    expect(found(outputs, '^caf.$', { regex: true })).toEqual(['\ufeffcafe\u0301'])
    expect(outputs.search('é').matches.map(({ start, end }) => [start, end])).toEqual([
      [4, 6],
      [6, 7],
    ])
  })

  test('search() takes a text as it is, and a match never spans lines', () => {
    const outputs = printed('a.c\nabc\nx\n')
    expect(found(outputs, 'a.c')).toEqual(['a.c'])
    expect(found(outputs, 'a.c', { regex: true })).toEqual(['a.c', 'abc'])
    expect(found(outputs, String.raw`c\s*x`, { regex: true })).toEqual([])
  })
})

describe('where is searched', () => {
  test('search() looks in one session, or in all that have output, each with lines of its own', () => {
    const { outputs } = openStores()
    for (const [sessionId, data] of [
      ['b', 'needle in '],
      ['a', 'a needle\nneedle'],
      ['b', 'b\n'],
      ['b', 'last needle'],
    ] as const) {
      outputs.append(sampleOutput({ sessionId, data }))
    }
    const where = outputs.search('needle').matches.map((m) => `${m.sessionId}: ${m.line}`)
    expect(where).toEqual(['a: a needle', 'a: needle', 'b: needle in b', 'b: last needle'])
    expect(found(outputs, 'needle', { sessionId: 'b' })).toEqual(['needle in b', 'last needle'])
    expect(found(outputs, 'needle', { sessionId: 'c' })).toEqual([])
  })

  test('since and until count the time of the chunk in which the match begins', () => {
    const outputs = printed('x 0\n', 'x 1\n', 'x', ' 2\n', 'x 4')
    expect(found(outputs, 'x', { since: at(1), until: at(2) })).toEqual(['x 1', 'x 2'])
    expect(found(outputs, '2', { since: at(3) })).toEqual(['x 2'])
    expect(outputs.search('x', { since: at(4) }).matches[0]).toMatchObject({ lineNumber: 4 })
  })

  test('context gives the lines around a match, also where matches are near each other', () => {
    const outputs = printed('1\n2\n3 x\n4 x\n5\n', '6\n7')
    const around = (page: SearchMatch[]) => page.map(({ before, after }) => [before, after])
    expect(around(outputs.search('x', { context: 2 }).matches)).toEqual([
      [
        ['1', '2'],
        ['4 x', '5'],
      ],
      [
        ['2', '3 x'],
        ['5', '6'],
      ],
    ])
    expect(around(outputs.search('7', { context: 100 }).matches)).toEqual([
      [['1', '2', '3 x', '4 x', '5', '6'], []],
    ])
  })
})

describe('pages', () => {
  test('a limit cuts the search, and next() goes on without losing or repeating', () => {
    const numbers = Array.from({ length: 50 }, (_, n) => `line ${n}`)
    const text = numbers.join('\n')
    const { outputs } = openStores()
    for (let start = 0; start < text.length; start += 13) {
      for (const sessionId of ['s-1', 's-2']) {
        outputs.append(sampleOutput({ sessionId, data: text.slice(start, start + 13) }))
      }
    }
    for (const context of [0, 3]) {
      const whole = outputs.search('line', { context })
      expect(whole).toMatchObject({ complete: true, stoppedBy: null })
      expect(whole.matches).toHaveLength(100)
      for (const limit of [1, 7, 99, 100]) {
        expect(everything(outputs, 'line', { limit, context })).toEqual(whole.matches)
      }
    }
    const page = outputs.search('line', { sessionId: 's-1', limit: 3 })
    expect(page).toMatchObject({ complete: false, stoppedBy: 'limit' })
    expect(lines(page.next())).toEqual(['line 3', 'line 4', 'line 5'])
  })

  test('a page may end inside a chunk, and chunks may come and go between pages', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: 'x1\nx2\nx3\nx4\n' }))
    const page = outputs.search('x', { limit: 2 })
    outputs.append(sampleOutput({ data: 'x5\n' }))
    expect(lines(page)).toEqual(['x1', 'x2'])
    expect(everything(outputs, 'x', { limit: 2 }).map(({ line }) => line)).toHaveLength(5)
    outputs.deleteBySession('s-1')
    outputs.append(sampleOutput({ data: 'x6\n' }))
    // Both were read with the others, at the end of the output as it was then.
    const next = page.next()
    expect(lines(next)).toEqual(['x3', 'x4'])
    expect(next).toMatchObject({ complete: true })
    expect(lines(outputs.search('x'))).toEqual(['x6'])
  })

  test('a time limit cuts the search, and next() gets to its end all the same', () => {
    const { outputs } = openStores()
    // All of its parts are in every line, so that none can be left out.
    const data = 'the x he end and so on\n'.repeat(2000)
    const many = Array.from({ length: 150 }, () => sampleOutput({ data }))
    outputs.appendMany([...many, sampleOutput({ data: 'the end\n' })])
    let page = outputs.search('the end', { timeLimit: 1 })
    expect(page).toMatchObject({ matches: [], complete: false, stoppedBy: 'timeLimit' })
    while (page.stoppedBy === 'timeLimit') page = page.next()
    expect(page).toMatchObject({ complete: true, matches: [{ lineNumber: 300_001 }] })
  })

  test('search() finds what was written behind', () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
    outputs.append(sampleOutput({ data: 'just now' }))
    expect(found(outputs, 'just')).toEqual(['just now'])
  })
})

describe('what is refused', () => {
  test('search() refuses invalid patterns, with the reason', () => {
    const outputs = printed('x')
    const refusal = (pattern: unknown, options?: SearchOptions) =>
      failureOf(() => outputs.search(pattern as string, options))
    expect(refusal('')).toEqual(outOfRange('OutputStore.search', 'pattern', '""'))
    expect(refusal('(a', { regex: true })).toEqual(outOfRange('pattern', '(a', 'unclosed group'))
    expect(refusal('x'.repeat(1e6))).toEqual(outOfRange('pattern', '65536 bytes'))
    const huge = String.raw`(\w{1000}){1000}`
    expect(refusal(huge, { regex: true })).toEqual(outOfRange('pattern', huge, 'compiles'))
    expect(refusal(7)).toEqual(wrongType('OutputStore.search', 'pattern', '7'))
  })

  test('search() refuses invalid options', () => {
    const outputs = printed('x')
    const refusal = (options: object) => failureOf(() => outputs.search('x', options))
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      expect(refusal({ limit })).toEqual(outOfRange('options.limit', String(limit)))
    }
    expect(refusal({ context: 101 })).toEqual(outOfRange('options.context', '101'))
    expect(refusal({ timeLimit: 0 })).toEqual(outOfRange('options.timeLimit', '0'))
    expect(refusal({ since: new Date(Number.NaN) })).toEqual(outOfRange('options.since'))
    expect(refusal({ until: '2026' })).toEqual(wrongType('options.until', '2026'))
    expect(refusal({ regex: 'yes' })).toEqual(wrongType('options.regex', 'yes'))
    expect(refusal({ sessionId: 1 })).toEqual(wrongType('options.sessionId', '1'))
    expect(failureOf(() => outputs.search('x', 'y' as unknown as object))).toEqual(
      wrongType('options', 'y'),
    )
  })

  test('search() takes no longer for patterns that are hostile to other engines', () => {
    const outputs = printed(`${'a'.repeat(100_000)}!\n`)
    expect(outputs.search('^(a+)+$', { regex: true }).matches).toEqual([])
    expect(outputs.search('(x+x+)+y', { regex: true }).matches).toEqual([])
  })

  test('search() throws on a closed connection, also between two pages', () => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput({ data: 'x\nx\n' }))
    const page = outputs.search('x', { limit: 1 })
    connection.close()
    for (const action of [() => page.next(), () => outputs.search('x')]) {
      expect(failureOf(action)).toMatchObject({ type: 'TypeError', code: 'ERR_INVALID_STATE' })
    }
  })
})
