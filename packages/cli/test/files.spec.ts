// `gsd-sessions verify` and `backup`.
import { closeSync, existsSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandPath, runCommand } from './support.js'
import {
  everyRow,
  fileHash,
  naming,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
  temporaryPath,
} from '../../../__test__/support/support.js'
import { looked, noTargets } from '../../../__test__/support/targets.js'

/** A closed file with one session, which has `chunks` chunks of 1 kB. */
function fileWith(chunks: number): string {
  const path = temporaryPath()
  const { connection, sessions, outputs } = openStores(path)
  sessions.create(sampleSession())
  outputs.appendMany(Array.from({ length: chunks }, () => sampleOutput({ data: 'x'.repeat(1000) })))
  connection.close()
  return path
}

/** Overwrites some pages after the first ones. */
function damage(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(20_000, 0xab), 0, 20_000, 100_000)
  closeSync(file)
}

describe('verify', () => {
  test('verify prints ok for a sound file', async () => {
    const path = fileWith(10)
    const before = fileHash(path)
    expect(await runCommand(['verify', '--db', path])).toMatchObject({
      code: 0,
      stdout: 'ok\n',
      stderr: '',
    })
    const { stdout } = await runCommand(['verify', '--json', '--db', path])
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, problems: [], orphanedOutputs: 0 })
    expect(fileHash(path)).toBe(before)
  })

  test('verify names the problems of a damaged file, and exits with 1', async () => {
    const path = fileWith(500)
    damage(path)
    const { code, stdout, stderr } = await runCommand(['verify', '--db', path])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    const asJson = await runCommand(['verify', '--json', '--db', path])
    expect(asJson.code).toBe(1)
    const { problems } = JSON.parse(asJson.stdout) as { problems: string[] }
    expect(problems).not.toEqual([])
    expect(stdout.trimEnd().split('\n')).toHaveLength(problems.length)
  })
})

describe('backup', () => {
  test('backup copies a file that is in use', async () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    const copy = temporaryPath()
    const { code, stdout, stderr } = await runCommand(['backup', '--db', connection.path, copy])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/sessions\.db: \d+ pages\n$/)
    expect(everyRow(openConnection(copy))).toEqual(everyRow(connection))
  })

  test('backup --json prints the path of the copy', async () => {
    const folder = temporaryFolder()
    const path = fileWith(1)
    const { stdout } = await runCommand(['backup', '--json', '--db', path, 'copy.db'], {
      cwd: folder,
    })
    const told = JSON.parse(stdout) as { path: string; totalPages: number }
    expect(told.totalPages).toBeGreaterThan(0)
    expect(readdirSync(folder)).toEqual(['copy.db'])
    expect(fileHash(told.path)).toBe(fileHash(join(folder, 'copy.db')))
  })

  test('backup draws its progress on a terminal only, and erases it', async () => {
    const path = fileWith(5000)
    const { stderr } = await runCommand(['backup', '--db', path, temporaryPath()], { terminal: 80 })
    expect(stderr).toContain(`${'█'.repeat(30)} 100 %`)
    expect(stderr.endsWith('\x1b[2K')).toBe(true)
    expect((await runCommand(['backup', '--db', path, temporaryPath()])).stderr).toBe('')
  })

  test('backup fails with one line where the copy cannot be written', async () => {
    const path = fileWith(1)
    const copy = join(commandPath, 'copy.db')
    const { code, stdout, stderr } = await runCommand(['backup', '--db', path, copy])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^gsd-sessions: [^\n]+\n$/)
  })

  test('backup onto the database itself fails, and leaves the file as it was', async () => {
    const path = fileWith(1)
    const before = fileHash(path)
    expect((await runCommand(['backup', '--db', path, path])).code).toBe(1)
    expect(fileHash(path)).toBe(before)
  })

  describe.skipIf(process.platform === 'win32').each(noTargets)('onto %s', (_, make, words) => {
    test('backup refuses a target that is no plain file, and leaves it as it is', async ({
      skip,
    }) => {
      const folder = temporaryFolder()
      const copy = join(folder, 'copy.db')
      if (!(await make(copy))) return skip('this user may not make one')
      const before = looked(folder)
      const { code, stdout, stderr } = await runCommand(['backup', '--db', fileWith(1), copy])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toEqual(naming('gsd-sessions', copy, words))
      expect(looked(folder)).toEqual(before)
    })
  })

  test('backup needs the path of the copy', async () => {
    expect(await runCommand(['backup'])).toMatchObject({ code: 2, stdout: '' })
  })

  test.skipIf(process.platform === 'win32')(
    'backup leaves the target as it was when a signal stops it',
    async () => {
      const path = fileWith(100_000)
      const copy = temporaryPath()
      writeFileSync(copy, 'what was there')
      const before = fileHash(copy)
      const options = { terminal: 80, signalAtProgress: 'SIGINT' as const }
      const { code, stderr } = await runCommand(['backup', '--db', path, copy], options)
      expect(code).toBe(130)
      expect(stderr).toMatch(/gsd-sessions: stopped by SIGINT\n$/)
      expect(fileHash(copy)).toBe(before)
      expect(readdirSync(dirname(copy))).toEqual(['sessions.db'])
      expect(existsSync(path)).toBe(true)
    },
  )
})
