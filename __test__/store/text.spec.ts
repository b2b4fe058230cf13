import { describe, expect, test } from 'vitest'
import type { DatabaseConnection } from '../../index.js'
import { exported } from '../support/exported.js'
import { openStores, sampleOutput, sampleSession } from '../support/support.js'

const ESCAPE = '\u001B'
const BYTE_ORDER_MARK = '\uFEFF'
const REPLACEMENT = '\uFFFD'

/** The bytes that SQLite stores as `data`, of the latest output. */
function storedBytes({ db }: DatabaseConnection): unknown {
  return db
    .prepare('SELECT hex(CAST(data AS BLOB)) FROM session_outputs_all ORDER BY id DESC')
    .pluck()
    .get()
}

/** Stores the bytes `hex` as text, as a program that does not check its UTF-8 would. */
function storeBytes({ db }: DatabaseConnection, hex: string): void {
  db.exec(`INSERT INTO session_outputs (session_id, timestamp, type, data)
    VALUES ('s-1', '2026-03-01T10:00:00.000Z', 'stdout', CAST(X'${hex}' AS TEXT))`)
}

describe('data', () => {
  test.each([
    ['nothing', ''],
    ['NUL', 'a\0b\0\0'],
    ['NUL alone', '\0'],
    ['line ends', 'a\r\nb\nc\r'],
    ['escape sequences', `${ESCAPE}[1;31mred${ESCAPE}[0m${ESCAPE}]0;title\u0007`],
    [
      'control characters',
      String.fromCodePoint(...Array.from({ length: 32 }, (_, code) => code), 0x7f),
    ],
    ['Latin-1', 'café ÿ \u0080\u009F\u00A0'],
    [
      'every Latin-1 character',
      Array.from({ length: 256 }, (_, code) => String.fromCodePoint(code)).join(''),
    ],
    ['beyond Latin-1', 'žluťoučký 漢字 Ā'],
    ['emoji', '🚀👩‍👩‍👧‍👦🏳️‍🌈'],
    ['a byte order mark', `${BYTE_ORDER_MARK}text`],
    ['byte order marks', `${BYTE_ORDER_MARK}${BYTE_ORDER_MARK}a${BYTE_ORDER_MARK}`],
    ['the replacement character', REPLACEMENT],
    ['noncharacters', '\uFFFE\uFFFF\u{10FFFF}'],
    ['combining marks', 'e\u0301 \u00E9'],
    ['quotes', `'"\`\\`],
  ])('data with %s comes back to the byte', (_, data) => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput({ data }))
    expect(outputs.getBySession('s-1')[0]?.data).toBe(data)
    expect(outputs.getBySession('s-1', 1)[0]?.data).toBe(data)
    expect(outputs.getBySessionSince('s-1', new Date(0))[0]?.data).toBe(data)
    expect(outputs.getFullOutput('s-1')).toBe(data)
    expect(storedBytes(connection)).toBe(Buffer.from(data, 'utf8').toString('hex').toUpperCase())
  })

  test('data of many entries comes back entry by entry', () => {
    const { outputs } = openStores()
    const texts = [
      '',
      'ascii',
      'café',
      '漢字',
      BYTE_ORDER_MARK,
      '\0',
      '🚀',
      '',
      `${ESCAPE}[0m`,
      'ÿ',
      '\r\n',
      'end',
    ]
    outputs.appendMany(texts.map((data) => sampleOutput({ data })))
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual([...texts].reverse())
    expect(outputs.getFullOutput('s-1', { separator: BYTE_ORDER_MARK })).toBe(
      texts.join(BYTE_ORDER_MARK),
    )
  })

  test.each([
    ['high', '\uD83Dx', `${REPLACEMENT}x`],
    ['low', 'x\uDE80', `x${REPLACEMENT}`],
    ['high, at the end', 'x\uD83D', `x${REPLACEMENT}`],
    ['both, the wrong way round', '\uDE80\uD83D', `${REPLACEMENT}${REPLACEMENT}`],
    ['high, before a pair', '\uD83D🚀', `${REPLACEMENT}🚀`],
  ])('data with a lone surrogate gets U+FFFD in its place: %s', (_, data, expected) => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput({ data }))
    expect(outputs.getFullOutput('s-1')).toBe(expected)
    expect(storedBytes(connection)).toBe(Buffer.from(data, 'utf8').toString('hex').toUpperCase())
  })

  test.each([
    ['ASCII', 'x'],
    ['Latin-1', 'é'],
    ['emoji', '🚀'],
    ['mixed', 'compiling module 🚀 of café\r\n'],
  ])('data of 5 MB comes back: %s', (_, piece) => {
    const { outputs } = openStores()
    const data = piece.repeat(Math.ceil(5_000_000 / Buffer.byteLength(piece)))
    outputs.append(sampleOutput({ data }))
    expect(outputs.getBySession('s-1')[0]?.data === data).toBe(true)
    expect(outputs.getFullOutput('s-1') === data).toBe(true)
  })

  test('data of 5 MB that is ASCII but for its last character comes back', () => {
    const { outputs } = openStores()
    const data = `${'x'.repeat(5_000_000)}漢`
    outputs.append(sampleOutput({ data }))
    outputs.append(sampleOutput({ data: 'after' }))
    expect(outputs.getBySession('s-1')[1]?.data === data).toBe(true)
    expect(outputs.getFullOutput('s-1') === `${data}\nafter`).toBe(true)
  })
})

