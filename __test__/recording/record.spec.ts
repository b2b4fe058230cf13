// `record()`: commands whose output is stored without JavaScript.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  OutputStore,
  SessionStore,
  record,
  type DatabaseConnection,
  type RecordOptions,
  type Recording,
} from '../../index.js'
import { exported } from '../support/exported.js'
import { openConnection, openStores, sampleSession, temporaryFolder } from '../support/support.js'

/** Records a shell script, and ends it with the test. */
function shell(
  connection: DatabaseConnection,
  script: string,
  options: Partial<RecordOptions> = {},
): Recording {
  const recording = record(connection, { command: 'sh', args: ['-c', script], ...options })
  onTestFinished(() => recording.kill('SIGKILL'))
  return recording
}

/** Waits until a session has shown this. */
async function until(outputs: OutputStore, id: string, text: string): Promise<void> {
  while (!outputs.text(id).includes(text)) await new Promise((done) => setTimeout(done, 5))
}

describe.skipIf(process.platform === 'win32')('a recorded command', () => {
  test('has a session from the start, and its output and exit code at the end', async () => {
    const { connection, sessions, outputs } = openStores()
    const before = Date.now()
    const recording = shell(connection, 'echo one; echo two >&2; read line; exit 3', {
      id: 's-1',
      slot: 2,
      title: 'a test',
      cwd: '/',
      columns: 100,
      rows: 30,
    })
    expect(sessions.get('s-1')).toMatchObject({
      id: 's-1',
      slot: 2,
      status: 'running',
      title: 'a test',
      workingDir: '/',
      currentCommand: "sh -c 'echo one; echo two >&2; read line; exit 3'",
      pid: recording.pid,
      terminal: true,
      columns: 100,
      rows: 30,
    })
    // What is typed before would be echoed before.
    await until(outputs, 's-1', 'two')
    recording.write('\n')
    expect(await recording.exited).toEqual({ exitCode: 3, signal: undefined })
    const session = sessions.get('s-1')
    expect(session).toMatchObject({ status: 'failed', exitCode: 3, signal: undefined })
    expect(session?.endedAt?.getTime()).toBeGreaterThanOrEqual(before)
    expect(outputs.text('s-1')).toBe('one\ntwo\n')
    expect(outputs.read('s-1').outputs.map(({ type }) => type)).not.toContain('stderr')
  })

  test('is completed where its exit code is 0, and has the name of the signal that ended it', async () => {
    const { connection, sessions } = openStores()
    const fine = shell(connection, 'true')
    expect(await fine.exited).toEqual({ exitCode: 0, signal: undefined })
    expect(sessions.get(fine.id)).toMatchObject({ status: 'completed', exitCode: 0 })
    const killed = shell(connection, 'sleep 60')
    killed.kill('SIGKILL')
    expect(await killed.exited).toEqual({ exitCode: undefined, signal: 'SIGKILL' })
    expect(sessions.get(killed.id)).toMatchObject({ status: 'failed', signal: 'SIGKILL' })
    killed.kill()
    expect(killed.write('late')).toBe(false)
  })

  test('keeps what somebody has said of its end before', async () => {
    const { connection, sessions } = openStores()
    const recording = shell(connection, 'sleep 60')
    sessions.update(recording.id, { status: 'completed', endedAt: new Date(0), exitCode: 0 })
    recording.kill()
    expect(await recording.exited).toEqual({ exitCode: undefined, signal: 'SIGTERM' })
    expect(sessions.get(recording.id)).toMatchObject({ status: 'completed', endedAt: new Date(0) })
  })

  test('belongs to this process until it is over', async () => {
    const { connection, sessions } = openStores()
    const recording = shell(connection, 'sleep 60')
    expect(sessions.failOrphans()).toEqual([])
    recording.kill()
    await recording.exited
    expect(sessions.get(recording.id)?.status).toBe('failed')
  })

  test('has a terminal with the size that is given, which can change', async () => {
    const { connection, sessions, outputs } = openStores()
    const script =
      'trap "stty size; exit" WINCH; test -t 0 && stty size; while :; do sleep 0.02; done'
    const recording = shell(connection, script, { columns: 91, rows: 17 })
    await until(outputs, recording.id, '17 91')
    recording.resize({ columns: 44, rows: 9 })
    await recording.exited
    expect(outputs.text(recording.id)).toBe('17 91\n9 44')
    expect(sessions.get(recording.id)).toMatchObject({ columns: 44, rows: 9 })
    const cast = await exported(outputs, 'asciicast', {}, recording.id)
    expect(cast).toMatch(/"width":91,"height":17/)
    expect(cast).toMatch(/, "r", "44x9"\]/)
  })

  test('has pipes without a terminal, which tell output and errors apart', async () => {
    const { connection, sessions, outputs } = openStores()
    const recording = shell(connection, 'cat; echo err >&2; test -t 1 || echo no', {
      terminal: false,
    })
    recording.write('typed\n')
    recording.end()
    await recording.exited
    const text = (wanted: string) =>
      outputs
        .read(recording.id)
        .outputs.filter(({ type }) => type === wanted)
        .map(({ data }) => data)
        .join('')
    expect([text('stdout'), text('stderr')]).toEqual(['typed\nno\n', 'err\n'])
    expect(sessions.get(recording.id)).toMatchObject({ terminal: false, columns: undefined })
  })

  test('has the environment, the folder and the input that are given', async () => {
    const { connection, outputs } = openStores()
    const folder = temporaryFolder()
    const env = { PATH: process.env['PATH'], ONE: 'é 1', TWO: undefined }
    const given = shell(connection, 'pwd; echo "$ONE $TWO. $TERM $HOME."', { cwd: folder, env })
    await given.exited
    expect(outputs.text(given.id)).toBe(`${folder}\né 1 . xterm-256color .`)
    const none = shell(connection, 'cat; echo over', { stdin: 'none' })
    await none.exited
    expect(outputs.text(none.id)).toBe('over')
  })

  test('can be iterated over while it runs, and later', async () => {
    const { connection } = openStores()
    const recording = shell(connection, 'echo ready; read line; echo "got $line"')
    let text = ''
    for await (const { data, cursor } of recording) {
      expect(cursor).toBeGreaterThan(0)
      text += data
      if (text === 'ready\r\n') recording.write('it\n')
    }
    expect(text).toBe('ready\r\nit\r\ngot it\r\n')
    let again = ''
    for await (const { data } of recording) again += data
    expect(again).toBe(text)
  })

  test('keeps every byte that is no text, and cuts no character', async () => {
    const { connection, outputs } = openStores()
    const folder = temporaryFolder()
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7) % 256))
    writeFileSync(join(folder, 'bytes'), bytes)
    const cat = record(connection, {
      command: 'cat',
      args: [join(folder, 'bytes')],
      terminal: false,
      id: 's-1',
    })
    await cat.exited
    const file = join(folder, 'raw')
    await outputs.exportTo('s-1', file, { format: 'raw' })
    const { readFileSync } = await import('node:fs')
    expect(readFileSync(file).equals(bytes)).toBe(true)
    const slow = shell(
      connection,
      String.raw`for byte in '\346' '\227' '\245' 'x' '\360\237' '\230\200'; do printf "$byte"; sleep 0.02; done`,
    )
    await slow.exited
    expect(outputs.getFullOutput(slow.id, { separator: '' })).toBe('日x😀')
    expect(outputs.read(slow.id).outputs.every(({ data }) => !data.includes('\ufffd'))).toBe(true)
  })

  test('does not show what is typed without an echo', async () => {
    const { connection, outputs } = openStores()
    const script = 'stty -echo; printf "Password: "; read word; stty echo; echo; echo "${#word}"'
    const recording = shell(connection, script)
    await until(outputs, recording.id, 'Password: ')
    recording.write('hunter2\n')
    await recording.exited
    expect(outputs.text(recording.id)).toBe('Password: \n7')
    const stored = connection.db.prepare('SELECT count(*) FROM session_outputs WHERE data LIKE ?')
    expect(stored.pluck().get('%hunter2%')).toBe(0)
  })

  test('is stored in a database in memory as well', async () => {
    const { connection, sessions, outputs } = openStores(':memory:')
    const recording = shell(connection, 'echo one; sleep 0.2; echo two')
    let text = ''
    for await (const { data } of recording) text += data
    expect(text).toBe('one\r\ntwo\r\n')
    await recording.exited
    expect(outputs.text(recording.id)).toBe('one\ntwo')
    expect(sessions.get(recording.id)?.status).toBe('completed')
  })

  test('is seen by other connections as soon as it is over', async () => {
    const { connection } = openStores()
    const recording = shell(connection, 'seq 1 1000')
    await recording.exited
    const other = openConnection(connection.path)
    expect(new OutputStore(other).text(recording.id).split('\n')).toHaveLength(1000)
    expect(new SessionStore(other).get(recording.id)?.status).toBe('completed')
  })

  test('is stored in the order of its commands with 20 at once', async () => {
    const { connection, sessions, outputs } = openStores()
    const recordings = Array.from({ length: 20 }, (_, i) =>
      shell(connection, `seq ${i * 1000} ${i * 1000 + 999}`, { slot: 1 + (i % 3) }),
    )
    await Promise.all(recordings.map(({ exited }) => exited))
    for (const [i, { id }] of recordings.entries()) {
      const expected = Array.from({ length: 1000 }, (_, n) => `${i * 1000 + n}`).join('\n')
      expect(outputs.text(id)).toBe(expected)
    }
    expect(sessions.listByStatus('completed')).toHaveLength(20)
  })

  test('waits for a lock of others without the event loop', async () => {
    const { connection, outputs } = openStores()
    const other = openConnection(connection.path)
    other.db.exec('BEGIN IMMEDIATE')
    const recording = shell(connection, 'seq 1 1000')
    let turns = 0
    const turning = setInterval(() => turns++, 1)
    await new Promise((done) => setTimeout(done, 300))
    expect(turns).toBeGreaterThan(20)
    clearInterval(turning)
    other.db.exec('COMMIT')
    await recording.exited
    expect(outputs.text(recording.id).split('\n')).toHaveLength(1000)
  })
})

