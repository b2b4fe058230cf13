// Files beside a database that somebody else put there: `-wal`, `-shm` and `-journal`.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DatabaseConnection, OutputStore, salvage, type DatabaseOptions } from '../../index.js'
import { inChild, startChild } from '../support/child.js'
import { runCommand } from '../../packages/cli/test/support.js'
import {
  failureOf,
  fileHash,
  fileMode,
  naming,
  openConnection,
  openStores,
  rejectionOf,
  sampleOutput,
  storedData,
  temporaryFolder,
  temporaryPath,
  type Failure,
} from '../support/support.js'

const isWindows = process.platform === 'win32'
const isRoot = process.getuid?.() === 0

/** A user without rights, and a group without members. */
const NOBODY = 65_534
const TEAM = 54_321

const SUFFIXES = ['-wal', '-shm', '-journal']

/** The ways to open a file that exists. */
const WAYS: DatabaseOptions[] = [{}, { readonly: true }, { fileMustExist: true }]

/** A closed file with one chunk. */
function closedFile(data = 'mine'): string {
  const path = temporaryPath()
  const { connection, outputs } = openStores(path)
  outputs.append(sampleOutput({ data }))
  connection.close()
  return path
}

/** A log of a copy of a file, in which all chunks are replaced by one. */
function forgedLog(path: string): string {
  const copy = temporaryPath()
  copyFileSync(path, copy)
  const { connection, outputs } = openStores(copy)
  outputs.deleteBySession('s-1')
  outputs.append(sampleOutput({ data: 'planted' }))
  const log = join(temporaryFolder(), 'log')
  copyFileSync(`${copy}-wal`, log)
  connection.close()
  return log
}

function refusal(path: string, ...words: string[]): Failure {
  return { type: 'SqliteError', code: 'SQLITE_CANTOPEN', message: naming(path, ...words) }
}

function openFailure(path: string, options?: DatabaseOptions): Failure | undefined {
  return failureOf(() => new DatabaseConnection(path, options).close())
}

/** Expects that every way of opening is refused and changes nothing. The advice must not cost a user any commit. */
function expectRefused(path: string, suffix: string, ...words: string[]): void {
  const companion = path + suffix
  const before = { file: fileHash(path), companion: lstatSync(companion, { bigint: true }) }
  for (const options of WAYS) {
    const failure = openFailure(path, options)
    expect(failure).toEqual(
      refusal(path, companion, 'who made it', 'a folder of your own', ...words),
    )
    expect(failure?.message).not.toMatch(/\b(delete|remove|rm|unlink)\b/i)
  }
  const { atimeNs: _, atimeMs: _ms, atime: _at, ...after } = lstatSync(companion, { bigint: true })
  expect(before.companion).toMatchObject(after)
  expect(fileHash(path)).toBe(before.file)
}

describe.skipIf(isWindows).each(SUFFIXES)('a %s that is not a plain file of its own', (suffix) => {
  test(`a ${suffix} that is a link is refused, and the file it leads to stays as it was`, () => {
    const path = closedFile()
    const notes = join(temporaryFolder(), 'notes')
    writeFileSync(notes, 'notes')
    symlinkSync(notes, path + suffix)
    expectRefused(path, suffix, 'symbolic link')
    expect(readFileSync(notes, 'utf8')).toBe('notes')
  })

  test(`a ${suffix} that is a link to nothing is refused, and nothing is made where it leads`, () => {
    const path = closedFile()
    const notes = join(temporaryFolder(), 'notes')
    symlinkSync(notes, path + suffix)
    expectRefused(path, suffix, 'symbolic link')
    expect(existsSync(notes)).toBe(false)
  })

  test(`a ${suffix} that is a pipe or a folder is refused at once`, () => {
    const path = closedFile()
    execFileSync('mkfifo', [path + suffix])
    expectRefused(path, suffix, 'no plain file')
    rmSync(path + suffix)
    mkdirSync(path + suffix)
    expectRefused(path, suffix, 'no plain file')
    expect(lstatSync(path + suffix).isDirectory()).toBe(true)
  })

  test(`a ${suffix} that is another name of some file is refused, and that file stays as it was`, () => {
    const path = closedFile()
    const notes = join(dirname(path), 'notes')
    writeFileSync(notes, 'notes')
    linkSync(notes, path + suffix)
    expectRefused(path, suffix, '2 names', 'hard link')
    expect(readFileSync(notes, 'utf8')).toBe('notes')
  })

  test(`a ${suffix} that is a link is refused where the database is opened by a link as well`, () => {
    const path = closedFile()
    const link = join(temporaryFolder(), 'link.db')
    symlinkSync(path, link)
    symlinkSync('notes', path + suffix)
    expect(openFailure(link)).toEqual(refusal(link, path + suffix, 'symbolic link'))
  })

  test(`a ${suffix} that is a link is refused where there is no database, and none is made`, () => {
    const path = temporaryPath()
    symlinkSync('notes', path + suffix)
    expect(openFailure(path)).toEqual(refusal(path, path + suffix, 'symbolic link'))
    expect(existsSync(path)).toBe(false)
  })
})

