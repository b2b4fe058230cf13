// What stays of random output is what a real terminal emulator shows, on screens of four sizes.
import { describe, expect, test } from 'vitest'
import { OutputStore } from '../../index.js'
import { at, openConnection } from '../support/support.js'
import { linesInXterm, randomOutput, seeded, type Size } from '../support/terminal.js'

const SIZES: Size[] = [
  { columns: 80, rows: 24 },
  { columns: 10, rows: 4 },
  { columns: 20, rows: 6 },
  { columns: 7, rows: 3 },
]

/** Without blanks at the ends of lines and blank lines at the end. */
function trimmed(lines: string[]): string[] {
  const texts = lines.map((line) => line.trimEnd())
  while (texts.at(-1) === '') texts.pop()
  return texts
}

/** Whether lines show the same. A tab that stayed one takes as many blanks as it needs. */
function areAlike(ours: string[], theirs: string[]): boolean {
  const packed = (line = '') => line.replaceAll(/\s+/g, '')
  return (
    ours.length === theirs.length &&
    ours.every((line, index) =>
      line.includes('\t') ? packed(line) === packed(theirs[index]) : line === theirs[index],
    )
  )
}

/** Pieces of an output, as chunks are cut: anywhere but within a character. */
function pieces(output: string, random: () => number): string[] {
  const characters = [...output]
  const cut: string[] = []
  while (characters.length > 0) {
    cut.push(characters.splice(0, 1 + Math.floor(random() * 40)).join(''))
  }
  return cut
}

/** The outputs of these seeds that look another way here. */
async function differences(first: number, count: number): Promise<unknown[]> {
  const outputs = new OutputStore(openConnection(':memory:'))
  const found: unknown[] = []
  for (let seed = first; seed < first + count; seed++) {
    const [random, size] = [seeded(seed), SIZES[seed % SIZES.length] as Size]
    const output = randomOutput(random, size)
    const theirs = trimmed(await linesInXterm(output, size))
    const chunks = pieces(output, random)
    outputs.appendMany(
      chunks.map((data) => ({ sessionId: 's', timestamp: at(0), type: 'stdout', data })),
    )
    const ours = trimmed(outputs.text('s', size).split('\n'))
    outputs.deleteBySession('s')
    if (!areAlike(ours, theirs)) found.push({ seed, size, output, ours, theirs })
  }
  return found
}

describe('Random output is read as a terminal emulator shows it', () => {
  test('2,000 outputs', { timeout: 60_000 }, async () => {
    expect(await differences(1, 2_000)).toEqual([])
  })

  test('20,000 outputs', { tags: ['slow'], timeout: 300_000 }, async () => {
    expect(await differences(2_001, 20_000)).toEqual([])
  })
})
