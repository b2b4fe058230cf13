// `gsd-sessions export`.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExportFormat } from '@gsd/session-store'
import { runCommand, startCommand } from './support.js'
import { exported, formats } from '../../../__test__/support/exported.js'
import {
  naming,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
} from '../../../__test__/support/support.js'

/** Colours, a line that was drawn over, a title, a wide character and a chunk border inside a word. */
const CHUNKS = ['\x1b]0;title\x07\x1b[32mo', 'k\x1b[0m 漢\r\n', ' 1 %\r100 %\r\n', '\x9b?25hend']

function openSession() {
  const stores = openStores()
  stores.sessions.create(sampleSession({ status: 'completed', currentCommand: 'npm test' }))
  stores.outputs.appendMany(CHUNKS.map((data) => sampleOutput({ data })))
  const run = (args: string[], options = {}) =>
    runCommand(['export', '--db', stores.connection.path, ...args], options)
  return { ...stores, run }
}

/** A session with some MB of output, so that an export takes many steps. */
function openLarge(chunks: number) {
  const stores = openStores()
  const data = `${'x'.repeat(3_999)}\n`
  stores.outputs.appendMany(Array.from({ length: chunks }, () => sampleOutput({ data })))
  return stores.connection.path
}

describe('the exported file', () => {
  test.each<[string, ExportFormat]>([
    ['s-1.raw', 'raw'],
    ['s-1.txt', 'text'],
    ['s-1.html', 'html'],
    ['s-1.HTM', 'html'],
    ['s-1.ndjson', 'ndjson'],
    ['s-1.jsonl', 'ndjson'],
    ['s-1.cast', 'asciicast'],
  ])('named %s has the format %s', async (name, format) => {
    const { outputs, run } = openSession()
    const cwd = temporaryFolder()
    const { code, stdout, stderr } = await run(['s-1', name], { cwd })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(new RegExp(`${name}: 4 chunks, [\\d.]+ k?B\n$`))
    const file = join(cwd, name)
    expect(readFileSync(file, 'utf8')).toBe(await exported(outputs, format))
  })

  test.each(formats)('has the format %s where --format says so', async (format) => {
    const { outputs, run } = openSession()
    const file = join(temporaryFolder(), 'build.txt')
    expect(await run(['s-1', file, '--format', format])).toMatchObject({ code: 0 })
    expect(readFileSync(file, 'utf8')).toBe(await exported(outputs, format))
  })

  test('of a recording has the columns and rows that are asked for', async () => {
    const { outputs, run } = openSession()
    const file = join(temporaryFolder(), 's-1.cast')
    await run(['s-1', file, '--columns', '132', '--rows', '43'])
    const expected = await exported(outputs, 'asciicast', { columns: 132, rows: 43 })
    expect(readFileSync(file, 'utf8')).toBe(expected)
  })

  test('of a recording has the size of the session unless another one is asked for', async () => {
    const { sessions, outputs, run } = openSession()
    sessions.create({ ...sampleSession({ id: 's-2' }), columns: 101, rows: 33 })
    outputs.append(sampleOutput({ sessionId: 's-2' }))
    const file = join(temporaryFolder(), 's-2.cast')
    await run(['s-2', file])
    expect(readFileSync(file, 'utf8')).toContain('"width":101,"height":33')
  })

  test('a page has a player with --player, and no other format has', async () => {
    const { outputs, run } = openSession()
    const file = join(temporaryFolder(), 's-1.html')
    expect(await run(['s-1', file, '--player'])).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(file, 'utf8')).toBe(await exported(outputs, 'html', { player: true }))
    expect(await run(['s-1', '--format', 'text', '--player'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(
        '--player is for pages (html); the format is text',
      ) as unknown,
    })
  })

  test('is described as JSON with --json', async () => {
    const { run } = openSession()
    const file = join(temporaryFolder(), 's-1.raw')
    const { stdout } = await run(['s-1', file, '--json'])
    expect(JSON.parse(stdout)).toEqual({
      path: file,
      format: 'raw',
      outputs: 4,
      totalOutputs: 4,
      bytes: Buffer.byteLength(CHUNKS.join('')),
    })
  })

  test('export replaces an existing file only with --force', async () => {
    const { run } = openSession()
    const file = join(temporaryFolder(), 's-1.txt')
    writeFileSync(file, 'of yesterday')
    const { code, stdout, stderr } = await run(['s-1', file])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`gsd-sessions: ${JSON.stringify(file)} exists; --force replaces it\n`)
    expect(readFileSync(file, 'utf8')).toBe('of yesterday')
    expect(await run(['s-1', file, '--force'])).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(file, 'utf8')).toBe('ok 漢\n100 %\nend\n')
  })

  test('export refuses a folder, a pipe and a link to nothing as its file', async () => {
    const { run } = openSession()
    const folder = join(temporaryFolder(), 'folder.txt')
    mkdirSync(folder)
    const expectRefused = async (args: string[], ...words: string[]) => {
      for (const how of [args, [...args, '--force']]) {
        const { code, stdout, stderr } = await run(how)
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
        expect(stderr).toEqual(naming(...words))
        expect(stderr).toMatch(/^gsd-sessions: [^\n]+\n$/)
      }
    }
    await expectRefused(['s-1', folder], folder, 'it is a folder')
    if (process.platform === 'win32') return
    const pipe = join(temporaryFolder(), 'pipe.txt')
    execFileSync('mkfifo', [pipe])
    await expectRefused(['s-1', pipe], pipe, 'a pipe')
    expect(statSync(pipe).isFIFO()).toBe(true)
    const link = join(temporaryFolder(), 'link.txt')
    symlinkSync('nothing', link)
    await expectRefused(['s-1', link], link, 'a link to')
  })

  test('is not made for an unknown session', async () => {
    const { run } = openSession()
    const cwd = temporaryFolder()
    const { code, stderr } = await run(['no\x1bne', 'x.txt'], { cwd })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'gsd-sessions: there is no session "no\\u001bne"\n',
    })
    expect(readdirSync(cwd)).toEqual([])
  })

  test.skipIf(process.platform === 'win32').each([[['x.html']], [['-', '--format', 'html']]])(
    'is not left behind by a signal: %j',
    async (target) => {
      const path = openLarge(15_000)
      const cwd = temporaryFolder()
      const args = ['export', '--db', path, 's-1', ...target]
      const { code, stdout, stderr } = await runCommand(args, {
        cwd,
        env: { TMPDIR: cwd },
        terminal: 80,
        signalAtProgress: 'SIGINT',
      })
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
      expect(stderr).toMatch(/\x1b\[2Kgsd-sessions: stopped by SIGINT\n$/) // oxlint-disable-line no-control-regex
      expect(readdirSync(cwd)).toEqual([])
    },
  )

  test('export draws its progress on a terminal only', async () => {
    const path = openLarge(3_000)
    const args = ['export', '--db', path, 's-1', '--force', 'x.txt']
    const cwd = temporaryFolder()
    const { stderr } = await runCommand(args, { cwd, terminal: 80 })
    expect(stderr).toContain(`${'█'.repeat(30)} 100 %`)
    expect(stderr.endsWith('\x1b[2K')).toBe(true)
    expect((await runCommand(args, { cwd })).stderr).toBe('')
  })
})

