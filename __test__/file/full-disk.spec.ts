// A disk without space. Where this may mount a small file system of its own (root on Linux) the disk is a real one;
// the rest limits how many pages the file may have.
import { execFileSync } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inChild } from '../support/child.js'
import { openConnection, storedData, temporaryFolder, temporaryPath } from '../support/support.js'

/** The folder of a file system of its own with this many pages of 4 KiB. */
function smallDisk(pages: number): string {
  const folder = temporaryFolder()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${4 * pages}k`, 'tmpfs', folder], {
    stdio: 'ignore',
  })
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
  return folder
}

function mayMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    // The attempt has a mount namespace of its own, which nobody else sees.
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

const numbered = (length: number) => Array.from({ length }, (_, i) => `${i}`)

/** The numbers that the data of chunks starts with. */
const numbersOf = (data: unknown[]) => data.map((text) => String(text).split(' ')[0])

function expectSound(path: string): void {
  const connection = openConnection(path)
  expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
  connection.close()
}

const FULL = { type: 'SqliteError', code: 'SQLITE_FULL' }

/** How many chunks go into the file after there is space again. */
const AFTERWARDS = 10

/** Appends in a child until the disk, or the limit of 50 pages, is full. Then makes space, and appends more. */
function appendPastTheEnd(path: string, isDisk: boolean) {
  return inChild(
    ({ pkg, require, failureOf }, file, limitedByDisk, afterwards) => {
      const { rmSync, writeFileSync } = require('node:fs') as typeof import('node:fs')
      if (limitedByDisk) writeFileSync(`${file}.ballast`, Buffer.alloc(1 << 20))
      const connection = new pkg.DatabaseConnection(file)
      const outputs = new pkg.OutputStore(connection)
      if (!limitedByDisk) connection.db.pragma('max_page_count = 50')
      let acknowledged = 0
      const append = () => {
        const data = `${acknowledged} ${'x'.repeat(2_000)}`
        outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data })
        acknowledged++
      }
      let failure
      while (!failure) failure = failureOf(append)
      const filled = acknowledged
      const read = outputs.getBySession('s-1').length
      if (limitedByDisk) rmSync(`${file}.ballast`)
      else connection.db.pragma('max_page_count = 1000')
      for (let i = 0; i < afterwards; i++) append()
      connection.close()
      return { failure, filled, read }
    },
    [path, isDisk, AFTERWARDS],
  )
}

/** Expects every chunk in the file: those from before it was full, and those from afterwards. */
function expectAppended(path: string, seen: { filled: number; read: number }): void {
  expect(seen.filled).toBeGreaterThan(10)
  expect(seen.read).toBe(seen.filled)
  expect(numbersOf(storedData(path))).toEqual(numbered(seen.filled + AFTERWARDS))
  expectSound(path)
}

describe('a file with a limit of its pages', () => {
  test('an append fails at the limit of pages, and works once it is raised', async () => {
    const path = temporaryPath()
    const seen = await appendPastTheEnd(path, false)
    expect(seen.failure).toMatchObject(FULL)
    expectAppended(path, seen)
  })

  test('output that is written behind stays in the queue until the limit of pages is raised', async () => {
    const path = temporaryPath()
    const seen = await inChild(
      ({ pkg, failureOf }, file) => {
        const connection = new pkg.DatabaseConnection(file)
        const outputs = new pkg.OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
        connection.db.pragma('max_page_count = 50')
        for (let i = 0; i < 200; i++) {
          const data = `${i} ${'x'.repeat(2_000)}`
          outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data })
        }
        const failures = [failureOf(() => outputs.flush()), failureOf(() => connection.close())]
        connection.db.pragma('max_page_count = 1000')
        connection.close()
        return failures
      },
      [path],
    )
    expect(seen).toMatchObject([FULL, FULL])
    expect(numbersOf(storedData(path))).toEqual(numbered(200))
    expectSound(path)
  })
})

describe.skipIf(!mayMount())('a full disk (skipped where no file system may be mounted)', () => {
  test('an append fails on a full disk, and works once there is space', async () => {
    const path = `${smallDisk(512)}/sessions.db`
    const seen = await appendPastTheEnd(path, true)
    expect(seen.failure).toMatchObject(FULL)
    expectAppended(path, seen)
  })

  test('output that is written behind stays in the queue until there is space', async () => {
    const path = `${smallDisk(512)}/sessions.db`
    const seen = await inChild(
      async ({ pkg, require, failureOf }, file) => {
        const { rmSync, writeFileSync } = require('node:fs') as typeof import('node:fs')
        writeFileSync(`${file}.ballast`, Buffer.alloc(1 << 20))
        const connection = new pkg.DatabaseConnection(file)
        const told: unknown[] = []
        const outputs = new pkg.OutputStore(connection, {
          writeBehind: { maxDelay: 1, onError: (error) => told.push(error.code) },
        })
        let acknowledged = 0
        while (told.length === 0) {
          for (let i = 0; i < 10; i++) {
            const data = `${acknowledged} ${'x'.repeat(2_000)}`
            outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data })
            acknowledged++
          }
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
        const failures = [failureOf(() => outputs.flush()), failureOf(() => connection.close())]
        rmSync(`${file}.ballast`)
        outputs.flush()
        const read = outputs.getBySession('s-1').length
        connection.close()
        return { failures, told, read, acknowledged }
      },
      [path],
    )
    expect(seen.failures).toMatchObject([FULL, FULL])
    expect(seen.told).toEqual(['SQLITE_FULL'])
    expect(seen.read).toBe(seen.acknowledged)
    expect(numbersOf(storedData(path))).toEqual(numbered(seen.acknowledged))
    expectSound(path)
  })

  test('a full disk ends no process where the index of the log has to grow', async () => {
    const path = `${smallDisk(12_000)}/sessions.db`
    const seen = await inChild(
      ({ pkg, require, failureOf }, file) => {
        const fs = require('node:fs') as typeof import('node:fs')
        const connection = new pkg.DatabaseConnection(file)
        const outputs = new pkg.OutputStore(connection)
        const chunk = (data: string) =>
          ({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data }) as const
        // A reader keeps the log from starting over. The first part of its index has room for 4,062 pages.
        const reader = new pkg.DatabaseConnection(file)
        reader.db.exec('BEGIN; SELECT count(*) FROM session_outputs')
        let acknowledged = 0
        while (connection.walStatus().frames < 4_040) {
          outputs.append(chunk(`${acknowledged} ${'x'.repeat(9_000)}`))
          acknowledged++
        }
        const indexBefore = fs.statSync(`${file}-shm`).size
        const ballast = fs.openSync(`${file}.ballast`, 'w')
        const page = Buffer.alloc(4_096)
        let pages = 0
        try {
          for (;;) pages += fs.writeSync(ballast, page) === page.length ? 1 : 0
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
        // Frees one page after the other. The appends take them.
        const codes = new Set<unknown>()
        while (connection.walStatus().frames < 4_100) {
          const failure = failureOf(() => outputs.append(chunk(`${acknowledged} `)))
          if (failure) {
            codes.add(failure.code)
            fs.ftruncateSync(ballast, --pages * page.length)
          } else acknowledged++
        }
        const indexAfter = fs.statSync(`${file}-shm`).size
        reader.close()
        fs.ftruncateSync(ballast, 0)
        connection.close()
        return { acknowledged, codes: [...codes], indexBefore, indexAfter }
      },
      [path],
    )
    expect(seen).toMatchObject({
      codes: ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'],
      indexBefore: 32_768,
      indexAfter: 65_536,
    })
    expect(numbersOf(storedData(path))).toEqual(numbered(seen.acknowledged))
    expectSound(path)
  })

  test.each([
    ['a new file', false],
    ['a file with rows', true],
  ])(
    '%s can be opened once there is space, however little there was before',
    async (_what, exists) => {
      const folder = smallDisk(512)
      const seen = await inChild(
        ({ pkg, require, failureOf }, disk, withRows) => {
          const fs = require('node:fs') as typeof import('node:fs')
          const append = (path: string, data: string) => {
            const connection = new pkg.DatabaseConnection(path)
            try {
              new pkg.OutputStore(connection).append({
                sessionId: 's-1',
                timestamp: new Date(0),
                type: 'stdout',
                data,
              })
            } finally {
              connection.close()
            }
          }
          return Array.from({ length: 60 }, (_, free) => {
            const path = `${disk}/${free}.db`
            if (withRows) append(path, 'before')
            const ballast = fs.openSync(`${disk}/ballast`, 'w')
            let pages = 0
            try {
              for (;;) pages += fs.writeSync(ballast, Buffer.alloc(4_096)) / 4_096
            } catch (error) {
              if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
            }
            fs.ftruncateSync(ballast, (pages - free) * 4_096)
            const failure = failureOf(() => append(path, 'meanwhile'))
            fs.closeSync(ballast)
            fs.rmSync(`${disk}/ballast`)
            append(path, 'after')
            const connection = new pkg.DatabaseConnection(path)
            const data = new pkg.OutputStore(connection).getFullOutput('s-1')
            const sound = connection.db.pragma('integrity_check', { simple: true })
            connection.close()
            fs.rmSync(path)
            return { failure, data, sound }
          })
        },
        [folder, exists],
      )
      const failures = seen.map(({ failure }) => failure)
      expect(failures[0]?.message).toMatch(
        /^DatabaseConnection: cannot open ".*0\.db": .*disk (is|may be) full/,
      )
      expect(failures.at(-1)).toBeUndefined()
      for (const refused of failures.filter((failure) => failure !== undefined))
        expect(refused).toMatchObject({
          type: 'SqliteError',
          code: expect.stringMatching(/^SQLITE_(FULL|IOERR_SHMSIZE)$/) as string,
        })
      for (const { failure, data, sound } of seen) {
        const stored = [exists && 'before', !failure && 'meanwhile', 'after']
        expect([data, sound]).toEqual([stored.filter(Boolean).join('\n'), 'ok'])
      }
    },
  )
})
