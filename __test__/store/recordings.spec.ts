// What real programs printed, as a terminal emulator shows it: the lines that stayed, and the screen after every piece.
// `tests/recordings/record.py` made the recordings.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { at, openStores, sampleOutput, sampleSession } from '../support/support.js'
import { linesInXterm, screensInXterm, type Size } from '../support/terminal.js'

interface Recording extends Size {
  chunks: string[]
}

const folder = join(dirname(fileURLToPath(import.meta.url)), '../fixtures/recordings')
const names = readdirSync(folder).map((file) => file.replace('.json', ''))

function recorded(name: string) {
  const recording = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recording
  const { columns, rows, chunks } = recording
  const { sessions, outputs } = openStores()
  sessions.create({ ...sampleSession(), terminal: true, columns, rows })
  outputs.appendMany(chunks.map((data, i) => sampleOutput({ timestamp: at(i), data })))
  return { recording, outputs }
}

const trimmed = (text: string) => text.replaceAll(/ +$/gm, '').trimEnd()

describe('a recording of a real program', () => {
  test.each(names)('leaves the same lines as in a terminal emulator: %s', async (name) => {
    const { recording, outputs } = recorded(name)
    const lines = await linesInXterm(recording.chunks.join(''), recording, false)
    expect(trimmed(outputs.text('s-1')).replaceAll('\t', ' ')).toBe(trimmed(lines.join('\n')))
  })

  test.each(names)('shows the same screen after every piece: %s', async (name) => {
    const { recording, outputs } = recorded(name)
    const theirs = await screensInXterm(recording.chunks, recording)
    for (const [i, screen] of theirs.entries()) {
      const { text, cursor } = outputs.screen('s-1', { at: i + 1 })
      expect({ piece: i, text, cursor }).toEqual({
        piece: i,
        ...screen,
        cursor: { ...screen.cursor, visible: cursor.visible },
      })
    }
  })
})
