// Redaction: secrets are replaced before anything of them is stored, wherever they are cut.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  record,
  type DatabaseOptions,
  type OutputStoreOptions,
  type RedactOptions,
  type RedactedSecret,
} from '../../index.js'
import { at, openConnection, sampleSession, temporaryPath } from '../support/support.js'

/** What looks like a token of GitHub, in two halves: no file of this repository has it whole. */
const HALVES = [`gh${'p_'}aB3dE5gH7j`, 'K9mN1pQ3rS5tU7vW9xY1zA3b4cD6'] as const
const TOKEN = HALVES.join('')
const MARK = '[REDACTED:github-token]'

function open(options: DatabaseOptions = { redact: true }, ofStore: OutputStoreOptions = {}) {
  const connection = openConnection(temporaryPath(), options)
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection, ofStore)
  const append = (data: string, type: 'stdout' | 'stderr' = 'stdout', sessionId = 's-1') =>
    outputs.append({ sessionId, timestamp: at(0), type, data })
  const stored = (sessionId = 's-1') => outputs.getFullOutput(sessionId, { separator: '' })
  return { connection, sessions, outputs, append, stored }
}

/** Everything that lies in the folder of a database. */
function bytesBeside({ path }: DatabaseConnection): string {
  const folder = dirname(path)
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('')
}

describe('a secret in output', () => {
  test('is replaced, and nothing of it reaches a file', () => {
    const { connection, sessions, append, stored } = open()
    sessions.create(sampleSession())
    append(`export TOKEN=${TOKEN}\n`)
    expect(stored()).toBe(`export TOKEN=${MARK}\n`)
    const bytes = bytesBeside(connection)
    for (const part of [TOKEN, ...HALVES]) expect(bytes).not.toContain(part)
    expect(bytes).toContain('export TOKEN=')
  })

  test.each(Array.from({ length: TOKEN.length - 1 }, (_, i) => i + 1))(
    'is found in two chunks that are cut at %d',
    (cut) => {
      const { append, stored, connection } = open()
      append(`a ${TOKEN.slice(0, cut)}`)
      append(`${TOKEN.slice(cut)} b\n`)
      expect(stored()).toBe(`a ${MARK} b\n`)
      expect(bytesBeside(connection)).not.toContain(TOKEN.slice(0, 12))
    },
  )

  test.each([
    ['with write-behind', { writeBehind: true }],
    ['without', {}],
  ])('is found in chunks of two streams and sessions, %s', (_, ofStore) => {
    const { append, stored } = open({ redact: true }, ofStore)
    const parts = TOKEN.match(/.{1,7}/g) ?? []
    for (const part of parts) {
      append(part, 'stdout')
      append(part, 'stderr', 's-2')
    }
    append(' one\n', 'stdout')
    append(' two\n', 'stderr', 's-2')
    expect(stored()).toBe(`${MARK} one\n`)
    expect(stored('s-2')).toBe(`${MARK} two\n`)
  })

  test('keeps its colours, and the text around it', () => {
    const { append, stored } = open()
    append(`\u001b[32mkey\u001b[0m ${HALVES[0]}\u001b[1m${HALVES[1]}\u001b[0m é\n`)
    expect(stored()).toBe(`\u001b[32mkey\u001b[0m ${MARK}\u001b[1m\u001b[0m é\n`)
  })

  test('is found in many chunks that are stored at once', () => {
    const { outputs, stored } = open()
    const chunks = [HALVES[0], `${HALVES[1]}\n`, 'gh']
    outputs.appendMany(
      chunks.map((data) => ({ sessionId: 's-1', timestamp: at(0), type: 'stdout', data })),
    )
    expect(stored()).toBe(`${MARK}\ngh`)
  })

  test('is found in a transaction, which holds nothing back', () => {
    const { connection, append } = open()
    const count = connection.db.prepare('SELECT count(*) FROM session_outputs').pluck()
    connection.db.transaction(() => {
      append('before gh')
      expect(count.get()).toBe(1)
      append(`${TOKEN.slice(2)}\n`)
    })()
    const all = connection.db.prepare('SELECT data FROM session_outputs').pluck().all()
    expect(all).toEqual(['before gh', `${MARK}\n`])
  })
})

test('chunks in the middle of a long secret leave nothing, however many there are', () => {
  const { append, connection } = open()
  const name = 'RSA PRIVATE KEY'
  append(`before\n-----BEGIN ${name}-----\n`)
  for (let i = 0; i < 100; i++) append(`${'MIIEpAIBAAKCAQEA'.repeat(4)}\n`)
  append('')
  append(`-----END ${name}-----\nafter\n`)
  const all = connection.db.prepare('SELECT data FROM session_outputs').pluck().all()
  expect(all).toEqual(['before\n[REDACTED:private-key]', '', '\nafter\n'])
})

