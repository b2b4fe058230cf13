// The command prints control and invisible characters as text, never raw.
import { describe, expect, test } from 'vitest'
import { runCommand } from './support.js'
import {
  at,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryPath,
} from '../../../__test__/support/support.js'

const CODES = [
  ...Array.from({ length: 0x20 }, (_, code) => code).filter((code) => code !== 0),
  ...Array.from({ length: 0x21 }, (_, n) => 0x7f + n),
  ...[0xad, 0x34f, 0x61c, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029],
  ...[0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2063, 0x2065, 0x2066, 0x2069, 0x206f],
  ...[0xfeff, 0xfffb, 0x3164, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe01ef],
]
const ALL = CODES.map((code) => String.fromCodePoint(code)).join('')

/** Everything but newlines, and the sequences of colours, which the command itself prints. */
const RAW = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{fff9}-\u{fffb}]/u
// oxlint-disable-next-line no-control-regex
const rawIn = (text: string) => RAW.exec(text.replaceAll(/\x1b\[\d*m|\n/g, ''))?.[0].codePointAt(0)

const id = `id${ALL}`

/** A file with a session that has all of these characters in every field. */
function hostileFile() {
  const path = temporaryPath()
  const { sessions, outputs } = openStores(path)
  const fields = { workingDir: `/${ALL}`, currentCommand: `run ${ALL}`, status: 'failed' } as const
  sessions.create(sampleSession({ id, ...fields, startedAt: at(0), endedAt: at(1) }))
  outputs.append(sampleOutput({ sessionId: id, data: 'needle \u202eabc\u200b \u{e0041}\n' }))
  return path
}

const COMMANDS: [string, string[]][] = [
  ['list', ['list']],
  ['the header of show', ['show', id]],
  ['search', ['search', 'needle', '-C', '1']],
  ['stats', ['stats']],
  ['prune --dry-run', ['prune', '--keep-last', '0', '--dry-run']],
  ['pin', ['pin', id]],
  ['export', ['export', id, '--format', 'text']],
]

describe('characters that a terminal obeys or hides', () => {
  test.each(COMMANDS)(
    '%s prints no raw control or invisible character, as text or as JSON',
    async (_, args) => {
      const path = hostileFile()
      for (const json of [[], ['--json']]) {
        const { stdout, stderr } = await runCommand([...args, '--db', path, ...json], {
          terminal: 4000,
        })
        expect(stdout).not.toBe('')
        // An export draws its progress on the standard error.
        expect(rawIn(args[0] === 'export' ? stdout : stdout + stderr)).toBeUndefined()
      }
    },
  )

  test('messages that quote an id or an argument print no raw control or invisible character', async () => {
    const path = hostileFile()
    const unknown = `no${ALL}`
    for (const args of [
      ['show', unknown],
      ['tail', unknown],
      ['pin', unknown],
      ['list', '--before', unknown],
      ['list', '--status', unknown],
      [unknown],
    ]) {
      const { code, stderr } = await runCommand(['--db', path, ...args], { terminal: 80 })
      expect(code).not.toBe(0)
      expect(rawIn(stderr)).toBeUndefined()
    }
    const { stderr } = await runCommand(['list', '--db', `${path}${ALL}`], { terminal: 80 })
    expect(stderr).toContain('there is no file')
    expect(rawIn(stderr)).toBeUndefined()
  })

  test('list --json escapes these characters and keeps the values', async () => {
    const { stdout } = await runCommand(['list', '--db', hostileFile(), '--json'])
    expect(rawIn(stdout)).toBeUndefined()
    const fields = { id, workingDir: `/${ALL}`, currentCommand: `run ${ALL}` }
    expect(JSON.parse(stdout)).toMatchObject([fields])
  })
})

describe('text that a session printed', () => {
  const FAMILY = '👨\u200d👩\u200d👧'
  const SEEN = `needle ${FAMILY} ❤\ufe0f‍ שלום\u200f عربي می\u200cخواهم`

  test('show keeps emoji of several parts and right-to-left text, and drops direction overrides', async () => {
    const path = temporaryPath()
    const data = `${SEEN} \u202eabc\u202c\u200b\u2066\u{e0041}\ufeff\n`
    openStores(path).outputs.append(sampleOutput({ data }))
    const { stdout } = await runCommand(['show', '--db', path, 's-1'], { terminal: 80 })
    expect(stdout).toContain(`${SEEN} abc\n`)
    const piped = await runCommand(['show', '--db', path, 's-1'])
    expect(piped.stdout).toBe(data)
  })

  test('search keeps emoji of several parts', async () => {
    const path = temporaryPath()
    openStores(path).outputs.append(
      sampleOutput({ data: `${FAMILY} ❤\ufe0f a\u200db\u202e needle` }),
    )
    const { stdout } = await runCommand(['search', '--db', path, 'needle'])
    expect(stdout).toBe(String.raw`s-1:1: ${FAMILY} ❤️ a\u200db\u202e needle` + '\n')
  })
})

describe('long fields', () => {
  test('list, stats and prune print fields of 120,000 wide characters without delay', async () => {
    const path = temporaryPath()
    const { sessions, outputs } = openStores(path)
    const long = '漢'.repeat(120_000)
    const times = { status: 'completed', startedAt: at(0), endedAt: at(1) } as const
    sessions.create(sampleSession({ id: `i${long}`, currentCommand: long, ...times }))
    sessions.create(
      sampleSession({ id: 's-2', currentCommand: `e${'\u0301'.repeat(120_000)}`, ...times }),
    )
    outputs.append(sampleOutput({ sessionId: `i${long}` }))
    for (const args of [['list'], ['stats'], ['prune', '--keep-last', '0', '--dry-run']]) {
      const begun = performance.now()
      const { stdout } = await runCommand([...args, '--db', path], { terminal: 100 })
      expect(performance.now() - begun).toBeLessThan(20_000)
      expect(stdout.length).toBeLessThan(10_000)
      const piped = await runCommand([...args, '--db', path])
      expect(piped.stdout).toContain(long)
      expect(piped.stdout.length).toBeLessThan(500_000)
    }
  })
})