test.skipIf(process.platform === 'win32')(
  'record() stores in the same file wherever its process goes',
  async () => {
    const folder = temporaryFolder()
    const other = temporaryFolder()
    const script = `
      const { record } = require(${JSON.stringify(join(process.cwd(), 'index.js'))})
      const recording = record('a.db', { command: 'sh', args: ['-c', 'sleep 0.6; echo late'], id: 's-1' })
      process.chdir(${JSON.stringify(other)})
      recording.exited.then((end) => console.log(JSON.stringify(end)))`
    const { stdout } = spawnSync('node', ['-e', script], { cwd: folder, encoding: 'utf8' })
    expect(JSON.parse(stdout)).toMatchObject({ exitCode: 0, stored: true })
    expect(readdirSync(other)).toEqual([])
    const { sessions, outputs } = openStores(join(folder, 'a.db'))
    expect(outputs.text('s-1')).toBe('late')
    expect(sessions.get('s-1')).toMatchObject({ status: 'completed', pid: expect.any(Number) })
  },
)

describe('record() refuses', () => {
  test('an id that exists, before anything runs', () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    const file = join(temporaryFolder(), 'ran')
    const call = () => record(connection, { command: 'touch', args: [file], id: 's-1' })
    expect(call).toThrow(expect.objectContaining({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }))
    expect(call).toThrow('record: session.id "s-1" exists already')
    expect(existsSync(file)).toBe(false)
  })

  test.skipIf(process.platform === 'win32').each([
    [{ command: 'no-such-program-anywhere' }, 'ENOENT'],
    [{ command: '/etc/passwd' }, 'EACCES'],
  ])('%o, which cannot be run, and stores nothing', (options, code) => {
    const { connection, sessions } = openStores()
    for (const terminal of [true, false]) {
      expect(() => record(connection, { ...options, terminal })).toThrow(
        expect.objectContaining({ name: 'Error', code }),
      )
    }
    expect(sessions.list()).toEqual([])
  })

  test.each([
    [{ cwd: '/no/such/folder' }, 'options.cwd must be a folder; received "/no/such/folder"'],
    [{ args: ['a', 'b\0'] }, 'options.args[1] must not contain a NUL; received "b'],
    [{ env: { A: '\0' } }, 'options.env.A must not contain a NUL'],
    [
      { env: new Map() as never },
      'options.env must be an object with a property for each variable',
    ],
  ])('%o', (options, message) => {
    const { connection, sessions } = openStores()
    expect(() => record(connection, { command: 'true', ...options })).toThrow(message)
    expect(sessions.list()).toEqual([])
  })

  test.each([':memory:', '', tmpdir()])('the database %j', (db) => {
    const call = () => record(db, { command: 'true' })
    expect(call).toThrow('db must be the path of a file')
  })

  test('a database that is opened for reading only', () => {
    const { connection } = openStores()
    const reader = openConnection(connection.path, { readonly: true })
    expect(() => record(reader, { command: 'true' })).toThrow(
      expect.objectContaining({ code: 'SQLITE_READONLY' }),
    )
  })

  test.each<[unknown, string]>([
    [undefined, 'record: options must be an object; received undefined'],
    [{}, 'record: options.command must be a string; received undefined'],
    [{ command: '' }, "record: options.command must not be empty; received ''"],
    [{ command: 'true', args: 'x' }, 'record: options.args must be an array; received "x"'],
    [{ command: 'true', args: [1] }, 'record: options.args[0] must be a string; received 1'],
    [{ command: 'true', env: { A: 1 } }, 'record: options.env.A must be a string; received 1'],
    [{ command: 'true', cwd: 1 }, 'record: options.cwd must be a string; received 1'],
    [{ command: 'true', columns: 0 }, 'record: options.columns must be'],
    [{ command: 'true', rows: 70_000 }, 'record: options.rows must be'],
    [{ command: 'true', terminal: 1 }, 'record: options.terminal must be a boolean; received 1'],
    [{ command: 'true', id: 1 }, 'record: options.id must be a string; received 1'],
    [{ command: 'true', slot: 4 }, 'record: session.slot must be'],
    [{ command: 'true', stdin: 'x' }, 'record: options.stdin must be one of'],
    [{ command: 'true', colums: 80 }, 'record: options has no "colums"'],
  ])('%o', (options, message) => {
    const { connection, sessions } = openStores()
    expect(() => record(connection, options as RecordOptions)).toThrow(message)
    expect(sessions.list()).toEqual([])
  })
})