describe.skipIf(isWindows)('a database and its companions', () => {
  test('a database and its log may have second names, as in a copy of a folder by hard links', async () => {
    const path = closedFile()
    const log = await logOfKilled(path)
    const snapshot = temporaryFolder()
    linkSync(path, join(snapshot, 'sessions.db'))
    linkSync(log, join(snapshot, 'sessions.db-wal'))
    expect(storedData(path)).toEqual(['mine', 'of the killed'])
  })

  test('a database keeps what is in the log of a process that was killed', async () => {
    const path = closedFile()
    await logOfKilled(path)
    expect(storedData(path)).toEqual(['mine', 'of the killed'])
  })

  test('an empty log that others may read becomes as private as the database', () => {
    const path = closedFile()
    writeFileSync(`${path}-wal`, '')
    chmodSync(`${path}-wal`, 0o666)
    const { connection } = openStores(path)
    expect(SUFFIXES.slice(0, 2).map((suffix) => fileMode(path + suffix))).toEqual(['0600', '0600'])
    expect(connection.verify().ok).toBe(true)
  })
})

test.skipIf(isWindows)(
  'a log that holds something keeps its mode, and a warning says so',
  async () => {
    const path = closedFile()
    const log = await logOfKilled(path)
    chmodSync(log, 0o666)
    expect(await warningsOf([path, path])).toEqual([
      { code: 'GSD_SESSION_STORE_MODE', message: naming(log, '0666', '0600', 'chmod') },
    ])
    expect(storedData(path)).toEqual(['mine', 'of the killed'])
  },
)

/** Has a process append to the file and be killed; gives the log that it leaves. */
async function logOfKilled(path: string): Promise<string> {
  const child = startChild(
    ({ pkg }, file) => {
      const outputs = new pkg.OutputStore(new pkg.DatabaseConnection(file))
      const timestamp = new Date(0)
      outputs.append({ sessionId: 's-1', timestamp, type: 'stdout', data: 'of the killed' })
      process.kill(process.pid, 'SIGKILL')
    },
    [path],
  )
  expect((await child.outcome).signal).toBe('SIGKILL')
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
  return `${path}-wal`
}

describe.skipIf(isWindows)('a log that takes the place of the one in use', () => {
  test('a log that replaces the one in use is refused by a backup, an export and a new connection', async () => {
    const { connection, outputs } = openStores()
    outputs.append(sampleOutput({ data: 'mine' }))
    const log = `${connection.path}-wal`
    // There is a log at every moment: whoever finds none makes one.
    linkSync(log, `${log}.away`)
    symlinkSync(`${log}.away`, `${log}.new`)
    renameSync(`${log}.new`, log)
    const words = ['symbolic link', 'who made it']
    const target = temporaryPath()
    expect(await rejectionOf(connection.backup(target))).toEqual(refusal(log, ...words))
    expect(await rejectionOf(outputs.exportTo('s-1', target, { format: 'raw' }))).toEqual(
      refusal(log, ...words),
    )
    expect(existsSync(target)).toBe(false)
    expect(openFailure(connection.path)).toEqual(refusal(connection.path, ...words))
    rmSync(log)
    renameSync(`${log}.away`, log)
    outputs.append(sampleOutput({ data: 'more' }))
    connection.close()
    expect(storedData(connection.path)).toEqual(['mine', 'more'])
  })

  test('a log that is a pipe is refused by a salvage, which does not wait for it', async () => {
    const path = closedFile()
    execFileSync('mkfifo', [`${path}-wal`])
    const target = temporaryPath()
    expect(await rejectionOf(salvage(path, target))).toEqual(refusal(path, 'no plain file'))
    expect(existsSync(target)).toBe(false)
  })

  test('a log beside the new file of a salvage is refused', async () => {
    const path = closedFile()
    const target = temporaryPath()
    copyFileSync(forgedLog(path), `${target}-wal`)
    expect(await rejectionOf(salvage(path, target))).toEqual(refusal(target, `${target}-wal`))
    expect(existsSync(target)).toBe(false)
  })
})

