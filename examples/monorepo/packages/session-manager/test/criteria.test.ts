import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { OutputStore, SessionStore, type NewSession } from '../src/index.js'
import { openConnection } from './support/open.js'

// What plan 02-02 calls its success, in its order.

const session: NewSession = {
  id: 'a',
  slot: 1,
  status: 'running',
  workingDir: '/srv/app',
  startedAt: new Date('2026-03-01T10:00:00.000Z'),
}

test('location: the database is made in the folder that the plan names', () => {
  const home = mkdtempSync(join(tmpdir(), 'gsd-home-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  const program = "new (require('@gsd/session-store').DatabaseConnection)().close()"
  const { status } = spawnSync(process.execPath, ['-e', program], {
    cwd: import.meta.dirname,
    env: { ...process.env, HOME: home, USERPROFILE: home },
  })

  expect(status).toBe(0)
  expect(existsSync(join(home, '.gsd-harness', 'sessions.db'))).toBe(true)
})

test("schema: the database has the plan's tables, columns and indexes", () => {
  const { db } = openConnection()
  const columns = (table: string) =>
    db.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table).join()

  expect(columns('sessions')).toBe(
    'id,slot,status,working_dir,current_command,started_at,ended_at,pid,created_at,updated_at',
  )
  expect(columns('session_outputs')).toBe('id,session_id,timestamp,type,data,created_at')
  const indexes = db.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'idx%' ORDER BY name")
  expect(indexes.pluck().all()).toEqual(['idx_outputs_session_id', 'idx_outputs_timestamp'])
  expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
  expect(db.pragma('foreign_keys', { simple: true })).toBe(0)
})

test('sessions: a session is created, read, changed, listed and deleted', () => {
  const sessions = new SessionStore(openConnection())
  sessions.create(session)
  sessions.create({ ...session, id: 'b', slot: 2, status: 'waiting_checkpoint' })

  expect(sessions.get('a')).toEqual(session)
  expect(sessions.get('nobody')).toBeUndefined()
  expect(sessions.findRunning().map(({ id }) => id)).toEqual(['b', 'a'])
  sessions.update('a', { status: 'completed', endedAt: new Date(), pid: 7, currentCommand: 'ls' })
  expect(sessions.listByStatus('completed')).toMatchObject([{ id: 'a', pid: 7 }])
  sessions.delete('a')
  expect(sessions.list().map(({ id }) => id)).toEqual(['b'])
})

test('outputs: output is appended, read in both directions, joined and deleted', () => {
  const outputs = new OutputStore(openConnection())
  for (const n of [1, 2, 3]) {
    outputs.append({ sessionId: 'a', timestamp: new Date(n), type: 'stdout', data: `${n}` })
  }

  expect(outputs.getBySession('a', 2).map(({ data }) => data)).toEqual(['3', '2'])
  expect(outputs.getBySessionSince('a', new Date(1)).map(({ data }) => data)).toEqual(['2', '3'])
  expect(outputs.getFullOutput('a')).toBe('1\n2\n3')
  outputs.deleteBySession('a')
  expect(outputs.getBySession('a')).toEqual([])
})
