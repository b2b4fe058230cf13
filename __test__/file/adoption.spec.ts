import { describe, expect, test } from 'vitest'
import type { DatabaseConnection } from '../../index.js'
import {
  copyOfPlanFile,
  openConnection,
  openStores,
  sampleOutput,
  temporaryPath,
  writeForeignFile,
} from '../support/support.js'

/** A row of `sessions` as the fixture has it, in the order of its columns. */
const SESSIONS = [
  [
    1,
    'oldest',
    1,
    'completed',
    '/srv/projects/api',
    'npm test',
    '2025-01-10 09:15:00',
    '2025-01-10 09:45:30',
    4242,
    '2025-01-10 09:15:00',
    '2025-01-10 09:45:30',
  ],
  [
    2,
    'middle',
    2,
    'running',
    '/srv/projects/проект',
    null,
    '2025-01-11T12:00:00.000Z',
    null,
    null,
    '2025-01-11 12:00:00',
    '2025-01-11 12:00:00',
  ],
  [
    3,
    'zulu',
    3,
    'waiting_checkpoint',
    '/srv/projects/web app',
    'deploy 🚀',
    '2025-01-12T08:30:00.250Z',
    null,
    77,
    '2025-01-12 08:30:00',
    '2025-01-12 08:31:00',
  ],
  [
    4,
    'alpha',
    1,
    'failed',
    '',
    '',
    '2025-01-12T08:30:00.250Z',
    '2025-01-12T08:30:09.999Z',
    0,
    '2025-01-12 08:30:00',
    '2025-01-12 08:30:09',
  ],
]

const OUTPUTS = [
  [1, 'oldest', '2025-01-10 09:15:01', 'stdout', 'first line\r\n', '2025-01-10 09:15:01'],
  [2, 'oldest', '2025-01-10 09:15:02', 'stderr', '\u001B[31mred\u001B[0m', '2025-01-10 09:15:02'],
  [3, 'zulu', '2025-01-12T08:30:01.000Z', 'stdout', 'rocket 🚀', '2025-01-12 08:30:01'],
  [4, 'zulu', '2025-01-12T08:30:01.000Z', 'stdout', '', '2025-01-12 08:30:01'],
  [5, 'zulu', '2025-01-12T08:30:01.000Z', 'stderr', 'café', '2025-01-12 08:30:01'],
  [
    6,
    'gone',
    '2025-01-13T00:00:00.000Z',
    'stdout',
    'of a session that is no more',
    '2025-01-13 00:00:00',
  ],
]

function rawRows({ db }: DatabaseConnection) {
  return {
    sessions: db.prepare('SELECT rowid, * FROM sessions ORDER BY rowid').raw().all(),
    outputs: db.prepare('SELECT * FROM session_outputs ORDER BY id').raw().all(),
  }
}

describe('a file that the better-sqlite3 version made', () => {
  test('a file of the better-sqlite3 version is adopted with its rows untouched', () => {
    expect(rawRows(openConnection(copyOfPlanFile()))).toEqual({
      sessions: SESSIONS,
      outputs: OUTPUTS,
    })
  })

  test('an adopted file has the same rows when it is opened again', () => {
    const path = copyOfPlanFile()
    openConnection(path).close()
    openConnection(path).close()
    expect(rawRows(openConnection(path))).toEqual({ sessions: SESSIONS, outputs: OUTPUTS })
  })

  test('an adopted file has the schema and the version of a new file', () => {
    const listing = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name'
    const asNew = openConnection()
    const adopted = openConnection(copyOfPlanFile())
    expect(adopted.db.prepare(listing).all()).toEqual(asNew.db.prepare(listing).all())
    expect(adopted.db.pragma('user_version', { simple: true })).toBe(
      asNew.db.pragma('user_version', { simple: true }),
    )
    expect(adopted.db.pragma('integrity_check', { simple: true })).toBe('ok')
  })

  test('an adopted file gives its sessions as a new file would', () => {
    const { sessions } = openStores(copyOfPlanFile())
    expect(sessions.list().map(({ id }) => id)).toEqual(['alpha', 'zulu', 'middle', 'oldest'])
    expect(sessions.findRunning().map(({ id }) => id)).toEqual(['zulu', 'middle'])
    expect(sessions.get('oldest')).toStrictEqual({
      id: 'oldest',
      slot: 1,
      status: 'completed',
      workingDir: '/srv/projects/api',
      currentCommand: 'npm test',
      startedAt: new Date('2025-01-10T09:15:00.000Z'),
      endedAt: new Date('2025-01-10T09:45:30.000Z'),
      pid: 4242,
    })
    expect(sessions.get('middle')).toStrictEqual({
      id: 'middle',
      slot: 2,
      status: 'running',
      workingDir: '/srv/projects/проект',
      currentCommand: undefined,
      startedAt: new Date('2025-01-11T12:00:00.000Z'),
      endedAt: undefined,
      pid: undefined,
    })
    expect(sessions.get('alpha')).toMatchObject({ workingDir: '', currentCommand: '', pid: 0 })
  })

  test('an adopted file gives its outputs as a new file would', () => {
    const { outputs } = openStores(copyOfPlanFile())
    expect(outputs.getFullOutput('oldest')).toBe('first line\r\n\n\u001B[31mred\u001B[0m')
    expect(outputs.getFullOutput('zulu', { separator: '|' })).toBe('rocket 🚀||café')
    expect(outputs.getBySession('oldest').map(({ timestamp }) => timestamp.toISOString())).toEqual([
      '2025-01-10T09:15:02.000Z',
      '2025-01-10T09:15:01.000Z',
    ])
    expect(outputs.getFullOutput('gone')).toBe('of a session that is no more')
  })

  test('an adopted file takes new rows, and gives no id twice', () => {
    const { connection, sessions, outputs } = openStores(copyOfPlanFile())
    outputs.append(
      sampleOutput({ sessionId: 'gone', timestamp: new Date('2025-01-13T00:00:02.000Z') }),
    )
    expect(connection.db.prepare('SELECT max(id) FROM session_outputs').pluck().get()).toBe(8)
    sessions.update('middle', { status: 'completed' })
    expect(sessions.get('middle')?.status).toBe('completed')
    expect(
      connection.db.prepare("SELECT updated_at FROM sessions WHERE id = 'middle'").pluck().get(),
    ).not.toBe('2025-01-11 12:00:00')
  })
})

describe('a file that other stores share', () => {
  test('a file that has tables of other stores keeps them', () => {
    const path = temporaryPath()
    writeForeignFile(
      path,
      `CREATE TABLE other.checkpoints (id INTEGER PRIMARY KEY, session_id TEXT, note TEXT);
       INSERT INTO other.checkpoints VALUES (1, 's-1', 'before the release');`,
    )
    const { db } = openConnection(path)
    expect(db.prepare('SELECT * FROM checkpoints').raw().all()).toEqual([
      [1, 's-1', 'before the release'],
    ])
    expect(db.prepare('SELECT count(*) FROM sessions').pluck().get()).toBe(0)
  })
})
