import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore } from '../../index.js'
import { startChild } from '../support/child.js'
import {
  copyOfPlanFile,
  everyRow,
  failureOf,
  invalidState,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  sqliteFailure,
  temporaryPath,
  writeForeignFile,
} from '../support/support.js'

const SOUND = { ok: true, problems: [], orphanedOutputs: 0, schemaVersion: 2 }

/** A closed file with many pages, and where the b-trees of its tables and indexes begin. */
function filledFile() {
  const { connection, sessions, outputs } = openStores()
  sessions.create(sampleSession())
  const data = 'x'.repeat(500)
  outputs.appendMany(Array.from({ length: 2_000 }, () => sampleOutput({ data })))
  const roots = connection.db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck()
  const rootOf = (name: string) => Number(roots.get(name))
  const [table, index] = [rootOf('session_outputs'), rootOf('idx_outputs_timestamp')]
  connection.close()
  return { path: connection.path, table, index }
}

/** Fills a page of the file with `byte`. */
function spoilPage(path: string, page: number, byte = 0xff): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4_096, byte), 0, 4_096, (page - 1) * 4_096)
  closeSync(file)
}

describe('a sound file', () => {
  test('a sound file has no problems', () => {
    const { connection, sessions, outputs } = openStores()
    expect(connection.verify()).toEqual(SOUND)
    sessions.create(sampleSession())
    outputs.append(sampleOutput({ data: '\0\uFEFF🚀\r\n' }))
    sessions.update('s-1', { status: 'completed', endedAt: new Date(), pid: 7 })
    expect(connection.verify()).toEqual(SOUND)
  })

  test.each([
    ['in memory', () => openConnection(':memory:')],
    ['with more slots', () => openConnection(undefined, { slots: 7 })],
    ['that is read only', () => openConnection(filledFile().path, { readonly: true })],
    ['of the better-sqlite3 version', () => openConnection(copyOfPlanFile())],
  ])('a sound database %s has no problems', (_, open) => {
    const { ok, problems, schemaVersion } = open().verify()
    expect({ ok, problems, schemaVersion }).toEqual({ ok: true, problems: [], schemaVersion: 2 })
  })

  test('a file of the better-sqlite3 version has version 0 while it is only read', () => {
    const { ok, schemaVersion } = openConnection(copyOfPlanFile(), { readonly: true }).verify()
    expect({ ok, schemaVersion }).toEqual({ ok: true, schemaVersion: 0 })
  })

  test('a sound file may be extended by others and widened', () => {
    const { connection } = openStores()
    connection.db.exec('CREATE TABLE notes (x); ALTER TABLE sessions ADD COLUMN tag TEXT')
    const { sessions } = openStores(connection.path, { slots: 5 })
    sessions.create(sampleSession({ slot: 5 }))
    expect(connection.verify()).toEqual(SOUND)
  })

  test('a sound file may hold output without a session, which is counted', () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    outputs.appendMany(['s-1', 'gone', 'gone'].map((sessionId) => sampleOutput({ sessionId })))
    expect(connection.verify()).toEqual({ ...SOUND, orphanedOutputs: 2 })
  })

  test('a sound file may hold what the stores can read, such as invalid UTF-8', () => {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    outputs.append(sampleOutput())
    connection.db.exec(`UPDATE session_outputs SET data = CAST(x'ff' AS TEXT);
      UPDATE sessions SET started_at = '2026-03-01 10:00:00'`)
    expect(connection.verify()).toEqual(SOUND)
    expect(outputs.getFullOutput('s-1')).toBe('\uFFFD')
  })

  test('a sound file has no problems while others write to it', async () => {
    const { connection } = openStores()
    const writer = startChild(
      async ({ pkg, meet }, path) => {
        const own = new pkg.DatabaseConnection(path)
        const [sessions, outputs] = [new pkg.SessionStore(own), new pkg.OutputStore(own)]
        const parent = { waits: true }
        void meet('writing').then(() => (parent.waits = false))
        for (let i = 0; parent.waits; i++) {
          const id = `s-${i}`
          // Both or neither. A check that saw two states could see the outputs alone.
          own.db.transaction(() => {
            sessions.create({ id, slot: 1, status: 'idle', workingDir: '/', startedAt: new Date() })
            const one = { sessionId: id, timestamp: new Date(), type: 'stdout' as const, data: id }
            outputs.appendMany([one, one])
            if (i > 50) sessions.delete(`s-${i - 50}`)
          })()
          if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        own.close()
      },
      [connection.path],
    )
    await writer.met('writing')
    const reports = Array.from({ length: 50 }, () => connection.verify())
    writer.resume()
    await writer.result
    expect(reports).toEqual(Array.from({ length: 50 }, () => SOUND))
  })
})

