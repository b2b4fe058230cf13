// `gsd-sessions record`: the command hardly notices, and the file holds what it did.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { commandPath, runCommand, startCommand, type CommandOptions } from './support.js'
import {
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
  temporaryPath,
} from '../../../__test__/support/support.js'

/** The arguments that record a program for node, given as text. */
function recording(path: string, program: string, ...options: string[]): string[] {
  return ['record', '--db', path, '--id', 's-1', ...options, '--', process.execPath, '-e', program]
}

/** Records a program for node, given as text. */
function record(path: string, program: string, options?: CommandOptions) {
  return runCommand(recording(path, program), options)
}

/** What the file holds of session s-1: the session, and the text of each stream. */
function stored(path: string) {
  const { sessions, outputs } = openStores(path)
  const chunks = [...outputs.iterate('s-1')]
  const textOf = (type: string) =>
    chunks
      .filter((chunk) => chunk.type === type)
      .map(({ data }) => data)
      .join('')
  return { session: sessions.get('s-1'), stdout: textOf('stdout'), stderr: textOf('stderr') }
}

/** The spool files beside a database. */
const spools = (path: string) =>
  readdirSync(dirname(path)).filter((name) => name.includes('-spool-'))

describe('a recorded command that succeeds', () => {
  test('prints what it prints otherwise, and is stored with its output', async () => {
    const path = temporaryPath()
    const cwd = temporaryFolder()
    const program = "console.log(process.pid); console.error('careful')"
    const before = new Date()
    const args = recording(path, program, '--slot', '2')
    const { code, stdout, stderr } = await runCommand(args, { cwd })
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'careful\n' })
    const { session, ...texts } = stored(path)
    expect(texts).toEqual({ stdout, stderr })
    expect(session).toMatchObject({
      id: 's-1',
      slot: 2,
      status: 'completed',
      pid: Number(stdout),
      currentCommand: expect.stringContaining(`-e 'console.log(process.pid); console.error('\\''`),
    })
    expect(session?.workingDir).toMatch(new RegExp(`${cwd.split(/[\\/]/).at(-1)}$`))
    expect(session?.startedAt.getTime()).toBeGreaterThanOrEqual(before.getTime())
    expect(session?.endedAt?.getTime()).toBeGreaterThanOrEqual(session!.startedAt.getTime())
  })

  test('is stored as running meanwhile, and its output can be read', async () => {
    const path = temporaryPath()
    const program = "console.log('ready'); process.stdin.resume()"
    const running = startCommand(recording(path, program), { hold: true })
    await running.printed('ready')
    const { sessions, outputs } = openStores(path)
    for await (const { data } of outputs.follow('s-1', { after: 0 })) {
      if (data.includes('ready')) break
    }
    expect(sessions.get('s-1')).toMatchObject({ status: 'running', endedAt: undefined })
    running.process.stdin.end()
    expect((await running.result).code).toBe(0)
    expect(sessions.get('s-1')?.status).toBe('completed')
  })

  test('a recorded command reads the standard input', async () => {
    const path = temporaryPath()
    const input = 'to be or not to be'
    const { stdout } = await record(path, 'process.stdin.pipe(process.stdout)', { input })
    expect({ stdout, stored: stored(path).stdout }).toEqual({ stdout: input, stored: input })
  })

  test('gets an id of its own where none is given', async () => {
    const path = temporaryPath()
    for (let i = 0; i < 2; i++) {
      await runCommand(['record', '--db', path, process.execPath, '--version'])
    }
    const ids = openStores(path)
      .sessions.list()
      .map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
  })

  test('keeps the options that stand behind its name', async () => {
    const path = temporaryPath()
    const args = ['record', '--db', path, process.execPath, '-p', 'process.argv.slice(-4).join()']
    const { code, stdout } = await runCommand([...args, '--', '--db', 'x', '--json', '--slot'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '--db,x,--json,--slot\n' })
  })

  test('record --slot may name a slot that the file does not accept yet', async () => {
    const path = temporaryPath()
    openStores(path)
    expect((await runCommand(recording(path, '', '--slot', '5'))).stderr).toBe('')
    expect(stored(path).session?.slot).toBe(5)
  })

  test('is described as JSON at the end of the standard error', async () => {
    const path = temporaryPath()
    const { stdout, stderr } = await runCommand(recording(path, "console.error('e')", '--json'))
    expect(stdout).toBe('')
    const [first, last] = stderr.split('\n')
    expect(first).toBe('e')
    expect(JSON.parse(last!)).toEqual(JSON.parse(JSON.stringify(stored(path).session)))
  })
})