describe.skipIf(isWindows || !isRoot)(
  'a companion of another user (which only root can make here)',
  () => {
    test.each(SUFFIXES)(
      'an empty %s of another user that everybody may read is refused',
      (suffix) => {
        const path = closedFile()
        writeFileSync(path + suffix, '')
        chmodSync(path + suffix, 0o666)
        chownSync(path + suffix, NOBODY, NOBODY)
        expectRefused(path, suffix, `${NOBODY}`, 'chown')
        chownSync(path + suffix, 0, 0)
        expect(storedData(path)).toEqual(['mine'])
      },
    )

    test('a valid log of another user is refused, and does not replace what is stored', () => {
      const path = closedFile()
      copyFileSync(forgedLog(path), `${path}-wal`)
      chownSync(`${path}-wal`, NOBODY, NOBODY)
      expectRefused(path, '-wal', `${NOBODY}`, 'chown')
      rmSync(`${path}-wal`)
      expect(storedData(path)).toEqual(['mine'])
    })

    test('a log of another user is refused where there is no database, and none is made', () => {
      const path = temporaryPath()
      writeFileSync(`${path}-wal`, '')
      chownSync(`${path}-wal`, NOBODY, NOBODY)
      expect(openFailure(path)).toEqual(refusal(path, `${path}-wal`, `${NOBODY}`))
      expect(existsSync(path)).toBe(false)
    })

    test.each([
      ['of the owner of the database', 0o600, [NOBODY, NOBODY], [NOBODY, NOBODY]],
      [
        'of a user in the group of a database that the group may write',
        0o660,
        [0, TEAM],
        [NOBODY, TEAM],
      ],
      ['of anybody beside a database that everybody may write', 0o666, [0, 0], [NOBODY, NOBODY]],
      ['of root', 0o600, [NOBODY, NOBODY], [0, 0]],
    ])('a log %s is accepted', (_, mode, [user = 0, group = 0], [logUser = 0, logGroup = 0]) => {
      const path = closedFile()
      chmodSync(path, mode)
      chownSync(path, user, group)
      writeFileSync(`${path}-wal`, '')
      chownSync(`${path}-wal`, logUser, logGroup)
      expect(storedData(path)).toEqual(['mine'])
    })

    test.each([
      ['of a user in the group of a database that the group may only read', 0o640, TEAM, 0o700],
      ['of a user in another group than that of the database', 0o660, NOBODY, 0o700],
      ['of another user in a folder that passes its group on to new files', 0o660, TEAM, 0o2777],
    ])('a log %s is refused', (_, mode, logGroup, folderMode) => {
      const path = closedFile()
      chownSync(path, 0, TEAM)
      chmodSync(path, mode)
      chownSync(dirname(path), 0, TEAM)
      chmodSync(dirname(path), folderMode)
      writeFileSync(`${path}-wal`, '')
      chownSync(`${path}-wal`, NOBODY, logGroup)
      expectRefused(path, '-wal', `${NOBODY}`, 'chown')
      expect(lstatSync(`${path}-wal`).uid).toBe(NOBODY)
    })

    test('a log that a process of another user planted in a shared folder is refused', async () => {
      const path = closedFile()
      const folder = dirname(path)
      chmodSync(folder, 0o1777)
      const log = forgedLog(path)
      chmodSync(dirname(log), 0o755)
      chmodSync(log, 0o644)
      const planted = spawnSync('cp', [log, `${path}-wal`], { uid: NOBODY, gid: NOBODY })
      expect(planted.status).toBe(0)
      expectRefused(path, '-wal', `${NOBODY}`, 'chown')
      expect((await runCommand(['verify', '--db', path])).code).toBe(1)
    })

    test('a log of a third user is refused to a user who reads the file of another', async () => {
      const path = closedFile()
      chmodSync(dirname(path), 0o755)
      chmodSync(path, 0o644)
      writeFileSync(`${path}-wal`, '')
      chownSync(`${path}-wal`, TEAM, TEAM)
      const failure = await inChild(
        ({ pkg, failureOf: failing }, file) => {
          process.setuid?.(65_534)
          return failing(() => new pkg.DatabaseConnection(file, { readonly: true }).close()) ?? null
        },
        [path],
      )
      expect(failure).toEqual(refusal(path, `${path}-wal`, `${TEAM}`))
    })

    test('a log of another user in the place of the one in use stops a backup, and append goes on', async () => {
      const { connection, outputs } = openStores()
      outputs.append(sampleOutput({ data: 'mine' }))
      const behind = new OutputStore(connection, { writeBehind: true })
      const log = `${connection.path}-wal`
      // The thread that checkpoints has opened the log: SQLite gives one that it opens to the owner of the database.
      await expect.poll(() => connection.walStatus().framesLeft, { timeout: 20_000 }).toBe(0)
      renameSync(log, `${log}.away`)
      writeFileSync(log, '')
      chownSync(log, NOBODY, NOBODY)
      expect(await rejectionOf(connection.backup(temporaryPath()))).toEqual(refusal(log, 'chown'))
      expect(statSync(log).size).toBe(0)
      rmSync(log)
      renameSync(`${log}.away`, log)
      behind.append(sampleOutput({ data: 'more' }))
      behind.flush()
      connection.close()
      expect(storedData(connection.path)).toEqual(['mine', 'more'])
    })
  },
)

