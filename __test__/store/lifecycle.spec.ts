import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore } from '../../index.js'
import {
  at,
  failureOf,
  invalidState,
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryPath,
} from '../support/support.js'

describe('a connection', () => {
  test('a connection is open until it is closed, and may be closed twice', () => {
    const connection = openConnection()
    expect(connection.isOpen).toBe(true)
    connection.close()
    expect(connection.isOpen).toBe(false)
    connection.close()
    expect(connection.isOpen).toBe(false)
  })

  test('a connection knows its path', () => {
    const path = temporaryPath()
    const connection = openConnection(path)
    expect(connection.path).toBe(path)
    expect(connection.getPath()).toBe(path)
    expect(connection.db.name).toBe(path)
    connection.close()
    expect(connection.path).toBe(path)
  })

  test('a connection has one handle', () => {
    const connection = openConnection()
    expect(connection.db).toBe(connection.db)
    expect(connection.db.open).toBe(true)
    expect(connection.db.readonly).toBe(false)
    expect(connection.db.memory).toBe(false)
  })

  test('a connection closes its handle', () => {
    const connection = openConnection()
    const { db } = connection
    connection.close()
    expect(db.open).toBe(false)
  })

  test('a connection is closed by its handle', () => {
    const connection = openConnection()
    connection.db.close()
    expect(connection.isOpen).toBe(false)
    connection.close()
    expect(connection.isOpen).toBe(false)
  })

  test('a connection keeps what was written for the next one', () => {
    const path = temporaryPath()
    const first = openStores(path)
    first.sessions.create(sampleSession({ endedAt: at(5), pid: 7, currentCommand: 'npm test' }))
    first.outputs.append(sampleOutput())
    first.connection.close()
    const second = openStores(path)
    expect(second.sessions.list()).toStrictEqual([
      {
        id: 's-1',
        slot: 1,
        status: 'running',
        workingDir: '/srv/project',
        currentCommand: 'npm test',
        startedAt: at(0),
        endedAt: at(5),
        pid: 7,
      },
    ])
    expect(second.outputs.getBySession('s-1')).toStrictEqual([sampleOutput()])
  })

  test('a connection does not close another one to the same file', () => {
    const path = temporaryPath()
    const one = openStores(path)
    const other = openStores(path)
    one.connection.close()
    other.sessions.create(sampleSession())
    expect(other.sessions.list()).toHaveLength(1)
  })
})

describe('the stores', () => {
  test('the stores take the connection or its handle', () => {
    const connection = openConnection()
    new SessionStore(connection).create(sampleSession())
    new OutputStore(connection).append(sampleOutput())
    expect(new SessionStore(connection.db).get('s-1')?.id).toBe('s-1')
    expect(new OutputStore(connection.db).getFullOutput('s-1')).toBe('hello')
  })

  test('the stores share the transactions of the handle', () => {
    const { connection, sessions, outputs } = openStores()
    const failing = connection.db.transaction(() => {
      sessions.create(sampleSession())
      outputs.appendMany([sampleOutput(), sampleOutput()])
      sessions.delete('s-1', { keepOutputs: true })
      throw new Error('roll back')
    })
    expect(() => failing()).toThrow('roll back')
    expect(sessions.list()).toEqual([])
    expect(outputs.getBySession('s-1')).toEqual([])
    connection.db.transaction(() => {
      sessions.create(sampleSession())
      outputs.appendMany([sampleOutput(), sampleOutput()])
    })()
    expect(sessions.list()).toHaveLength(1)
    expect(outputs.getBySession('s-1')).toHaveLength(2)
  })
})

describe('after close()', () => {
  type Sessions = InstanceType<typeof SessionStore>
  type Outputs = InstanceType<typeof OutputStore>
  type Handle = DatabaseConnection['db']

  /** Everything that a connection gave out while it was open. */
  function closed() {
    const { connection, sessions, outputs } = openStores()
    sessions.create(sampleSession())
    const statement = connection.db.prepare('SELECT id FROM sessions')
    const { db } = connection
    connection.close()
    return { connection, db, sessions, outputs, statement }
  }

  test.each<[string, (store: Sessions) => unknown]>([
    ['create', (store) => store.create(sampleSession({ id: 's-2' }))],
    ['get', (store) => store.get('s-1')],
    ['update', (store) => store.update('s-1', { pid: 1 })],
    ['update of nothing', (store) => store.update('s-1', {})],
    ['delete', (store) => store.delete('s-1')],
    ['delete with keepOutputs', (store) => store.delete('s-1', { keepOutputs: true })],
    ['list', (store) => store.list()],
    ['listByStatus', (store) => store.listByStatus('idle')],
    ['findRunning', (store) => store.findRunning()],
  ])('SessionStore: %s throws after close()', (_, call) => {
    const { sessions } = closed()
    expect(failureOf(() => call(sessions))).toEqual(invalidState('SessionStore'))
    expect(failureOf(() => call(sessions))).toEqual(invalidState('SessionStore'))
  })

  test.each<[string, (store: Outputs) => unknown]>([
    ['append', (store) => store.append(sampleOutput())],
    ['appendMany', (store) => store.appendMany([sampleOutput()])],
    ['appendMany of nothing', (store) => store.appendMany([])],
    ['getBySession', (store) => store.getBySession('s-1')],
    ['getBySession with limit 0', (store) => store.getBySession('s-1', 0)],
    ['getBySessionSince', (store) => store.getBySessionSince('s-1', at(0))],
    ['getFullOutput', (store) => store.getFullOutput('s-1')],
    ['deleteBySession', (store) => store.deleteBySession('s-1')],
  ])('OutputStore: %s throws after close()', (_, call) => {
    const { outputs } = closed()
    expect(failureOf(() => call(outputs))).toEqual(invalidState('OutputStore'))
    expect(failureOf(() => call(outputs))).toEqual(invalidState('OutputStore'))
  })

  test.each<[string, (db: Handle) => unknown]>([
    ['prepare', (db) => db.prepare('SELECT 1')],
    ['exec', (db) => db.exec('SELECT 1')],
    ['pragma', (db) => db.pragma('user_version')],
    ['transaction', (db) => db.transaction(() => undefined)()],
  ])('the handle: %s throws after close()', (_, call) => {
    const { db } = closed()
    expect(failureOf(() => call(db))).toEqual(invalidState())
  })

  test('a prepared statement throws after close()', () => {
    const { statement } = closed()
    expect(failureOf(() => statement.get())).toEqual(invalidState())
    expect(failureOf(() => statement.all())).toEqual(invalidState())
    expect(failureOf(() => [...statement.iterate()])).toEqual(invalidState())
  })

  test('no store can be made of a closed connection or its handle', () => {
    const { connection, db } = closed()
    expect(failureOf(() => new SessionStore(connection))).toEqual(invalidState('SessionStore'))
    expect(failureOf(() => new OutputStore(connection))).toEqual(invalidState('OutputStore'))
    expect(failureOf(() => new SessionStore(db))).toEqual(invalidState('SessionStore'))
    expect(failureOf(() => new OutputStore(db))).toEqual(invalidState('OutputStore'))
  })

  test('the handle may be closed again after close()', () => {
    const { connection, db } = closed()
    db.close()
    connection.close()
    expect(db.open).toBe(false)
  })
})
