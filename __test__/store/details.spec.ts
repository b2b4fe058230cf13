import { expect, test } from 'vitest'
import { salvage, SessionStore } from '../../index.js'
import {
  copyOfPlanFile,
  failureOf,
  openConnection,
  openStores,
  outOfRange,
  sampleSession,
  temporaryPath,
  withoutAdditions,
  wrongType,
} from '../support/support.js'

const DETAILS = {
  title: 'Nächtlicher Lauf',
  exitCode: 137,
  signal: 'SIGKILL',
  error: 'out of memory',
}

test('a session keeps its title, exit code, signal and error', () => {
  const { sessions } = openStores()
  sessions.create({ ...sampleSession(), ...DETAILS })
  expect(sessions.get('s-1')).toMatchObject(DETAILS)
  expect(sessions.list()).toMatchObject([DETAILS])
  expect(sessions.list({ limit: 5 })).toMatchObject([DETAILS])
  expect(sessions.findRunning()).toMatchObject([DETAILS])
})

test('update() changes the details that it is given, and null clears one', () => {
  const { sessions } = openStores()
  sessions.create(sampleSession())
  expect(sessions.update('s-1', { exitCode: 0, title: 'a' })).toBe(true)
  expect(sessions.update('s-1', { title: null, error: '', exitCode: undefined })).toBe(true)
  expect(sessions.get('s-1')).toMatchObject({ title: undefined, exitCode: 0, error: '' })
  expect(sessions.update('nobody', { exitCode: 0 })).toBe(false)
  sessions.update('s-1', { exitCode: null, error: null })
  expect(Object.keys(sessions.get('s-1') ?? {})).not.toContain('exitCode')
})

test('a change of the details alone stamps updated_at', () => {
  const { connection, sessions } = openStores()
  sessions.create(sampleSession())
  connection.db.exec("UPDATE sessions SET updated_at = '2001-01-01 00:00:00'")
  sessions.update('s-1', { exitCode: 1 })
  expect(connection.db.prepare('SELECT updated_at FROM sessions').pluck().get()).not.toMatch(
    /^2001/,
  )
})

test.each(['title', 'signal', 'error'])('%s must be a string', (field) => {
  const { sessions } = openStores()
  sessions.create(sampleSession())
  const session = { ...sampleSession({ id: 's-2' }), [field]: 1 }
  expect(failureOf(() => sessions.create(session as never))).toEqual(
    wrongType('SessionStore.create', `session.${field}`, 'a string', '1'),
  )
  expect(failureOf(() => sessions.update('s-1', { [field]: 1 }))).toEqual(
    wrongType('SessionStore.update', `fields.${field}`, 'a string', '1'),
  )
  expect(sessions.get('s-2')).toBeUndefined()
})

test('an exit code must be an integer', () => {
  const { sessions } = openStores()
  sessions.create(sampleSession())
  expect(failureOf(() => sessions.update('s-1', { exitCode: 0.5 }))).toEqual(
    outOfRange('SessionStore.update', 'fields.exitCode', 'an integer', '0.5'),
  )
})

test('update() with ifStatus does not wake a session that is over', () => {
  const { sessions } = openStores()
  sessions.create({ ...sampleSession(), status: 'completed' })
  const late = { status: 'waiting_checkpoint', title: 'late' } as const
  expect(sessions.update('s-1', late, { ifStatus: 'running' })).toBe(false)
  expect(sessions.update('s-1', late, { ifStatus: ['running', 'idle'] })).toBe(false)
  expect(sessions.update('s-1', late, { ifStatus: [] })).toBe(false)
  expect(sessions.get('s-1')).toEqual({ ...sampleSession(), status: 'completed' })
  expect(sessions.update('s-1', late, { ifStatus: ['idle', 'completed'] })).toBe(true)
  expect(sessions.get('s-1')).toMatchObject(late)
})

test.each([
  ['over', "one of 'idle', 'running', 'waiting_checkpoint', 'completed', 'failed'", '"over"'],
])('ifStatus must be a status: %s', (ifStatus, expected, received) => {
  const { sessions } = openStores()
  expect(failureOf(() => sessions.update('s-1', { pid: 1 }, { ifStatus } as never))).toEqual(
    outOfRange('SessionStore.update', 'options.ifStatus', expected, received),
  )
  expect(
    failureOf(() => sessions.update('s-1', { pid: 1 }, { ifStatus: [ifStatus] } as never)),
  ).toEqual(outOfRange('SessionStore.update', 'options.ifStatus[0]', expected, received))
})

test('the details go with their session, and a later session with its id has none', () => {
  const { connection, sessions } = openStores()
  const rows = () => connection.db.prepare('SELECT count(*) FROM gsd_session_details').pluck().get()
  sessions.create({ ...sampleSession(), ...DETAILS })
  sessions.delete('s-1')
  expect(rows()).toBe(0)
  sessions.create({ ...sampleSession(), ...DETAILS })
  connection.db.exec("UPDATE sessions SET id = 's-2' WHERE id = 's-1'")
  expect(sessions.get('s-2')).toMatchObject(DETAILS)
  connection.db.exec(`INSERT OR REPLACE INTO sessions (id, slot, status, working_dir, started_at)
    VALUES ('s-2', 1, 'idle', '/', '2026-01-01')`)
  expect(rows()).toBe(0)
})

test("a program that inserts ten values by their place, and has a column 'title', goes on", () => {
  const path = copyOfPlanFile()
  const { connection, sessions } = openStores(path)
  const values = "'t', 1, 'idle', '/', NULL, '2026-01-01T00:00:00.000Z', NULL, NULL, NULL, NULL"
  connection.db.exec(`INSERT INTO sessions VALUES (${values})`)
  connection.db.exec("ALTER TABLE sessions ADD COLUMN title TEXT DEFAULT 'theirs'")
  sessions.update('t', { title: 'ours' })
  expect(sessions.get('t')?.title).toBe('ours')
  expect(connection.db.prepare("SELECT title FROM sessions WHERE id = 't'").pluck().get()).toBe(
    'theirs',
  )
  expect(connection.db.pragma('user_version', { simple: true })).toBe(2)
  expect(connection.verify().problems).toEqual([])
})

test('a file of an older version that is only read has no details, and lists its sessions', () => {
  const path = temporaryPath()
  const { connection, sessions } = openStores(path)
  sessions.create(sampleSession())
  connection.close()
  withoutAdditions(path)
  const old = openConnection(path, { readonly: true })
  const read = new SessionStore(old)
  expect(read.get('s-1')).toEqual(sampleSession())
  expect(read.list()).toEqual([sampleSession()])
  expect(old.verify().problems).toEqual([])
  old.close()
  const migrated = openStores(path)
  migrated.sessions.update('s-1', { exitCode: 3 })
  expect(migrated.sessions.get('s-1')?.exitCode).toBe(3)
})

test('the details of a damaged file are salvaged', async () => {
  const { connection, sessions } = openStores()
  sessions.create({ ...sampleSession(), ...DETAILS })
  connection.close()
  const target = temporaryPath()
  expect((await salvage(connection.path, target)).problems).toEqual([])
  expect(openStores(target).sessions.get('s-1')).toMatchObject(DETAILS)
})
