import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exported, noPlayer, partsOf } from '../support/exported.js'
import type { ExportProgress } from '../../index.js'
import { openStores, sampleOutput, sampleSession } from '../support/support.js'

describe('an export as text', () => {
  const cases: [string, string[], string][] = [
    ['lines of whatever end', ['one\r\ntwo\n', 'thr', 'ee\r\n\r\n'], 'one\ntwo\nthree\n\n'],
    ['a last line without an end', ['$ make\r\n$ '], '$ make\n$ \n'],
    ['colours and titles', ['\u001b]0;title\u0007\u001b[1;31mred\u001b[0m\r\n'], 'red\n'],
    ['sequences over chunks', ['a\u001b', '[3', '1mb\u001b]8;;x\u001b', '\\c\n'], 'abc\n'],
    ['redraws', ['10%\r50%\r100%', '\r\u001b[Kdone\r\n'], 'done\n'],
    ['redraws by less', ['abcdef\rXY\n', 'ab\bc\n'], 'XYcdef\nac\n'],
    ['controls', ['a\0b\u0007\n'], 'ab\n'],
    ['what is no escape sequence', ['</pre>&amp;"\t日本é😀\n'], '</pre>&amp;"\t日本é😀\n'],
  ]

  test.each(cases)('the text format is what a person saw: %s', async (_, chunks, expected) => {
    const { outputs } = openStores()
    for (const data of chunks) outputs.append(sampleOutput({ data }))
    expect(await exported(outputs, 'text')).toBe(expected)
  })

  test('the text format has U+FFFD for bytes that are not text', async () => {
    const { connection, outputs } = openStores()
    connection.db.exec(
      "INSERT INTO session_outputs (session_id, timestamp, type, data) VALUES ('s-1', '2026', 'stdout', CAST(X'61FF620D63' AS TEXT))",
    )
    expect(await exported(outputs, 'text')).toBe('c\ufffdb\n')
  })
})