describe('the standard output', () => {
  test.each([[['s-1']], [['s-1', '-']]])('has the stored bytes in a pipe: %j', async (args) => {
    const { outputs, run } = openSession()
    const TMPDIR = temporaryFolder()
    for (const format of formats) {
      const { code, stdout, stderr } = await run([...args, '--format', format], { env: { TMPDIR } })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toBe(await exported(outputs, format))
    }
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  test('has no harmful sequences on a terminal', async () => {
    const { run } = openSession()
    const seen = { raw: '\x1b[32mok\x1b[0m 漢\n100 %\nend\n', text: 'ok 漢\n100 %\nend\n' }
    for (const [format, text] of Object.entries(seen)) {
      const { stdout } = await run(['s-1', '--format', format], { terminal: 80 })
      expect(stdout).toBe(text)
    }
  })

  test('export --json prints its report on the standard error where the output is on the standard output', async () => {
    const { run } = openSession()
    const { stdout, stderr } = await run(['s-1', '--format', 'text', '--json'])
    expect(stdout).toBe('ok 漢\n100 %\nend\n')
    expect(JSON.parse(stderr)).toEqual({
      format: 'text',
      outputs: 4,
      totalOutputs: 4,
      bytes: Buffer.byteLength(stdout),
    })
  })

  test.skipIf(process.platform === 'win32')(
    'may lose its reader, and the command ends quietly',
    async () => {
      const TMPDIR = temporaryFolder()
      const args = ['export', '--db', openLarge(3_000), 's-1', '--format', 'raw']
      const { process: child, printed, result } = startCommand(args, { env: { TMPDIR } })
      await printed('x')
      // Nothing of it is left even while it prints.
      expect(readdirSync(TMPDIR)).toEqual([])
      child.stdout.destroy()
      expect(await result).toMatchObject({ code: 0, signal: null, stderr: '' })
    },
  )
})
