// Sequences that programs send to a terminal, at random, and what a real terminal emulator makes of them.
import { Unicode11Addon } from '@xterm/addon-unicode11'
import xterm from '@xterm/headless'

export interface Size {
  columns: number
  rows: number
}

/** A sequence of numbers below 1 that is always the same. */
export function seeded(seed: number): () => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const csi = (final: string, ...numbers: (number | string)[]) =>
  `\u001b[${numbers.join(';')}${final}`

const WORDS = [
  ...['a', 'word', 'longer text', 'x ', '  ', 'ABCDEFGHIJ', '100%', 'lqqk', '-'.repeat(30)],
  ...['日本', '한', '😀', 'é', 'e\u0301', '┌─┐', 'tab\tbed'],
]

/**
 * What a program might send to a terminal of this size. Not in it, since xterm.js differs from what terminals do:
 *
 * - a restored cursor that scrolled meanwhile (there it scrolls along), one that was never saved, and character sets that
 *   are restored with it (there they stay);
 * - relative moves while rows are counted from the scroll region (there they count the region twice);
 * - a full erase to the cursor in the last column (there it looks at a row of the scrollback), a wide character where
 *   nothing wraps (there it stays half covered), and stops of the tab that differ between the pages (here they do not);
 * - SU, a full reset and clearing the scrollback: here, what has left the screen stays;
 * - a repetition that does not follow its character at once, or that is longer than a row (here it ends there).
 */
export function randomOutput(random: () => number, { columns, rows }: Size): string {
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(all: readonly T[]) => all[below(all.length)] as T
  const number = () =>
    random() < 0.2 ? '' : random() < 0.05 ? 999 : below(Math.max(columns, rows))
  const word = () => pick(WORDS)
  let alternate: string | undefined
  let hasTabs = false
  const switchPage = () => {
    if (hasTabs) return word()
    const shown = alternate
    alternate = shown === undefined ? pick(['?1049', '?1047', '?47']) : undefined
    const plainSets = '\u000f\u001b(B\u001b)B'
    return plainSets + csi(shown === undefined ? 'h' : 'l', shown ?? (alternate as string))
  }
  const tabs = () => {
    if (alternate) return word()
    hasTabs = true
    return pick(['\u001bH', csi('g'), csi('g', 3)])
  }
  const saved = () => {
    const [save, restore] = pick([
      ['\u001b7', '\u001b8'],
      [csi('s'), csi('u')],
    ] as const)
    return save + csi('H', number(), number()) + pick(['a', csi('K'), `${csi('m', 32)}q`]) + restore
  }
  const fromRegion = () =>
    csi('h', '?6') +
    csi('H', number(), number()) +
    pick(['ab', csi('K'), '\n', '日']) +
    csi('d', number()) +
    `z${csi('l', '?6')}`
  const region = () => {
    const top = 1 + below(rows)
    return csi('r', top, Math.min(rows, top + below(rows)))
  }
  const moves = [
    () => csi(pick([...'ABCDEFGd`ae']), number()),
    () => csi(pick(['H', 'f']), number(), number()),
    () => csi(pick(['I', 'Z']), pick(['', 1, 2, 3])),
    () => pick(['\u001bD', '\u001bE', '\u001bM', '\u001bM']),
    saved,
    region,
    () => csi('r'),
    fromRegion,
  ]
  const edits = [
    () => pick([`\r${csi('J', 1)}`, csi('J'), csi('J', 0), csi('J', 2)]),
    () => csi('K', pick(['', 0, 1, 2])),
    () => csi('K', pick(['', 0, 1, 2])),
    () => csi(pick([...'LMP@X']), number()),
    () => csi(pick([...'LMP@X']), number()),
    () =>
      pick(WORDS.filter((text) => !text.includes('\t'))) +
      csi('b', Math.min(+number(), columns >> 1)),
    () => csi('T', pick(['', 1, 2])),
    () => '\u001b#8',
  ]
  const modes = [
    () =>
      `\r${csi('l', '?7')}` +
      'a long text that has no room in the row'.slice(0, below(40)) +
      csi('h', '?7'),
    () => csi(pick(['h', 'l']), 4),
    switchPage,
    () => pick(['\u001b(0', '\u001b(B', '\u001b)0', '\u000e', '\u000f', '\u001b)B']),
    tabs,
    () => pick([csi('m', 1, 31), csi('m'), csi('m', 44), csi('m', '38;5;3')]),
    () =>
      pick([
        '\u001b]0;t\u0007',
        '\u001bPq“x”\u001b\\',
        '\u001b_apc\u001b\\',
        csi('h', '?25'),
        csi('p', '!'),
      ]),
  ]
  const others =
    below(4) === 0
      ? [() => pick(['\r', '\n', csi('K'), csi('m', 31)])]
      : [...moves, ...edits, ...modes]
  let output = ''
  for (let step = 5 + below(60); step > 0; step--) {
    const kind = random()
    if (kind < 0.4) output += word()
    else if (kind < 0.5) output += pick(['\n', '\r\n', '\n\n'])
    else if (kind < 0.6) output += pick(['\r', '\r', '\b', '\t'])
    else output += pick(others)()
  }
  return output
}

/** A terminal emulator of this size. */
function emulator({ columns, rows }: Size, convertEol: boolean): xterm.Terminal {
  const terminal = new xterm.Terminal({
    cols: columns,
    rows,
    scrollback: 10_000,
    convertEol,
    allowProposedApi: true,
  })
  terminal.loadAddon(new Unicode11Addon())
  terminal.unicode.activeVersion = '11'
  return terminal
}

/** Its screen after each of these chunks: the rows, and where the cursor is. */
export async function screensInXterm(chunks: string[], size: Size) {
  const terminal = emulator(size, false)
  const screens: { text: string; cursor: { column: number; row: number } }[] = []
  for (const chunk of chunks) {
    await new Promise<void>((resolve) => terminal.write(chunk, resolve))
    const { active } = terminal.buffer
    const rows = Array.from({ length: size.rows }, (_, y) => active.getLine(active.baseY + y))
    const text = rows.map((row) => row?.translateToString(true).trimEnd() ?? '').join('\n')
    const column = Math.min(active.cursorX, size.columns - 1)
    screens.push({ text: text.trimEnd(), cursor: { column, row: active.cursorY } })
  }
  terminal.dispose()
  return screens
}

/** The lines that stay in a terminal emulator: those that were scrolled away, and those on the screen. */
export async function linesInXterm(
  output: string,
  size: Size,
  convertEol = true,
): Promise<string[]> {
  const { columns } = size
  const terminal = emulator(size, convertEol)
  await new Promise<void>((resolve) => terminal.write(output, resolve))
  const buffer = terminal.buffer.normal
  const lines: string[] = []
  for (let y = 0; y < buffer.length; y++) {
    const row = buffer.getLine(y)
    const next = buffer.getLine(y + 1)
    if (!row) continue
    // The next row goes on with the line. A wide character that had no room leaves a cell empty.
    const goesOn = next?.isWrapped === true && next.translateToString(true) !== ''
    const last = row.getCell(columns - 1)
    const isPushed =
      last?.getChars() === '' && last.getWidth() === 1 && next?.getCell(0)?.getWidth() === 2
    const text = row.translateToString(!goesOn)
    const shown = goesOn && isPushed ? text.slice(0, -1) : text
    if (row.isWrapped && lines.length > 0) lines[lines.length - 1] += shown
    else lines.push(shown)
  }
  terminal.dispose()
  return lines
}