/** What the page shows, as text. Throws where there is any other markup than spans with a style. */
function textOf(html: string): string {
  const body = partsOf(html).lines ?? ''
  const span = /<span(?: class="[a-z\d ]+")?(?: style="color:[^"]+")?>([^<]+)<\/span>/g
  const shown = body.replaceAll(/<i>([^<]+)<\/i>/g, '$1').replaceAll(span, '$1')
  expect(shown).not.toMatch(/[<>"]|&(?!(?:amp|lt|gt|quot);)/)
  const characters: Record<string, string> = { lt: '<', gt: '>', quot: '"', amp: '&' }
  return shown.replaceAll(/&(\w+);/g, (_, name: string) => characters[name] ?? '')
}

describe('an export as html', () => {
  const looks: [string, string, string][] = [
    ['plain text', 'plain \u001b[0mtext\u001b[39;49;22m\n', 'plain text\n'],
    [
      'markup as text',
      '<b title="x">&amp;</b>',
      '&lt;b title=&quot;x&quot;&gt;&amp;amp;&lt;/b&gt;\n',
    ],
    ['bold', '\u001b[1mx\u001b[22my', '<span class="b">x</span>y\n'],
    ['dim', '\u001b[2mx\u001b[my', '<span class="d">x</span>y\n'],
    ['italic', '\u001b[3mx\u001b[23my', '<span class="i">x</span>y\n'],
    [
      'underline',
      '\u001b[4mx\u001b[24m \u001b[4:3my\u001b[4:0mz',
      '<span class="u">x</span> <span class="u">y</span>z\n',
    ],
    ['strikethrough', '\u001b[9mx\u001b[29my', '<span class="s">x</span>y\n'],
    ['all styles at once', '\u001b[1;2;3;4;9mx', '<span class="b i u s d">x</span>\n'],
    [
      'sixteen colours',
      '\u001b[31;42mx\u001b[97;100my',
      '<span style="color:#f14c4c;background:#23d18b">x</span><span style="color:#ffffff;background:#7f7f7f">y</span>\n',
    ],
    [
      'the cube of 256',
      '\u001b[38;5;16mx\u001b[48:5:231my',
      '<span style="color:light-dark(#000000,#666666)">x</span><span style="color:#000000;background:#ffffff">y</span>\n',
    ],
    [
      'the greys of 256',
      '\u001b[38;5;232mx\u001b[38;5;255my',
      '<span style="color:light-dark(#080808,#6a6a6a)">x</span><span style="color:light-dark(#8e8e8e,#eeeeee)">y</span>\n',
    ],
    [
      'true colours',
      '\u001b[38;2;1;2;255;1mx\u001b[38:2::3:4:5my\u001b[38:2:6:7:8mz',
      '<span class="b" style="color:#0102ff">x</span><span class="b" style="color:light-dark(#030405,#676869)">y</span><span class="b" style="color:light-dark(#060708,#696a6a)">z</span>\n',
    ],
    ['no colours for invalid colours', '\u001b[38;5;256mx\u001b[38;2;1mx\u001b[38mx', 'xxx\n'],
    ['the colour of an underline', '\u001b[58;5;1;3mx', '<span class="i">x</span>\n'],
    [
      'inverse',
      '\u001b[7mx\u001b[31my\u001b[27mz',
      '<span style="color:#1e1e1e;background:#d4d4d4">x</span><span style="color:#1e1e1e;background:#f14c4c">y</span><span class="f1">z</span>\n',
    ],
    [
      'colours over lines',
      '\u001b[31mx\r\ny\u001b[0m\n',
      '<span class="f1">x</span>\n<span class="f1">y</span>\n',
    ],
    [
      'redraws',
      '\u001b[31mabcd\r\u001b[32mX\u001b[0mY\n',
      '<span class="f2">X</span>Y<span class="f1">cd</span>\n',
    ],
    ['a reset of the terminal', '\u001b[31mx\u001bcy', 'y\n'],
    [
      'no text that was not to be seen',
      'a\u001b[8mhunter2日\u001b[28mb',
      'a<span>         </span>b\n',
    ],
    [
      'a faint text on a background that is not',
      '\u001b[2;41mx',
      '<span style="color:#df9d9d;background:#f14c4c">x</span>\n',
    ],
    [
      'a text in the colour of its background',
      '\u001b[47mx\u001b[30;40my',
      '<span style="color:#000000;background:#d4d4d4">x</span><span style="color:#ffffff;background:#4d4d4d">y</span>\n',
    ],
    ['wide characters in two cells', 'a日e\u0301😀\ufe0fb', 'a<i>日</i>e\u0301<i>😀\ufe0f</i>b\n'],
    [
      'what turns text around as marks',
      'a\u202eb\u2066c\u200fd',
      'a<span class="m">U+202E</span>b<span class="m">U+2066</span>c<span class="m">U+200F</span>d\n',
    ],
    ['no colours of other controls', '\u001b[>4;1mx\u001b[?4my', 'xy\n'],
    [
      'links to scripts as their text',
      '\u001b]8;;javascript:alert(1)\u001b\\x\u001b]8;;\u001b\\',
      'x\n',
    ],
    ['links to data as their text', '\u001b]8;;data:text/html,x\u0007x\u001b]8;;\u0007', 'x\n'],
    [
      'a link that is too long as its text',
      `\u001b]8;;https://example.org/${'x'.repeat(5000)}\u0007x\u001b]8;;\u0007`,
      'x\n',
    ],
    [
      'links',
      'a\u001b]8;id=1;https://example.org/?a=1;b&"<\u0007b\u001b[1mc\u001b[m\u001b]8;;\u0007d',
      'a<a rel="noopener noreferrer" href="https://example.org/?a=1;b&amp;&quot;&lt;">b</a><a rel="noopener noreferrer" href="https://example.org/?a=1;b&amp;&quot;&lt;"><span class="b">c</span></a>d\n',
    ],
  ]

  test.each(looks)('the html format shows %s', async (_, data, expected) => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data }))
    expect(partsOf(await exported(outputs, 'html')).lines).toBe(expected)
  })

  test('the html format tells of the session above its output, without markup of it', async () => {
    const { sessions, outputs } = openStores()
    const currentCommand = '</title><script>"&\0\nsecond 日 line'
    sessions.create(
      sampleSession({
        currentCommand,
        workingDir: '/tmp/<b>\u202e',
        startedAt: new Date('2026-03-01T10:00:00.000Z'),
        endedAt: new Date('2026-03-01T10:00:01.500Z'),
        status: 'failed',
      }),
    )
    sessions.update('s-1', { exitCode: 137, signal: 'SIGKILL', error: 'out of <memory>' })
    const shown = '&lt;/title&gt;&lt;script&gt;&quot;&amp;\ufffd\nsecond 日 line'
    expect(partsOf(await exported(outputs, 'html'))).toEqual({
      title: shown,
      heading: shown.replace('日', '<i>日</i>'),
      facts: {
        Session: 's-1',
        Command: shown.replace('日', '<i>日</i>'),
        Folder: '/tmp/&lt;b&gt;<span class="m">U+202E</span>',
        Started: '2026-03-01T10:00:00.000Z',
        Ended: '2026-03-01T10:00:01.500Z',
        'Exit code': '137',
        Signal: 'SIGKILL',
        Error: 'out of &lt;memory&gt;',
      },
      lines: '',
      ofPlayer: noPlayer,
    })
  })

  test('the html format has the characters of a title without elements around them', async () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession({ currentCommand: 'echo 日本 \u200f😀' }))
    expect(partsOf(await exported(outputs, 'html')).title).toBe('echo 日本 \u200f😀')
  })

  test('a page with a player has the recording, which cannot end its element', async () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: '</script><!--<script>日 one\n' }))
    outputs.append(sampleOutput({ data: 'two\n' }))
    const told: ExportProgress[] = []
    const page = await exported(outputs, 'html', {
      player: true,
      columns: 100,
      onProgress: (progress) => void told.push(progress),
    })
    const { ofPlayer, lines } = partsOf(page)
    expect(told.map(({ outputs: count, totalOutputs }) => [count, totalOutputs])).toEqual([[2, 2]])
    expect(lines).toBe('&lt;/script&gt;&lt;!--&lt;script&gt;<i>日</i> one\ntwo\n')
    expect(ofPlayer.player).toBe('<div id="player"></div>\n')
    const [, , script = '', recording = ''] =
      /^<!-- asciinema-player [\d.]+, (.+) -->\n<script>(.+)<\/script>\n<script id="recording" type="application\/x-asciicast">(.+)<\/script>\n$/s.exec(
        ofPlayer.recording ?? '',
      ) ?? []
    const hash = createHash('sha256').update(script).digest('base64')
    expect(ofPlayer.policy).toBe(` 'sha256-${hash}' 'wasm-unsafe-eval'`)
    expect(recording).not.toContain('<')
    const cast = await exported(outputs, 'asciicast', { columns: 100 })
    expect(recording.replaceAll('\\u003c', '<')).toBe(cast)
  })

  test('a player is for pages alone', async () => {
    const { outputs } = openStores()
    const call = exported(outputs, 'text', { player: true })
    await expect(call).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    await expect(call).rejects.toThrow("options.player is for the format 'html'; received 'text'")
    expect(partsOf(await exported(outputs, 'html', { player: false })).ofPlayer).toEqual(noPlayer)
  })

  const RUNS: [numRuns: number, tags: string[]][] = [
    [30, []],
    [150, ['slow']],
  ]

  for (const [numRuns, tags] of RUNS)
    test(
      `shows what text has, however ${numRuns} texts are printed and cut into chunks`,
      { tags },
      async () => {
        const { outputs } = openStores()
        const fragments = fc.constantFrom(
          ...[
            'a',
            'bc ',
            '日',
            'é',
            '\u0301',
            '😀',
            '<',
            '&amp;',
            '"',
            '\t',
            '\0',
            '\n',
            '\r\n',
            '\r',
            '\b',
          ],
          ...[
            '\u001b[31m',
            '\u001b[1;7m',
            '\u001b[0m',
            '\u001b[K',
            '\u001b[2K',
            '\u001b[3D',
            '\u001b[2C',
          ],
          ...[
            '\u001b[2P',
            '\u001b[2@',
            '\u001b[3X',
            '\u001b[5G',
            '\u001b[2;3H',
            '\u001b[A',
            '\u001b[2J',
            '\u001b7',
            '\u001b8',
          ],
          ...[
            '\u001b',
            '[',
            '\u001b]0;t',
            '\u0007',
            '\u001b\\',
            '\u009b3',
            'm',
            '\u001b[3b',
            '\ud800',
          ],
        )
        let count = 0
        await fc.assert(
          fc.asyncProperty(fc.array(fragments, { maxLength: 40 }), async (chunks) => {
            const [one, many] = [`one-${count}`, `many-${count++}`]
            outputs.append(sampleOutput({ sessionId: one, data: chunks.join('') }))
            for (const data of chunks) outputs.append(sampleOutput({ sessionId: many, data }))
            const text = await exported(outputs, 'text', {}, many)
            expect(await exported(outputs, 'text', {}, one)).toBe(text)
            const html = await exported(outputs, 'html', {}, many)
            expect(textOf(html.replace(`>${many}<`, '>s-1<'))).toBe(text)
          }),
          { numRuns },
        )
      },
    )
})
