// The time to read output grows with its bytes, whatever it tells a terminal to do. The bounds are generous: they only
// tell linear time from quadratic time, on any machine and in any build.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SearchMatch, SearchOptions } from '../../index.js'
import { at, openStores, sampleOutput, temporaryFolder } from '../support/support.js'

const ESC = '\u001B'

/** Repeats a fragment up to so many characters. */
const upTo = (length: number, fragment: string) =>
  fragment.repeat(Math.ceil(length / fragment.length))

/** A store in which session `s-1` has printed these chunks. */
function printed(chunks: string[]) {
  const stores = openStores()
  stores.outputs.appendMany(chunks.map((data, n) => sampleOutput({ data, timestamp: at(n) })))
  return stores.outputs
}

const line = 'x'.repeat(4000)

const HOSTILE: [string, string, string][] = [
  ['text without a newline', '', 'x'],
  ['tabs', '', '\t'],
  ['tabs and backspaces', '\t'.repeat(511), '\b\t\t'],
  ['a column far away', '', `abc${ESC}[100000Gx`],
  ['a column far away in every line', '', `${ESC}[4000Gx\n`],
  ['repetitions', '', `😀${ESC}[65535b\n`],
  ['returns on a line that has no end', '', 'x\rabc'],
  ['erasing up to the cursor', `${line}\b`, `${ESC}[1K`],
  ['erasing lines', `${line}\b`, `x${ESC}[2K`],
  ['deleting and inserting', `${line}\r`, `${ESC}[P${ESC}[@`],
  ['deleting here and there', line, `\r${ESC}[P${ESC}[4000G${ESC}[P`],
  ['blanking', `${line}\r${ESC}[C`, `${ESC}[9999X`],
  ['wide and narrow characters', `${line}\r`, '日\rab\r'],
  ['marks on one character', 'ab\rb', '\u0301'],
  ['marks that are drawn over', `ab\rb${'\u0301'.repeat(1024)}`, 'x\b'],
  ['colours at every character', '', `${ESC}[1mx${ESC}[22my`],
  ['links', '', `${ESC}]8;;http://x${ESC}\\l${ESC}]8;;${ESC}\\`],
  ['a title without an end', `${ESC}]0;`, 'a;'],
  ['a device string without an end', `${ESC}Pq`, 'a'],
  ['saving and restoring', line, `${ESC}7${ESC}8`],
]

describe('hostile output of a quarter of a megabyte', () => {
  test.each(HOSTILE)('where it is full of %s', async (_, start, fragment) => {
    const outputs = printed([start, upTo(1 << 17, fragment), upTo(1 << 17, fragment)])
    const begun = performance.now()
    expect(outputs.search('needle').matches).toEqual([])
    for (const format of ['text', 'html'] as const) {
      const file = join(temporaryFolder(), 'export')
      await outputs.exportTo('s-1', file, { format })
      expect(statSync(file).size).toBeLessThan(24 << 20)
    }
    expect(performance.now() - begun).toBeLessThan(20_000)
  })
})

describe('the time limit of a search', () => {
  /** All matches, and the longest time of a page. */
  function everything(chunks: string[], pattern: string, options: SearchOptions) {
    const outputs = printed(chunks)
    const all: SearchMatch[] = []
    let longest = 0
    let pages = 0
    let page
    do {
      const begun = performance.now()
      page = page ? page.next() : outputs.search(pattern, options)
      longest = Math.max(longest, performance.now() - begun)
      pages++
      all.push(...page.matches)
    } while (!page.complete)
    return { all, longest, pages }
  }

  /** Far more than one page takes, and far less than all pages together. */
  const PATIENCE = 500

  test('a time limit of search() holds inside one chunk without a line', () => {
    const { all, longest, pages } = everything(
      [`${ESC}]0;`, upTo(32 << 20, 'x'), '\u0007needle'],
      'needle',
      { timeLimit: 1 },
    )
    expect(all.map(({ line: found }) => found)).toEqual(['needle'])
    expect(pages).toBeGreaterThan(2)
    expect(longest).toBeLessThan(PATIENCE)
  })

  test('a time limit of search() holds inside one chunk of many lines, and loses or repeats none', () => {
    const chunk = Array.from({ length: 50_000 }, (_, n) => `line ${n} ünï 漢字 ${ESC}[1mx\n`).join(
      '',
    )
    const { all, longest, pages } = everything([chunk], 'LINE', { timeLimit: 3, limit: 1e6 })
    expect(all.map(({ lineNumber }) => lineNumber)).toEqual(all.map((_, n) => n + 1))
    expect(all).toHaveLength(50_000)
    expect(all.every((match, n) => match.line === `line ${n} ünï 漢字 x`)).toBe(true)
    expect(pages).toBeGreaterThan(1)
    expect(longest).toBeLessThan(PATIENCE)
  })

  test('a time limit of search() holds in a line that a regular expression takes seconds for', () => {
    const hostile = upTo(40_000, 'ab')
    const { all, longest, pages } = everything(
      [`${hostile}\n`, 'a1\n'],
      String.raw`([a-z]+a){60}1|a1`,
      {
        regex: true,
        timeLimit: 5,
      },
    )
    expect(all.map(({ line: found }) => found)).toEqual(['a1'])
    expect(pages).toBeGreaterThan(2)
    expect(longest).toBeLessThan(PATIENCE)
  })

  test('a time limit of search() holds in a last line without an end, with its context', () => {
    const hostile = `${upTo(20_000, 'ab')}a!`
    const { all, longest } = everything(['before\n', hostile], String.raw`([a-z]+a){60}!`, {
      regex: true,
      timeLimit: 5,
      context: 1,
    })
    expect(all).toMatchObject([{ line: hostile, before: ['before'], after: [], start: 0 }])
    expect(longest).toBeLessThan(PATIENCE)
  })

  test('a time limit of search() holds in many small chunks', () => {
    const chunks = Array.from({ length: 20_000 }, (_, n) => `${ESC}[1mchunk ${n}\r\n`)
    const { all, longest } = everything(chunks, 'chunk', { timeLimit: 2, limit: 1e6 })
    expect(all).toHaveLength(20_000)
    expect(longest).toBeLessThan(PATIENCE)
  })

  test('a time limit of search() holds where matches have much context, and loses none of it', () => {
    const text = `${upTo(7000, 'needle ')}\n`
    const { all, longest, pages } = everything([text.repeat(300)], 'needle', {
      timeLimit: 50,
      limit: 1e6,
      context: 100,
    })
    expect(all.map(({ lineNumber }) => lineNumber)).toEqual(all.map((_, n) => n + 1))
    expect(all.map(({ before }) => before.length)).toEqual(all.map((_, n) => Math.min(n, 100)))
    expect(all.map(({ after }) => after.length)).toEqual(all.map((_, n) => Math.min(299 - n, 100)))
    expect(all).toHaveLength(300)
    expect(pages).toBeGreaterThan(20)
    expect(longest).toBeLessThan(PATIENCE)
  })

  test('is met by a page that begins inside a long chunk, which goes on where the last one ended', () => {
    const chunk = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join('')
    const { all } = everything([chunk, chunk], 'line', { limit: 7 })
    expect(all.map(({ line: found }) => found).join('\n') + '\n').toBe(chunk + chunk)
  })
})
