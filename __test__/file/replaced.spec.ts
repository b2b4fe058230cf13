// A database file that is moved, removed or replaced while it is open is noticed, and not written to.
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore, type SqliteError } from '../../index.js'
import { inChild } from '../support/child.js'
import {
  failureOf,
  openConnection,
  sampleOutput,
  sampleSession,
  storedData,
  temporaryFolder,
} from '../support/support.js'

/** After so many milliseconds the next write looks again. */
const NOTICED = 300

const MOVED = { type: 'SqliteError', code: 'SQLITE_READONLY_DBMOVED' }

/** A database in a folder of its own, with one row. */
function open(options?: { writeBehind: { onError: (error: SqliteError) => void } }) {
  const folder = join(temporaryFolder(), 'folder')
  mkdirSync(folder)
  const path = join(folder, 'sessions.db')
  const connection = openConnection(path)
  const outputs = new OutputStore(connection, options)
  outputs.append(sampleOutput({ data: 'before' }))
  outputs.flush()
  return { folder, path, connection, outputs, sessions: new SessionStore(connection) }
}

// Windows lets nobody move, remove or replace an open file.
describe.skipIf(process.platform === 'win32')('a database file under an open connection', () => {
  const another = (path: string) => {
    new DatabaseConnection(`${path}.other`).close()
    renameSync(`${path}.other`, path)
  }

  test.each<[string, (path: string) => void]>([
    ['moved', (path) => renameSync(path, `${path}.moved`)],
    ['removed', (path) => unlinkSync(path)],
    ['removed with its folder', (path) => rmSync(dirname(path), { recursive: true })],
    ['moved with its folder', (path) => renameSync(dirname(path), `${dirname(path)}.moved`)],
    ['replaced by another one', another],
    ['replaced by a folder', (path) => (unlinkSync(path), mkdirSync(path))],
    ['replaced by a broken link', (path) => (unlinkSync(path), symlinkSync('nowhere', path))],
    ['without its log', (path) => unlinkSync(`${path}-wal`)],
    ['with another log', (path) => (unlinkSync(`${path}-wal`), writeFileSync(`${path}-wal`, ''))],
    ['without the index of its log', (path) => unlinkSync(`${path}-shm`)],
  ])('that is %s refuses every write, and walStatus() and verify() say so', async (_, harm) => {
    const { path, connection, outputs, sessions } = open()
    const { db } = connection
    const reader = openConnection(path, { readonly: true })
    expect(connection.walStatus().blockedBy).not.toBe('replaced')
    harm(path)
    for (const each of [connection, reader]) {
      expect(each.walStatus().blockedBy).toBe('replaced')
      const { ok, problems } = each.verify()
      expect({ ok, problems }).toEqual({ ok: false, problems: [expect.stringMatching(/replaced/)] })
    }
    const writes = [
      () => outputs.append(sampleOutput()),
      () => outputs.appendMany([sampleOutput(), sampleOutput()]),
      () => outputs.deleteBySession('s-1'),
      () => sessions.create(sampleSession()),
      () => db.exec('PRAGMA application_id = 99'),
      () => db.prepare('UPDATE session_outputs SET data = ? RETURNING id').all('x'),
      () => db.transaction(() => outputs.append(sampleOutput()))(),
      () => db.exec('CREATE TABLE t (x)'),
    ]
    for (const write of writes) {
      const failure = failureOf(write)
      expect(failure).toMatchObject(MOVED)
      expect(failure?.message).toMatch(/moved, removed or replaced/)
      expect(db.inTransaction).toBe(false)
    }
    await expect(connection.backup(`${path}.backup`)).rejects.toMatchObject({ code: MOVED.code })
    // What it has can still be read.
    expect(outputs.getBySession('s-1').map(({ data }) => data)).toEqual(['before'])
  })

  test('that is moved while somebody writes without a pause is noticed soon', async () => {
    const { path, outputs } = open()
    renameSync(path, `${path}.moved`)
    await sleep(NOTICED)
    expect(failureOf(() => outputs.append(sampleOutput()))).toMatchObject(MOVED)
    renameSync(`${path}.moved`, path)
    outputs.append(sampleOutput({ data: 'back again' }))
    expect(storedData(path)).toEqual(['before', 'back again'])
  })

  test('that is moved is noticed by COMMIT, which undoes the transaction', async () => {
    const { path, connection, outputs } = open()
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput())
    renameSync(path, `${path}.moved`)
    await sleep(NOTICED)
    expect(failureOf(() => connection.db.exec('COMMIT'))).toMatchObject(MOVED)
    expect(connection.db.inTransaction).toBe(false)
    renameSync(`${path}.moved`, path)
    expect(storedData(path)).toEqual(['before'])
  })

  test('that is moved keeps the queue of write-behind, which is written once it is back', async () => {
    const errors: string[] = []
    const { path, outputs, connection } = open({
      writeBehind: { onError: ({ code }) => errors.push(code) },
    })
    renameSync(path, `${path}.moved`)
    await sleep(NOTICED)
    outputs.append(sampleOutput({ data: 'queued' }))
    await expect.poll(() => errors, { timeout: 20_000 }).toEqual([MOVED.code])
    expect(failureOf(() => outputs.flush())).toMatchObject(MOVED)
    expect(connection.walStatus().blockedBy).toBe('replaced')
    expect(connection.verify().ok).toBe(false)
    renameSync(`${path}.moved`, path)
    outputs.flush()
    expect(storedData(path)).toEqual(['before', 'queued'])
  })

  test('with another name, or reached by a link that stays, is still there', async () => {
    const { path } = open()
    linkSync(path, `${path}.name`)
    symlinkSync(path, `${path}.link`)
    const connection = openConnection(`${path}.link`)
    const outputs = new OutputStore(connection)
    await sleep(NOTICED)
    outputs.append(sampleOutput())
    unlinkSync(`${path}.name`)
    await sleep(NOTICED)
    outputs.append(sampleOutput())
    expect(connection.verify().problems).toEqual([])
    copyFileSync(path, `${path}.copy`)
    unlinkSync(`${path}.link`)
    symlinkSync(`${path}.copy`, `${path}.link`)
    expect(connection.walStatus().blockedBy).toBe('replaced')
    await sleep(NOTICED)
    expect(failureOf(() => outputs.append(sampleOutput()))).toMatchObject(MOVED)
  })

  test('that is replaced keeps the other file as it is, and close() works', async () => {
    const { path, connection, outputs } = open()
    another(path)
    const before = readFileSync(path)
    await sleep(NOTICED)
    expect(failureOf(() => outputs.append(sampleOutput()))).toMatchObject(MOVED)
    connection.close()
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test.each(['moved', 'removed', 'replaced'])(
    'that is %s can be opened anew beside the old connection, here and in another process',
    async (how) => {
      for (const opens of ['here', 'elsewhere']) {
        const { path, connection, outputs } = open()
        const rows = Array.from({ length: 200 }, () => sampleOutput({ data: 'x'.repeat(5_000) }))
        outputs.appendMany(rows)
        if (how === 'removed') unlinkSync(path)
        else renameSync(path, `${path}.old`)
        // Another process that finds a log beside another file takes it for its own, as ever.
        if (how === 'replaced' && opens === 'here') another(path)
        if (opens === 'here') {
          const again = openConnection(path)
          new OutputStore(again).appendMany(rows)
          again.close()
        } else {
          await inChild(
            ({ pkg }, file, row) => {
              const again = new pkg.DatabaseConnection(file)
              const chunk = { ...row, timestamp: new Date(row.timestamp) }
              new pkg.OutputStore(again).appendMany(Array.from({ length: 200 }, () => chunk))
              again.close()
            },
            [path, rows[0]!],
          )
        }
        await sleep(NOTICED)
        expect(failureOf(() => outputs.append(sampleOutput()))).toMatchObject(MOVED)
        expect(outputs.getBySession('s-1')).toHaveLength(201)
        connection.close()
        const anew = openConnection(path)
        expect(anew.verify().problems).toEqual([])
        expect(new OutputStore(anew).getBySession('s-1')).toHaveLength(200)
      }
    },
  )

  test('whose log was taken away cannot be opened anew before the old connection is closed', async () => {
    const { path, connection } = open()
    unlinkSync(`${path}-wal`)
    expect(failureOf(() => new DatabaseConnection(path))).toMatchObject(MOVED)
    connection.close()
    expect(storedData(path)).toEqual(['before'])
  })
})

test('append() of a store that writes behind throws once the file is known to be gone, if nobody else is told', async () => {
  const folder = temporaryFolder()
  const connection = openConnection(join(folder, 'a.db'))
  const outputs = new OutputStore(connection, { writeBehind: true })
  outputs.append(sampleOutput())
  outputs.flush()
  renameSync(connection.path, join(folder, 'b.db'))
  await expect
    .poll(() => failureOf(() => outputs.append(sampleOutput())), { timeout: 5_000, interval: 50 })
    .toMatchObject(MOVED)
  // What was queued before that is stored once the file is back.
  renameSync(join(folder, 'b.db'), connection.path)
})