describe('the text of a session', () => {
  test.each([['🚀 é'], ['a\0b'], [BYTE_ORDER_MARK], ["'; DROP TABLE sessions; --"]])(
    'the text of a session comes back: %o',
    (text) => {
      const { sessions } = openStores()
      sessions.create(sampleSession({ id: text, workingDir: text, currentCommand: text }))
      expect(sessions.get(text)).toMatchObject({ id: text, workingDir: text, currentCommand: text })
      sessions.update(text, { currentCommand: `${text}${text}` })
      expect(sessions.list()[0]?.currentCommand).toBe(`${text}${text}`)
    },
  )

  test('an id with a lone surrogate is found by itself and by what was stored', () => {
    const { sessions, outputs } = openStores()
    sessions.create(sampleSession({ id: '\uD83D' }))
    outputs.append(sampleOutput({ sessionId: '\uD83D' }))
    expect(sessions.get('\uD83D')?.id).toBe(REPLACEMENT)
    expect(sessions.get(REPLACEMENT)?.id).toBe(REPLACEMENT)
    expect(outputs.getFullOutput(REPLACEMENT)).toBe('hello')
  })
})

describe('invalid UTF-8 that some other program stored', () => {
  test.each([
    ['FF41', `${REPLACEMENT}A`],
    ['41FF', `A${REPLACEMENT}`],
    ['41E28241', `A${REPLACEMENT}A`],
    ['C3', REPLACEMENT],
    ['C080', REPLACEMENT.repeat(2)],
    ['EDA080', REPLACEMENT.repeat(3)],
    ['F09F9A', REPLACEMENT],
    ['EFBBBF41FF', `${BYTE_ORDER_MARK}A${REPLACEMENT}`],
    ['00FF00', `\0${REPLACEMENT}\0`],
  ])('invalid UTF-8 is read with U+FFFD: %s', (hex, expected) => {
    const { connection, outputs } = openStores()
    storeBytes(connection, hex)
    expect(storedBytes(connection)).toBe(hex)
    expect(outputs.getBySession('s-1')[0]?.data).toBe(expected)
    expect(outputs.getBySessionSince('s-1', new Date(0))[0]?.data).toBe(expected)
    expect(outputs.getFullOutput('s-1')).toBe(expected)
  })

  test('invalid UTF-8 at the border of two entries does not join them', () => {
    const { connection, outputs } = openStores()
    storeBytes(connection, 'E2')
    storeBytes(connection, '82AC')
    expect(outputs.getFullOutput('s-1', { separator: '' })).toBe(REPLACEMENT.repeat(3))
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual([
      REPLACEMENT.repeat(2),
      REPLACEMENT,
    ])
  })

  test('invalid UTF-8 is read with U+FFFD in every field of a session', () => {
    const { connection, sessions } = openStores()
    connection.db
      .exec(`INSERT INTO sessions (id, slot, status, working_dir, current_command, started_at)
      VALUES (CAST(X'73FF' AS TEXT), 1, 'idle', CAST(X'2FFF' AS TEXT), CAST(X'FF' AS TEXT), '2026-03-01T10:00:00.000Z')`)
    expect(sessions.list()[0]).toMatchObject({
      id: `s${REPLACEMENT}`,
      workingDir: `/${REPLACEMENT}`,
      currentCommand: REPLACEMENT,
    })
  })

  test('invalid UTF-8 hides no text around it, whatever the styles and rows', async () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create({ ...sampleSession(), terminal: true, columns: 20, rows: 5 })
    for (const hex of [
      'ff1b5b33316d7265640d0a',
      '656e636f726520756e20636166e9',
      '206574206c61207375697465',
      '0d0a656e641b5b410d580d0a',
    ])
      storeBytes(connection, hex)
    expect(outputs.text('s-1')).toBe(
      `${REPLACEMENT}red\nencore un caf${REPLACEMENT} et laXsuite\nend`,
    )
    expect(outputs.search('suite').matches).toHaveLength(1)
    expect(await exported(outputs, 'text')).toBe(`${outputs.text('s-1')}\n`)
    expect(outputs.screen('s-1').text).toContain(`${REPLACEMENT}red`)
  })

  test('a character that is cut by the border of two entries is one for every reader of lines', async () => {
    const { connection, outputs } = openStores()
    storeBytes(connection, '78 0d 61 e6 97'.replaceAll(' ', ''))
    storeBytes(connection, 'a5620d0a')
    expect(outputs.text('s-1')).toBe('a日b')
    expect(await exported(outputs, 'text')).toBe('a日b\n')
  })
})