describe('the output of a recorded command', () => {
  test('output of any bytes passes unchanged, and is stored as text', async () => {
    const path = temporaryPath()
    const program = 'process.stdout.write(Buffer.from(Array.from({ length: 512 }, (_, i) => i)))'
    const { bytes } = await record(path, program)
    const expected = Buffer.from(Array.from({ length: 512 }, (_, i) => i))
    expect(bytes.equals(expected)).toBe(true)
    expect(stored(path).stdout).toBe(expected.toString())
  })

  test('output is stored whole where a chunk ends in the middle of a character', async () => {
    const path = temporaryPath()
    const program = `
      const bytes = Buffer.from('\\x1b[31m漢😀\\x1b[0m')
      const next = (i) => i < bytes.length && process.stdout.write(bytes.subarray(i, i + 1), () =>
        setTimeout(next, 5, i + 1))
      next(0)`
    await record(path, program)
    expect(stored(path).stdout).toBe('\x1b[31m漢😀\x1b[0m')
    expect([...openStores(path).outputs.iterate('s-1')].length).toBeGreaterThan(1)
  })

  test('megabytes of output arrive whole', async () => {
    const path = temporaryPath()
    const program = `for (let i = 0; i < 300_000; i++) console.log('line ' + i)`
    const { stdout } = await record(path, program)
    const expected = Array.from({ length: 300_000 }, (_, i) => `line ${i}\n`).join('')
    expect(stdout === expected).toBe(true)
    expect(stored(path).stdout === expected).toBe(true)
  })

  test.skipIf(process.platform === 'win32')(
    'ends the command as without a recorder once its reader has closed',
    async () => {
      const path = temporaryPath()
      const args = ['record', '--db', path, '--id', 's-1', '--', 'sh', '-c', 'exec yes']
      const { process: child, printed, result } = startCommand(args)
      await printed('y\ny\n')
      child.stdout.destroy()
      expect(await result).toMatchObject({ code: 141, signal: null, stderr: '' })
      expect(stored(path)).toMatchObject({ session: { status: 'failed', signal: 'SIGPIPE' } })
    },
  )

  test.skipIf(process.platform === 'win32')(
    'has 1000 alternating lines of output and errors in their order, where both go to one file',
    async () => {
      const path = temporaryPath()
      const file = join(temporaryFolder(), 'both')
      const script = 'i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done'
      const line = `"${process.execPath}" "${commandPath}" record --db "${path}" --id s-1 -- sh -c '${script}' > "${file}" 2>&1`
      execFileSync('sh', ['-c', line])
      const expected = Array.from({ length: 500 }, (_, i) => `out ${i}\nerr ${i}\n`).join('')
      expect(readFileSync(file, 'utf8')).toBe(expected)
      expect(stored(path).stdout).toBe(expected)
    },
  )
})

describe('a recorded command that fails', () => {
  test('record passes on the exit code of a command that fails', async () => {
    const path = temporaryPath()
    expect((await record(path, 'process.exit(3)')).code).toBe(3)
    expect(stored(path).session).toMatchObject({ status: 'failed', endedAt: expect.any(Date) })
  })

  test('because it cannot start exits with 127, and the reason is printed', async () => {
    const path = temporaryPath()
    const args = ['record', '--db', path, '--id', 's-1', '--', 'no-such-command', 'x']
    const { code, stderr } = await runCommand(args)
    const why = 'cannot run no-such-command: no such command\n'
    expect({ code, stderr }).toEqual({ code: 127, stderr: `gsd-sessions: ${why}` })
    expect(stored(path)).toEqual({ session: undefined, stdout: '', stderr: '' })
  })

  test.skipIf(process.platform === 'win32')(
    'because it may not be run exits with 126, and the reason is printed',
    async () => {
      const args = ['record', '--db', temporaryPath(), '--', '/etc/passwd']
      const { code, stderr } = await runCommand(args)
      expect({ code, stderr }).toEqual({
        code: 126,
        stderr: 'gsd-sessions: cannot run /etc/passwd: permission denied\n',
      })
    },
  )

  test.each([
    [['record']],
    [['record', '--slot', '0', '--', 'x']],
    [['record', '--slot', 'a', '--', 'x']],
    [['record', '--sloth', '1', '--', 'x']],
  ])('%j is a usage error', async (args) => {
    expect(await runCommand(args)).toMatchObject({ code: 2, stdout: '' })
  })
})

