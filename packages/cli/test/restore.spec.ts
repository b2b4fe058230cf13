// `gsd-sessions restore`.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, restore, salvage } from '@gsd/session-store'
import { runCommand } from './support.js'
import { startChild } from '../../../__test__/support/child.js'
import {
  fileHash,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
} from '../../../__test__/support/support.js'

/** A closed file with one session, in a folder of its own. */
function fileWith(id: string, path = join(temporaryFolder(), `${id}.db`)): string {
  const { connection, sessions, outputs } = openStores(path)
  sessions.create(sampleSession({ id }))
  outputs.append(sampleOutput({ sessionId: id }))
  connection.close()
  return path
}

function idsIn(path: string): string[] {
  const { connection, sessions } = openStores(path, { fileMustExist: true })
  const ids = sessions.list().map(({ id }) => id)
  expect(connection.verify().problems).toEqual([])
  connection.close()
  return ids
}

const namesBeside = (path: string) => readdirSync(dirname(path)).sort()

/** A database and its log, as a process leaves them that was killed. */
async function killedWith(id: string): Promise<string> {
  const path = join(temporaryFolder(), `${id}.db`)
  const source = startChild(
    async ({ pkg, meet }, file, session) => {
      const connection = new pkg.DatabaseConnection(file)
      const sessions = new pkg.SessionStore(connection)
      sessions.create({
        id: session,
        slot: 1,
        status: 'idle',
        workingDir: '/',
        startedAt: new Date(),
      })
      await meet('stored')
      process.kill(process.pid, 'SIGKILL')
    },
    [path, id],
  )
  await source.met('stored')
  source.resume()
  await source.outcome
  expect(existsSync(`${path}-wal`)).toBe(true)
  return path
}

describe('restore', () => {
  test('puts a backup in the place of the database, and keeps the old one with what its log held', async () => {
    const backup = fileWith('backed-up')
    const path = await killedWith('old')
    const { code, stdout, stderr } = await runCommand(['restore', backup, '--to', path])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /sessions|old\.db: \d+ pages\nthe old database is now .*before-restore\n/,
    )
    expect(namesBeside(path)).toEqual(['old.db', 'old.db.before-restore'])
    expect(idsIn(path)).toEqual(['backed-up'])
    expect(idsIn(`${path}.before-restore`)).toEqual(['old'])
    expect(idsIn(backup)).toEqual(['backed-up'])
  })

  test('restores what backup made of a database in use, over and over', async () => {
    const path = fileWith('one')
    const copy = join(temporaryFolder(), 'copy.db')
    expect((await runCommand(['backup', '--db', path, copy])).code).toBe(0)
    for (const kept of ['.before-restore', '.before-restore-2']) {
      const { stdout } = await runCommand(['restore', '--json', '--db', path, copy])
      expect(JSON.parse(stdout)).toEqual({
        path,
        totalPages: expect.any(Number),
        kept: expect.stringMatching(new RegExp(`${kept}$`)),
      })
    }
    expect(idsIn(path)).toEqual(['one'])
  })

  test('makes a database where there was none, private, with its folders', async () => {
    const path = join(temporaryFolder(), 'a', 'b', 'new.db')
    const { stdout } = await runCommand(['restore', '--json', fileWith('one')], {
      env: { GSD_SESSIONS_DB: path },
    })
    expect(JSON.parse(stdout)).toMatchObject({ path, kept: null })
    expect(idsIn(path)).toEqual(['one'])
    expect(statSync(path).mode & 0o077).toBe(0)
  })

  test('keeps the mode of the old database, and a link to it', async () => {
    const path = fileWith('old')
    chmodSync(path, 0o640)
    symlinkSync(path, `${path}.link`)
    expect((await runCommand(['restore', fileWith('new'), '--to', `${path}.link`])).code).toBe(0)
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(idsIn(`${path}.link`)).toEqual(['new'])
  })

  test('keeps a damaged database, of which salvage still reads what its log held', async () => {
    const path = await killedWith('old')
    writeFileSync(path, 'x'.repeat(statSync(path).size))
    expect((await runCommand(['restore', fileWith('new'), '--to', path])).code).toBe(0)
    expect(idsIn(path)).toEqual(['new'])
    const saved = join(temporaryFolder(), 'saved.db')
    expect(await salvage(`${path}.before-restore`, saved)).toMatchObject({ sessions: 1 })
  })

  test('does not take a log that a removed database left behind', async () => {
    const killed = await killedWith('old')
    const path = join(temporaryFolder(), 'sessions.db')
    copyFileSync(`${killed}-wal`, `${path}-wal`)
    expect((await runCommand(['restore', fileWith('new'), '--to', path])).code).toBe(0)
    expect(idsIn(path)).toEqual(['new'])
    expect(namesBeside(path)).toEqual(['sessions.db', 'sessions.db.before-restore-wal'])
  })
})