/** Opens files in a process of its own, and gives the warnings that it prints. */
function warningsOf(paths: string[]): Promise<{ code: string; message: string }[]> {
  return inChild(
    async ({ pkg }, files) => {
      const warnings: { code: string; message: string }[] = []
      process.on('warning', (warning) => {
        const { code = '', message } = warning as Error & { code?: string }
        warnings.push({ code, message })
      })
      for (const file of files) new pkg.DatabaseConnection(file).close()
      await new Promise((resolve) => setTimeout(resolve, 50))
      return warnings.filter(({ code }) => code.startsWith('GSD_'))
    },
    [paths],
  )
}

const expectedWarning = (folder: string, ...words: string[]) => ({
  code: 'GSD_SESSION_STORE_FOLDER',
  message: naming(folder, 'chmod', 'a folder of your own', ...words),
})

describe.skipIf(isWindows)('a folder in which others may replace files', () => {
  test.each([['0777'], ['0757'], ['2777']])(
    'a folder of mode %s causes one warning',
    async (mode) => {
      const folder = temporaryFolder()
      chmodSync(folder, Number.parseInt(mode, 8))
      const paths = ['a.db', 'b.db', 'a.db'].map((name) => join(folder, name))
      expect(await warningsOf(paths)).toEqual([expectedWarning(folder)])
    },
  )

  test.each([['0700'], ['0755'], ['1777'], ['1770']])(
    'a folder of mode %s causes no warning',
    async (mode) => {
      const folder = temporaryFolder()
      chmodSync(folder, Number.parseInt(mode, 8))
      expect(await warningsOf([join(folder, 'a.db')])).toEqual([])
    },
  )

  test('a warning about the folder is printed by the command in one line on the standard error', async () => {
    const path = closedFile()
    onTestFinished(() => chmodSync(dirname(path), 0o700))
    chmodSync(dirname(path), 0o777)
    const { code, stdout, stderr } = await runCommand(['verify', '--db', path])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ok\n' })
    expect(stderr).toMatch(/^gsd-sessions: warning: [^\n]+\n$/)
    expect(stderr).toContain(dirname(path))
  })

  test.skipIf(!isRoot)(
    'a folder of another user, or that another group may write to, causes a warning',
    async () => {
      const folders = [temporaryFolder(), temporaryFolder(), temporaryFolder()]
      const [theirs = '', group = '', team = ''] = folders
      const paths = folders.map((folder) => join(folder, 'a.db'))
      for (const path of paths) openConnection(path).close()
      chownSync(theirs, NOBODY, NOBODY)
      chmodSync(group, 0o770)
      chownSync(group, 0, TEAM)
      // Who may write to the folder may write to the database as well.
      chmodSync(team, 0o770)
      chownSync(team, 0, TEAM)
      chownSync(join(team, 'a.db'), 0, TEAM)
      chmodSync(join(team, 'a.db'), 0o660)
      expect(await warningsOf(paths)).toEqual([
        expectedWarning(theirs, `${NOBODY}`),
        expectedWarning(group),
      ])
    },
  )
})