describe('what may be the start of a secret', () => {
  test('is stored at the next chunk, with a cursor', () => {
    const { append, connection } = open()
    expect(append('gh')).toBeUndefined()
    expect(append('ost\n')).toBe(1)
    expect(connection.db.prepare('SELECT data FROM session_outputs').pluck().all()).toEqual([
      'ghost\n',
    ])
  })

  test.each([
    ['a read', ({ outputs }: ReturnType<typeof open>) => outputs.tail('s-1')],
    ['flush()', ({ outputs }: ReturnType<typeof open>) => outputs.flush()],
    ['the end of the session', ({ sessions }) => sessions.update('s-1', { status: 'completed' })],
    ['a query', ({ connection }) => connection.db.prepare('SELECT 1').get()],
    ['close()', ({ connection }) => connection.close()],
  ] as [string, (stores: ReturnType<typeof open>) => void][])('is stored at %s', (_, act) => {
    const stores = open()
    stores.sessions.create(sampleSession({ status: 'running' }))
    stores.append('gh')
    const reader = openConnection(stores.connection.path, { readonly: true })
    const count = () => reader.db.prepare('SELECT count(*) FROM session_outputs').pluck().get()
    expect(count()).toBe(0)
    act(stores)
    expect(count()).toBe(1)
  })

  test('is stored after a while, and the rest of a secret is replaced all the same', async () => {
    const { append, stored, connection } = open({ redact: { maxDelay: 5 } })
    const reader = openConnection(connection.path, { readonly: true })
    const all = reader.db.prepare('SELECT data FROM session_outputs').pluck()
    append(HALVES[0])
    await vi.waitUntil(() => all.all().length === 1)
    append(`${HALVES[1]} end\n`)
    expect(stored()).toBe(`${HALVES[0]}${MARK} end\n`)
  })

  test('goes with a session that is deleted', () => {
    const { append, sessions, stored } = open()
    sessions.create(sampleSession())
    append('gh')
    sessions.delete('s-1')
    expect(stored()).toBe('')
  })

  test('stays held back while the file is locked, and is stored later', async () => {
    const { append, stored, connection } = open({ redact: { maxDelay: 1 }, timeout: 0 })
    append('gh')
    const other = openConnection(connection.path)
    other.db.exec('BEGIN IMMEDIATE')
    await new Promise((done) => setTimeout(done, 30))
    expect(() => append('x')).toThrow(expect.objectContaining({ code: 'SQLITE_BUSY' }))
    other.db.exec('COMMIT')
    append('ost\n')
    expect(stored()).toBe('ghost\n')
  })
})

describe('what a session is called', () => {
  test('has no secret, neither when it is created nor when it is changed', () => {
    const { sessions } = open()
    const currentCommand = `curl -H 'Authorization: Bearer ${'aB3'.repeat(9)}' x`
    sessions.create({ ...sampleSession({ currentCommand }), title: `with ${TOKEN}` })
    expect(sessions.get('s-1')).toMatchObject({
      currentCommand: "curl -H 'Authorization: Bearer [REDACTED:authorization]' x",
      title: `with ${MARK}`,
    })
    sessions.update('s-1', { currentCommand: `echo ${TOKEN}` })
    expect(sessions.get('s-1')?.currentCommand).toBe(`echo ${MARK}`)
    expect(sessions.redactions('s-1')).toEqual({ authorization: 1, 'github-token': 2 })
  })
})