describe('verify()', () => {
  test('verify() sees what is queued, and what its own transaction has done', () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 60_000 } })
    outputs.append(sampleOutput())
    expect(connection.verify().orphanedOutputs).toBe(1)
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput())
    expect(connection.verify().orphanedOutputs).toBe(2)
    expect(connection.db.inTransaction).toBe(true)
    connection.db.exec('ROLLBACK')
    expect(connection.verify().orphanedOutputs).toBe(1)
    expect(connection.db.inTransaction).toBe(false)
  })

  test('verify() changes nothing, and ends no iteration', () => {
    const { connection, outputs } = openStores()
    outputs.appendMany([sampleOutput(), sampleOutput()])
    const before = everyRow(connection)
    const ids: unknown[] = []
    for (const id of connection.db.prepare('SELECT id FROM session_outputs').pluck().iterate()) {
      ids.push(id, connection.verify().ok)
    }
    expect(ids).toEqual([1, true, 2, true])
    expect(everyRow(connection)).toEqual(before)
  })

  test('verify() of a closed connection throws', () => {
    const connection = openConnection()
    connection.close()
    expect(failureOf(() => connection.verify())).toEqual(
      invalidState('DatabaseConnection.verify', 'closed'),
    )
  })
})

describe('damage to a file', () => {
  test.each([[0], [0xff]])('verify() reports a page of a table that is filled with %i', (byte) => {
    const { path, table } = filledFile()
    spoilPage(path, table, byte)
    const { ok, problems } = openConnection(path).verify()
    expect(ok).toBe(false)
    expect(problems.join('\n')).toMatch(/page/i)
    expect(problems.join('\n')).toMatch(/session_outputs/)
  })

  test('verify() reports a damaged page of an index', () => {
    const { path, index } = filledFile()
    spoilPage(path, index)
    const connection = openConnection(path)
    expect(connection.verify().ok).toBe(false)
    expect(connection.verify().problems.length).toBeLessThan(500)
  })

  test('verify() reports an index that lacks a row', () => {
    const { connection, outputs } = openStores()
    outputs.appendMany([sampleOutput(), sampleOutput()])
    const { path } = connection
    const root = Number(
      connection.db
        .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'idx_outputs_session_id'")
        .pluck()
        .get(),
    )
    connection.close()
    const content = readFileSync(path)
    // The number of cells on the only page of the index.
    content.writeUInt16BE(1, (root - 1) * 4_096 + 3)
    writeFileSync(path, content)
    const { problems } = openConnection(path).verify()
    expect(problems.join('\n')).toMatch(/idx_outputs_session_id/)
  })

  test('verify() reports damage that came while the file was open', () => {
    const { path, table } = filledFile()
    const { connection, outputs } = openStores(path)
    expect(outputs.getBySession('s-1')).toHaveLength(2_000)
    expect(connection.verify().ok).toBe(true)
    spoilPage(path, table)
    expect(connection.verify().ok).toBe(false)
  })

  test.each([
    ['its header is gone', 'SQLITE_NOTADB', (path: string) => spoilPage(path, 1)],
    ['half of it is gone', 'SQLITE_CORRUPT', (path: string) => truncateSync(path, 40 * 4_096)],
  ])('verify() throws for a file of which SQLite can read nothing: %s', (_, code, spoil) => {
    const { path } = filledFile()
    const connection = new DatabaseConnection(path)
    spoil(path)
    expect(failureOf(() => connection.verify())).toEqual(sqliteFailure(code))
    expect(connection.isOpen).toBe(true)
    connection.close()
  })
})

describe('differences from a new file', () => {
  test.each([
    [
      'a missing index',
      'DROP INDEX other.idx_outputs_session_id',
      /index "idx_outputs_session_id" is missing/,
    ],
    [
      'a missing trigger',
      'DROP TRIGGER other.sessions_updated_at',
      /trigger "sessions_updated_at" is missing/,
    ],
    [
      'a missing check',
      `ALTER TABLE other.session_outputs RENAME TO old;
       CREATE TABLE other.session_outputs (id INTEGER PRIMARY KEY AUTOINCREMENT,
         session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE, timestamp TEXT NOT NULL,
         type TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT DEFAULT (datetime('now')))`,
      /"session_outputs" accepts any type/,
    ],
    [
      'an unknown status',
      `PRAGMA ignore_check_constraints = ON; UPDATE other.sessions SET status = 'asleep'`,
      /row 1 of sessions: status holds "asleep"/,
    ],
    [
      'an invalid moment',
      `UPDATE other.sessions SET started_at = 'yesterday'`,
      /row 1 of sessions: started_at holds "yesterday"/,
    ],
  ])('verify() reports %s', (_, sql, problem) => {
    const { connection, sessions } = openStores(temporaryPath())
    sessions.create(sampleSession())
    writeForeignFile(connection.path, sql)
    const { ok, problems } = connection.verify()
    expect(ok).toBe(false)
    expect(problems.join('\n')).toMatch(problem)
  })
})