describe.skipIf(process.platform === 'win32')('a signal to the recorder', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)(
    'is passed on to the command: %s',
    async (name) => {
      const path = temporaryPath()
      const program = `
      process.on('${name}', () => { console.log('got ${name}'); process.exit(7) })
      setInterval(() => {}, 1000)
      console.log('ready')`
      const { signal, printed, result } = startCommand(recording(path, program))
      await printed('ready')
      signal(name)
      expect(await result).toMatchObject({ code: 7, signal: null, stdout: `ready\ngot ${name}\n` })
      expect(stored(path)).toMatchObject({
        session: { status: 'failed' },
        stdout: `ready\ngot ${name}\n`,
      })
    },
  )

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'that ends the command gives 128 plus its number: %s',
    async (name) => {
      const path = temporaryPath()
      const { code, signal } = await record(path, `process.kill(process.pid, '${name}')`)
      expect({ code, signal }).toEqual({ code: 128 + constants.signals[name], signal: null })
      expect(stored(path).session).toMatchObject({ status: 'failed', endedAt: expect.any(Date) })
    },
  )

  test('record ends although the command left a process behind', async () => {
    const path = temporaryPath()
    const args = ['record', '--db', path, '--id', 's-1', '--', 'sh', '-c', 'sleep 50 & echo $!.']
    const { signal, printed, result } = startCommand(args)
    await printed('.')
    // Signals before the command has ended go to it.
    const timer = setInterval(() => signal('SIGTERM'), 100)
    const { code, stdout } = await result
    clearInterval(timer)
    const left = Number.parseInt(stdout)
    onTestFinished(() => void process.kill(left, 'SIGKILL'))
    expect(process.kill(left, 0)).toBe(true)
    expect([0, 143]).toContain(code)
    expect(stored(path).session?.endedAt).toBeInstanceOf(Date)
  })
})

