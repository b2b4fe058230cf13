// Redaction of what is stored already, and of what is exported.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore, type RedactReport } from '../../index.js'
import {
  at,
  openConnection,
  sampleSession,
  temporaryFolder,
  temporaryPath,
} from '../support/support.js'

/** What looks like a token of GitHub: no file of this repository has it whole. */
const TOKEN = `gh${'p_'}aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3b4cD6`
const MARK = '[REDACTED:github-token]'

function open(path = temporaryPath()) {
  const connection = openConnection(path)
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection)
  const append = (data: string, type: 'stdout' | 'stderr' = 'stdout', second = 0) =>
    outputs.append({ sessionId: 's-1', timestamp: at(second), type, data })
  const stored = () => outputs.getFullOutput('s-1', { separator: '|', order: 'append' })
  return { connection, sessions, outputs, append, stored }
}

/** What everything in the folder of a database has of a text. */
function isBeside({ path }: DatabaseConnection, text: string): boolean {
  const folder = dirname(path)
  return readdirSync(folder).some((name) =>
    readFileSync(join(folder, name), 'latin1').includes(text),
  )
}

const totalOf = ({ redactions }: RedactReport) =>
  Object.values(redactions).reduce((sum, count) => sum + count, 0)

describe('connection.redact()', () => {
  test('replaces a secret that is cut into chunks of one stream, at every place', async () => {
    const { connection, append, outputs } = open()
    for (let cut = 1; cut < TOKEN.length; cut++) {
      append(`a ${TOKEN.slice(0, cut)}`)
      append('error', 'stderr')
      append(`${TOKEN.slice(cut)} b\n`)
    }
    const report = await connection.redact()
    expect(report.redactions).toEqual({ 'github-token': TOKEN.length - 1 })
    const text = outputs.getFullOutput('s-1', { separator: '', order: 'append' })
    expect(text).toBe(`a ${MARK}error b\n`.repeat(TOKEN.length - 1))
  })

  test('leaves every chunk its cursor, and other chunks their bytes', async () => {
    const { connection, append, stored, outputs } = open()
    append('before ')
    append(TOKEN.slice(0, 20))
    append(TOKEN.slice(20, 30))
    append(`${TOKEN.slice(30)}\u001b[31m behind`)
    const before = outputs.read('s-1').outputs.map(({ cursor }) => cursor)
    await connection.redact()
    expect(stored()).toBe(`before |${MARK}||\u001b[31m behind`)
    expect(outputs.read('s-1').outputs.map(({ cursor }) => cursor)).toEqual(before)
  })

  test('tells where each is, and changes nothing in a dry run', async () => {
    const { connection, sessions, append, stored } = open()
    sessions.create({
      ...sampleSession({ id: 's-1' }),
      title: `with ${TOKEN}`,
      currentCommand: TOKEN,
    })
    append('one')
    const cursor = append(`two ${TOKEN}`, 'stderr')
    const report = await connection.redact({ dryRun: true })
    const rule = { rule: 'github-token', length: TOKEN.length }
    expect(report).toEqual({
      sessions: 1,
      outputs: 1,
      redactions: { 'github-token': 3 },
      found: [
        { sessionId: 's-1', field: 'currentCommand', ...rule },
        { sessionId: 's-1', field: 'title', ...rule },
        { sessionId: 's-1', type: 'stderr', cursor, ...rule },
      ],
    })
    expect(stored()).toContain(TOKEN)
    expect(sessions.redactions('s-1')).toEqual({})
  })

  test('replaces secrets in the fields of sessions, and counts all', async () => {
    const { connection, sessions, append } = open()
    sessions.create({ ...sampleSession({ id: 's-1' }), workingDir: `/tmp/${TOKEN}`, error: TOKEN })
    append(`${TOKEN} ${TOKEN}`)
    await connection.redact()
    const { workingDir, error } = sessions.get('s-1') ?? {}
    expect({ workingDir, error }).toEqual({ workingDir: `/tmp/${MARK}`, error: MARK })
    expect(sessions.redactions('s-1')).toEqual({ 'github-token': 4 })
    expect(connection.stats().redactions).toEqual({ 'github-token': 4 })
  })

  test('leaves no byte of a secret in the file or its log', async () => {
    const { connection, append } = open()
    for (let i = 0; i < 2000; i++) append(`line ${i} ${'x'.repeat(i % 700)}\n`)
    append(`short ${TOKEN}\n`)
    append(`${'long '.repeat(4000)}${TOKEN}${' long'.repeat(4000)}\n`)
    for (let i = 0; i < 2000; i++) append(`line ${i}\n`)
    expect(isBeside(connection, TOKEN)).toBe(true)
    await connection.redact()
    expect(isBeside(connection, TOKEN.slice(0, 16))).toBe(false)
    expect(isBeside(connection, TOKEN.slice(16))).toBe(false)
    expect(connection.verify().ok).toBe(true)
  })

  test('finds nothing when it is called again', async () => {
    const { connection, append, stored } = open()
    append(`a ${TOKEN.slice(0, 9)}`)
    append(`${TOKEN.slice(9)} b`)
    await connection.redact()
    const before = stored()
    expect(totalOf(await connection.redact())).toBe(0)
    expect(stored()).toBe(before)
  })

  test('takes only one session, or only what came since a moment', async () => {
    const { connection, outputs, append, stored } = open()
    append(`old ${TOKEN}`, 'stdout', 0)
    append(`new ${TOKEN}`, 'stdout', 100)
    outputs.append({ sessionId: 's-2', timestamp: at(100), type: 'stdout', data: TOKEN })
    await connection.redact({ sessionId: 's-1', since: at(50) })
    expect(stored()).toBe(`old ${TOKEN}|new ${MARK}`)
    expect(outputs.getFullOutput('s-2')).toBe(TOKEN)
  })

  test('looks for the rules and the values that it is given', async () => {
    const { connection, append, stored } = open()
    append(`corp-1234 hunter2-hunter2 ${TOKEN}`)
    await connection.redact({
      builtin: false,
      environment: false,
      rules: [{ name: 'corp', pattern: /corp-\d+/ }],
      literals: { PASSWORD: 'hunter2-hunter2' },
      marker: '<{rule}>',
    })
    expect(stored()).toBe(`<corp> <PASSWORD> ${TOKEN}`)
  })

  test('looks for what the connection redacts, where nothing else is said', async () => {
    const path = temporaryPath()
    open(path).append(`corp-1234 ${TOKEN}`)
    const rules = [{ name: 'corp', pattern: 'corp-[0-9]+' }]
    const redacting = openConnection(path, { redact: { builtin: false, rules } })
    expect((await redacting.redact({ dryRun: true })).redactions).toEqual({ corp: 1 })
  })

  test('tells of its progress, and stops when it is aborted', async () => {
    const { connection, append } = open()
    for (let i = 0; i < 3000; i++) append(`line ${i}\n`)
    const controller = new AbortController()
    const seen: number[] = []
    const onProgress = ({ outputs }: { outputs: number }) => {
      seen.push(outputs)
      controller.abort(new Error('enough'))
    }
    const { signal } = controller
    await expect(connection.redact({ onProgress, signal })).rejects.toThrow('enough')
    expect(seen).toHaveLength(1)
  })

  test('looks at a database in memory, and at a file that is open for reading', async () => {
    const path = temporaryPath()
    open(path).append(TOKEN)
    const reading = openConnection(path, { readonly: true })
    expect(totalOf(await reading.redact({ dryRun: true }))).toBe(1)
    await expect(reading.redact()).rejects.toMatchObject({ code: 'SQLITE_READONLY' })
    const memory = open(':memory:')
    memory.append(TOKEN)
    await memory.connection.redact()
    expect(memory.stored()).toBe(MARK)
  })

  test.each([
    [{ since: 3 }, 'DatabaseConnection.redact: options.since must be a Date; received 3'],
    [{ rules: [{ name: 'a b', pattern: 'abc' }] }, 'options.rules[0].name must be'],
    [{ literals: ['abc'] }, 'options.literals[0] must have 4 characters at least'],
    [{ marker: TOKEN }, 'options.marker must be a text in which no rule'],
    [{ builtin: 1 }, 'options.builtin must be a boolean; received 1'],
  ])('rejects %o', async (options, message) => {
    const { connection } = open()
    await expect(connection.redact(options as never)).rejects.toThrow(message)
  })
})

describe('exportTo with redact', () => {
  test.each(['raw', 'text', 'html', 'ndjson', 'asciicast'] as const)(
    'writes no secret as %s, and leaves what is stored',
    async (format) => {
      const { sessions, outputs, append, stored } = open()
      sessions.create({
        ...sampleSession({ id: 's-1' }),
        title: `title ${TOKEN}`,
        currentCommand: TOKEN,
      })
      append(`one ${TOKEN.slice(0, 12)}`)
      append(`${TOKEN.slice(12)} two\r\n`)
      append('the end may be the start of one: gh')
      const file = join(temporaryFolder(), 'export')
      await outputs.exportTo('s-1', file, { format, redact: true })
      const written = readFileSync(file, 'utf8')
      expect(written).toContain(MARK)
      expect(written).not.toContain(TOKEN.slice(0, 12))
      expect(written).not.toContain(TOKEN.slice(12))
      expect(written).toContain('start of one: gh')
      expect(stored()).toContain(TOKEN.slice(12))
    },
  )
})