describe('what is looked for', () => {
  test.each([
    [{ literals: ['hunter2!'] }, 'pw hunter2! pw', 'pw [REDACTED:literal] pw'],
    [{ literals: { DB: 'hunter2!' } }, 'pw hunter2!', 'pw [REDACTED:DB]'],
    [
      { rules: [{ name: 'corp', pattern: /corp-(?<secret>[a-z]{4,})/i }] },
      'CORP-abcdefg corp-x',
      'CORP-[REDACTED:corp] corp-x',
    ],
    [{ rules: [{ name: 'corp', pattern: 'corp-[0-9]+' }] }, 'corp-12x', '[REDACTED:corp]x'],
    [{ marker: '***' }, TOKEN, '***'],
    [{ marker: '<{rule}>' }, TOKEN, '<github-token>'],
    [{ builtin: false }, TOKEN, TOKEN],
  ] as [RedactOptions, string, string][])('%o', (redact, printed, wanted) => {
    const { append, stored } = open({ redact })
    append(`${printed}\n`)
    expect(stored()).toBe(`${wanted}\n`)
  })

  test('is in variables of the environment whose names say so', () => {
    const values = {
      GSD_TEST_API_KEY: 'Zx9-kLm3_Qw7pT',
      GSD_TEST_TOKEN: 'word',
      GSD_TEST_SECRET_PATH: '/run/secrets/4fKd93kLs',
      GSD_TEST_OTHER: 'Aa1-bB2_cC3dD4',
    }
    for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value)
    try {
      const line = Object.values(values).join(' ')
      const { append, stored } = open({ redact: { names: ['GSD_TEST_OTHER'] } })
      append(`${line}\n`)
      expect(stored()).toBe(
        '[REDACTED:GSD_TEST_API_KEY] word /run/secrets/4fKd93kLs [REDACTED:GSD_TEST_OTHER]\n',
      )
      const without = open({ redact: { environment: false } })
      without.append(`${line}\n`)
      expect(without.stored()).toBe(`${line}\n`)
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('is that of the store, where it has options of its own', () => {
    const { append, stored } = open({ redact: true }, { redact: { marker: '<{rule}>' } })
    append(`${TOKEN}\n`)
    expect(stored()).toBe('<github-token>\n')
    const alone = open({}, { redact: true })
    alone.append(`${TOKEN}\n`)
    expect(alone.stored()).toBe(`${MARK}\n`)
  })
})

describe('what was replaced', () => {
  test('is counted by rules, and told without the value', () => {
    const found: RedactedSecret[] = []
    const { connection, sessions, append } = open({
      redact: { literals: { PW: 'hunter2!' }, onRedact: (secret) => void found.push(secret) },
    })
    sessions.create(sampleSession())
    append(`${TOKEN} hunter2! ${TOKEN}\n`)
    append(`hunter2!\n`, 'stderr')
    const counts = { 'github-token': 2, PW: 2 }
    expect(sessions.redactions('s-1')).toEqual(counts)
    expect(connection.stats().redactions).toEqual(counts)
    expect(found).toEqual([
      { sessionId: 's-1', type: 'stdout', rule: 'github-token', length: TOKEN.length },
      { sessionId: 's-1', type: 'stdout', rule: 'PW', length: 8 },
      { sessionId: 's-1', type: 'stdout', rule: 'github-token', length: TOKEN.length },
      { sessionId: 's-1', type: 'stderr', rule: 'PW', length: 8 },
    ])
    sessions.delete('s-1')
    expect(connection.stats().redactions).toEqual({})
  })
})

describe.skipIf(process.platform === 'win32')('a recording', () => {
  test.each([
    ['of a connection that redacts', true, undefined],
    ['that redacts itself', undefined, true],
  ])('%s has no secrets', async (_, redact, ofRecording) => {
    const { connection, sessions, outputs } = open({ redact })
    const script = `printf %s ${HALVES[0]}; sleep 0.002; printf %s ${HALVES[1]}; echo; echo $A_SECRET_KEY; printf g; sleep 0.1`
    const options = {
      command: 'sh',
      args: ['-c', script],
      env: { ...process.env, A_SECRET_KEY: 'pX7-qQ2_rR9sT' },
    }
    const recording = record(connection, { ...options, redact: ofRecording })
    await vi.waitUntil(() => outputs.getFullOutput(recording.id, { separator: '' }).endsWith('g'))
    await recording.exited
    const { A_SECRET_KEY } = options.env
    const key = ofRecording ? '[REDACTED:A_SECRET_KEY]' : A_SECRET_KEY
    expect(outputs.text(recording.id)).toBe(`${MARK}\n${key}\ng`)
    expect(sessions.redactions(recording.id)['github-token']).toBe(1)
    expect(bytesBeside(connection)).not.toContain(TOKEN)
  })

  test('by a path has none, neither in the database nor in what waits beside it', async () => {
    const { connection, outputs, sessions } = open({})
    const other = openConnection(connection.path)
    other.db.exec('BEGIN IMMEDIATE')
    const recording = record(connection.path, {
      command: 'sh',
      args: ['-c', `echo ${TOKEN}; sleep 1.5`],
      id: 'r',
      redact: true,
    })
    await vi.waitUntil(() => bytesBeside(connection).includes('"output":"r"'), { timeout: 5000 })
    expect(bytesBeside(connection)).not.toContain(TOKEN)
    other.db.exec('COMMIT')
    await recording.exited
    expect(outputs.text('r')).toBe(MARK)
    expect(sessions.get('r')?.currentCommand).toBe(`sh -c 'echo ${MARK}; sleep 1.5'`)
    expect(sessions.redactions('r')).toEqual({ 'github-token': 2 })
  })
})

test.each([
  ['yes', 'options.redact must be a boolean or an object; received "yes"'],
  [{ rule: [] }, 'options.redact has no "rule"; did you mean rules?'],
  [{ rules: [{ name: 'a b', pattern: 'abc' }] }, 'options.redact.rules[0].name must be 1 to 64'],
  [{ rules: [{ name: 'a', pattern: /x+/ }] }, 'options.redact.rules[0].pattern must be a pattern'],
  [{ rules: [{ name: 'a', pattern: /abc/m }] }, 'rules[0].pattern must have no flag but i and s'],
  [{ rules: [{ name: 'a', pattern: 'abc(' }] }, 'rules[0].pattern must be a regular expression'],
  [{ literals: ['abc'] }, 'options.redact.literals[0] must have 4 characters at least'],
  [{ literals: { A: 5 } }, 'options.redact.literals.A must be a string; received 5'],
  [{ marker: TOKEN }, 'options.redact.marker must be a text in which no rule'],
  [{ maxDelay: 0 }, 'options.redact.maxDelay must be an integer from 1 to 10000; received 0'],
  [{ environment: 1 }, 'options.redact.environment must be a boolean; received 1'],
])('redact: %o is refused', (redact, message) => {
  const path = temporaryPath()
  const call = () => new DatabaseConnection(path, { redact: redact as never })
  expect(call).toThrow(`DatabaseConnection: `)
  expect(call).toThrow(message)
  expect(readdirSync(dirname(path))).toEqual([])
})