describe('a database that cannot be written', () => {
  test('record runs the command where the database cannot be opened, and says what is lost', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, 'no folder')
    const program = `for (let i = 0; i < 100; i++) console.log(i)
      process.exitCode = 4`
    const { code, stdout, stderr } = await record(join(file, 'sessions.db'), program)
    expect(code).toBe(4)
    expect(stdout.split('\n')).toHaveLength(101)
    const [first, second, third] = stderr.split('\n')
    expect(first).toMatch(/^gsd-sessions: .*cannot create the folder.*kept until it can be stored$/)
    expect(second).toMatch(/^gsd-sessions: what is not stored cannot be kept: /)
    expect(third).toBe('gsd-sessions: 290 B of the output are lost')
  })

  test('an id that is taken is refused before anything runs', async () => {
    const path = temporaryPath()
    const { sessions, outputs } = openStores(path)
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    const before = stored(path)
    const { code, stdout, stderr } = await record(path, 'console.log(1)')
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'gsd-sessions: there is a session "s-1" already\n',
    })
    expect(stored(path)).toEqual(before)
  })

  test('a lock of another program holds up neither the command nor its end, and nothing is lost', async () => {
    const path = temporaryPath()
    const { connection } = openStores(path)
    connection.db.exec('BEGIN IMMEDIATE')
    const { code, stdout, stderr } = await record(path, 'console.log(1); process.exitCode = 6')
    expect({ code, stdout }).toEqual({ code: 6, stdout: '1\n' })
    expect(stderr).toMatch(/database is locked; what is printed is kept until it can be stored\n/)
    expect(stderr).toMatch(
      /what is missing waits in .*-spool-s-1-\d+-end, and the next recording takes it in\n$/,
    )
    expect(spools(path)).toHaveLength(1)
    connection.db.exec('COMMIT')
    const next = [
      'record',
      '--db',
      path,
      '--id',
      's-2',
      '--',
      process.execPath,
      '-e',
      'setTimeout(() => {}, 500)',
    ]
    expect(await runCommand(next)).toMatchObject({ code: 0, stderr: '' })
    expect(spools(path)).toEqual([])
    expect(stored(path)).toMatchObject({
      session: { status: 'failed', exitCode: 6, startedAt: expect.any(Date) as Date },
      stdout: '1\n',
    })
  })

  test('a lock that ends meanwhile costs nothing but time', async () => {
    const path = temporaryPath()
    const { connection } = openStores(path)
    connection.db.exec('BEGIN IMMEDIATE')
    const program = `let i = 0
      const timer = setInterval(() => { console.log(++i); if (i === 20) clearInterval(timer) }, 50)`
    const running = startCommand(recording(path, program))
    await running.printed('10\n')
    connection.db.exec('COMMIT')
    expect(await running.result).toMatchObject({ code: 0 })
    const expected = Array.from({ length: 20 }, (_, i) => `${i + 1}\n`).join('')
    expect(stored(path)).toMatchObject({ session: { status: 'completed' }, stdout: expected })
    expect(spools(path)).toEqual([])
  })

  test('record stores the other chunks where the database refuses some', async () => {
    const path = temporaryPath()
    openStores(path).connection.db.exec(`
      CREATE TRIGGER no_secrets BEFORE INSERT ON session_outputs WHEN NEW.data LIKE '%secret%'
      BEGIN SELECT RAISE(ABORT, 'no secrets'); END`)
    const program = `console.error('one'); setTimeout(() => console.log('secret'), 50)
      setTimeout(() => console.log('secret'), 100); setTimeout(() => console.log('two'), 200)`
    const { code, stdout, stderr } = await record(path, program)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'secret\nsecret\ntwo\n' })
    expect(stderr.replace('one\n', '')).toBe(
      'gsd-sessions: OutputStore: a chunk of session "s-1" is not stored: no secrets\n',
    )
    expect(stored(path)).toMatchObject({ session: { status: 'completed' }, stdout: 'two\n' })
  })
})

// Windows lets nobody move or remove an open file.
describe.skipIf(process.platform === 'win32')('a database that goes away while it records', () => {
  const harms: [string, (path: string) => void][] = [
    ['moved', (path) => renameSync(path, `${path}.moved`)],
    ['removed', (path) => unlinkSync(path)],
    ['removed with its folder', (path) => rmSync(dirname(path), { recursive: true })],
    [
      'replaced by another one',
      (path) => {
        openConnection(`${path}.other`).close()
        renameSync(`${path}.other`, path)
      },
    ],
  ]

  test.each(harms)('is made again when it is %s, with what follows', async (_, harm) => {
    const path = join(temporaryFolder(), 'folder', 'sessions.db')
    const program = `
      console.log('before')
      process.stdin.once('data', () => {
        console.log('after')
        setTimeout(() => { console.log('the end'); process.exit(3) }, 700)
      })`
    const running = startCommand(recording(path, program), { hold: true })
    await running.printed('before')
    const { outputs, connection } = openStores(path)
    for await (const { data } of outputs.follow('s-1', { after: 0 })) {
      if (data.includes('before')) break
    }
    connection.close()
    harm(path)
    running.process.stdin.write('go\n')
    const { code, stdout, stderr } = await running.result
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'before\nafter\nthe end\n' })
    expect(stderr).toMatch(/^gsd-sessions: .*moved, removed or replaced.* new file\n$/)
    const { session, stdout: recorded } = stored(path)
    expect(session).toMatchObject({
      id: 's-1',
      status: 'failed',
      currentCommand: expect.any(String),
    })
    // What was appended just before may be in both files.
    expect(recorded).toMatch(/^(before\n)?after\nthe end\n$/)
    expect(openConnection(path).verify().problems).toEqual([])
  })
})
