import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { salvage, type SessionStore } from '../../index.js'
import {
  copyOfPlanFile,
  everyRow,
  failureOf,
  naming,
  openConnection,
  openStores,
  sampleSession,
  temporaryFolder,
  temporaryPath,
  writeForeignFile,
  wrongType,
} from '../support/support.js'

/** The ids that are pinned in the file. */
function pinned({ db }: ReturnType<typeof openConnection>): unknown[] {
  return db.prepare('SELECT session_id FROM session_pins ORDER BY session_id').pluck().all()
}

/** Makes the file one of the version before pins. */
function withoutPins(path: string): void {
  const sql = 'DROP TRIGGER other.session_pins_end; DROP TABLE other.session_pins'
  writeForeignFile(path, `${sql}; PRAGMA other.user_version = 1`)
}

describe('a pin', () => {
  test('a pin is there for every connection until it is taken away', () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    expect(sessions.isPinned('s-1')).toBe(false)
    expect(sessions.pin('s-1')).toBe(true)
    expect(sessions.pin('s-1')).toBe(true)
    const other = openStores(connection.path).sessions
    expect(other.isPinned('s-1')).toBe(true)
    expect(other.unpin('s-1')).toBe(true)
    expect(other.unpin('s-1')).toBe(false)
    expect(sessions.isPinned('s-1')).toBe(false)
  })

  test('pin() of an unknown session pins nothing', () => {
    const { connection, sessions } = openStores()
    expect(sessions.pin('s-1')).toBe(false)
    expect(sessions.unpin('s-1')).toBe(false)
    expect(pinned(connection)).toEqual([])
    sessions.create(sampleSession())
    expect(sessions.isPinned('s-1')).toBe(false)
  })

  test.each<[string, (stores: ReturnType<typeof openStores>) => unknown]>([
    ['its store', ({ sessions }) => sessions.delete('s-1')],
    ['its store, without output', ({ sessions }) => sessions.delete('s-1', { keepOutputs: true })],
    ['SQL', ({ connection }) => connection.db.exec("DELETE FROM sessions WHERE id = 's-1'")],
    ['SQL that deletes all', ({ connection }) => connection.db.exec('DELETE FROM sessions')],
  ])('a pin goes with a session that is deleted by %s', (_, remove) => {
    const stores = openStores()
    stores.sessions.create(sampleSession())
    stores.sessions.pin('s-1')
    remove(stores)
    expect(pinned(stores.connection)).toEqual([])
    stores.sessions.create(sampleSession())
    expect(stores.sessions.isPinned('s-1')).toBe(false)
  })

  test('a pin is part of a transaction', () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    connection.db.exec('BEGIN')
    expect(sessions.pin('s-1')).toBe(true)
    connection.db.exec('ROLLBACK')
    expect(sessions.isPinned('s-1')).toBe(false)
  })

  test('a pin outlives more slots, a backup and a salvage', async () => {
    const { connection, sessions } = openStores()
    for (const id of ['s-1', 's-2', 's-3']) sessions.create(sampleSession({ id }))
    sessions.pin('s-1')
    sessions.pin('s-3')
    sessions.unpin('s-3')
    expect(pinned(openConnection(connection.path, { slots: 7 }))).toEqual(['s-1'])
    expect(sessions.isPinned('s-1')).toBe(true)
    sessions.delete('s-1')
    expect(pinned(connection)).toEqual([])
    sessions.pin('s-2')
    const backup = join(temporaryFolder(), 'backup.db')
    await connection.backup(backup)
    expect(pinned(openConnection(backup))).toEqual(['s-2'])
    connection.close()
    const salvaged = join(temporaryFolder(), 'salvaged.db')
    expect(await salvage(connection.path, salvaged)).toMatchObject({ sessions: 2, problems: [] })
    const saved = openConnection(salvaged)
    expect(pinned(saved)).toEqual(['s-2'])
    expect(saved.verify()).toEqual({
      ok: true,
      problems: [],
      orphanedOutputs: 0,
      schemaVersion: 2,
    })
  })

  test.each<[keyof SessionStore & ('pin' | 'unpin' | 'isPinned')]>([
    ['pin'],
    ['unpin'],
    ['isPinned'],
  ])('%s() refuses an id that is not a text', (method) => {
    const { sessions } = openStores()
    expect(failureOf(() => sessions[method](5 as never))).toEqual(
      wrongType(`SessionStore.${method}`, 'id', '5'),
    )
  })
})

describe('a file from before pins', () => {
  test('a file from before pins gets the table of pins, and keeps its rows', () => {
    for (const path of [copyOfPlanFile(), temporaryPath()]) {
      const { connection, sessions } = openStores(path)
      if (sessions.list().length === 0) sessions.create(sampleSession())
      const before = everyRow(connection)
      connection.close()
      withoutPins(path)
      const reader = openStores(path, { readonly: true })
      expect(everyRow(reader.connection)).toEqual(before)
      const id = reader.sessions.list()[0]?.id ?? ''
      expect(reader.sessions.isPinned(id)).toBe(false)
      const migrated = openStores(path)
      expect(everyRow(migrated.connection)).toEqual(before)
      expect(migrated.connection.verify()).toMatchObject({ ok: true, schemaVersion: 2 })
      expect(migrated.sessions.pin(id)).toBe(true)
      expect(reader.sessions.isPinned(id)).toBe(true)
    }
  })

  test('a file from before pins is refused where it has another table named session_pins', () => {
    const path = temporaryPath()
    openConnection(path).close()
    withoutPins(path)
    writeForeignFile(path, 'CREATE TABLE other.session_pins (board TEXT)')
    expect(failureOf(() => openConnection(path))).toEqual({
      type: 'SqliteError',
      code: 'SQLITE_CANTOPEN',
      message: naming('session_pins', 'session_id'),
    })
  })
})