describe('restore refuses, and leaves everything as it was', () => {
  /** What came of it, and whether `path` and what is beside it are what they were. */
  async function outcomeOf(args: string[], path: string) {
    const look = () => ({ names: namesBeside(path), hash: existsSync(path) && fileHash(path) })
    const before = look()
    const { code, stdout, stderr } = await runCommand(['restore', ...args])
    return { code, stdout, stderr, isUnchanged: isDeepStrictEqual(look(), before) }
  }

  const refusal = (why: RegExp) => ({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(why),
    isUnchanged: true,
  })

  test.each(['writes', 'only reads', 'is damaged'])(
    'a database that somebody has open who %s',
    async (how) => {
      const path = fileWith('old')
      const user = startChild(
        async ({ pkg, meet }, file, readonly) => {
          const connection = new pkg.DatabaseConnection(file, { readonly })
          new pkg.SessionStore(connection).list()
          await meet('open')
          connection.close()
        },
        [path, how === 'only reads'],
      )
      await user.met('open')
      if (how === 'only reads') writeFileSync(join(dirname(path), 'other'), '')
      if (how === 'is damaged') {
        const bytes = readFileSync(path)
        // In place: a new file would be another one.
        writeFileSync(path, bytes.fill(1, 0, 100), { flag: 'r+' })
      }
      expect(await outcomeOf([fileWith('new'), '--to', path], path)).toEqual(
        refusal(/somebody has .* open/),
      )
      user.resume()
      await user.outcome
    },
  )

  test('a database that this process has open', async () => {
    const path = fileWith('old')
    const { connection } = openStores(path)
    await expect(restore(fileWith('new'), path)).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    connection.close()
    await expect(restore(fileWith('new'), path)).resolves.toMatchObject({
      totalPages: expect.any(Number),
    })
  })

  test('a file onto itself, by whatever name', async () => {
    const path = fileWith('old')
    symlinkSync(basename(path), `${path}.link`)
    for (const to of [path, `${path}.link`, `${path}-wal`]) {
      expect(await outcomeOf([path, '--to', to], path)).toEqual(refusal(/the backup itself/))
    }
  })

  test('what is no sound session store', async () => {
    const path = fileWith('old')
    const folder = temporaryFolder()
    const text = join(folder, 'text')
    writeFileSync(text, 'no database '.repeat(999))
    writeFileSync(join(folder, 'empty'), '')
    const damaged = fileWith('damaged')
    const bytes = readFileSync(damaged)
    writeFileSync(damaged, bytes.fill(7, 4_096))
    const other = join(folder, 'other.db')
    const another = new DatabaseConnection(':memory:')
    another.db.exec(`ATTACH '${other}' AS o; CREATE TABLE o.t (x)`)
    another.close()
    for (const backup of [
      text,
      join(folder, 'empty'),
      damaged,
      other,
      join(folder, 'none'),
      folder,
    ]) {
      expect(await outcomeOf([backup, '--to', path], path)).toEqual(
        refusal(/^gsd-sessions: restore: /),
      )
    }
  })

  test.skipIf(process.platform === 'win32')(
    'a device, a folder or a broken link as the database',
    async () => {
      const folder = join(temporaryFolder(), 'folder')
      mkdirSync(folder)
      symlinkSync('nowhere', `${folder}.link`)
      for (const path of ['/dev/null', folder, `${folder}.link`]) {
        const { code, stderr } = await runCommand(['restore', fileWith('new'), '--to', path])
        expect(code).toBe(1)
        expect(stderr).toMatch(/device|folder|link/)
      }
    },
  )
})

test('After a restoration every session is told as changed, and those that are gone as removed', async () => {
  const path = join(temporaryFolder(), 'a.db')
  const { connection, sessions } = openStores(path)
  sessions.create(sampleSession({ id: 'old' }))
  const backup = join(temporaryFolder(), 'backup.db')
  await connection.backup(backup)
  for (let i = 0; i < 9; i++) sessions.create(sampleSession({ id: `new-${i}` }))
  const { cursor } = sessions.changes()
  connection.close()
  await restore(backup, path)
  const again = openStores(path)
  for (let i = 0; i < 12; i++) again.sessions.create(sampleSession({ id: `later-${i}` }))
  const { changes } = again.sessions.changes({ after: cursor })
  const told = (removed: boolean) => changes.filter((one) => one.removed === removed).length
  expect([told(false), told(true)]).toEqual([13, 9])
  expect(again.connection.verify().problems).toEqual([])
})
