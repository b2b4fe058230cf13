import { expect, test } from 'vitest'
import {
  CheckpointStore,
  OutputStore,
  SessionStore,
  type DatabaseConnection,
} from '../src/index.js'
import { openConnection } from './support/open.js'

/** A step that concerns three stores: a running session prints its question and waits. */
function reachCheckpoint(connection: DatabaseConnection) {
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection)
  const checkpoints = new CheckpointStore(connection.db)
  sessions.create({
    id: 'a',
    slot: 1,
    status: 'running',
    workingDir: '/srv/app',
    startedAt: new Date(),
  })

  const step = connection.db.transaction((prompt: string, crash?: Error) => {
    outputs.append({ sessionId: 'a', timestamp: new Date(), type: 'stdout', data: prompt })
    checkpoints.ask({ sessionId: 'a', type: 'decision', prompt })
    sessions.update('a', { status: 'waiting_checkpoint' })
    if (crash) throw crash
  })
  const state = () => ({
    status: sessions.get('a')?.status,
    output: outputs.getFullOutput('a'),
    prompt: checkpoints.open('a')?.prompt,
  })
  return { step, state }
}

test('a transaction over sessions, outputs and checkpoints commits as one', () => {
  const connection = openConnection()
  const { step, state } = reachCheckpoint(connection)
  step('Go on?')

  expect(state()).toEqual({ status: 'waiting_checkpoint', output: 'Go on?', prompt: 'Go on?' })
})

test('it leaves no trace when it throws, and the stores work on', () => {
  const connection = openConnection()
  const { step, state } = reachCheckpoint(connection)
  const crash = new Error('the harness stumbled')

  expect(() => step('Go on?', crash)).toThrow(crash)
  expect(state()).toEqual({ status: 'running', output: '', prompt: undefined })
  expect(connection.db.inTransaction).toBe(false)

  step('Once more?')
  expect(state()).toEqual({
    status: 'waiting_checkpoint',
    output: 'Once more?',
    prompt: 'Once more?',
  })
})

test('a transaction inside it is a savepoint of its own', () => {
  const connection = openConnection()
  const { step, state } = reachCheckpoint(connection)
  const outer = connection.db.transaction(() => {
    step('kept')
    expect(() => step('dropped', new Error('only the inner one'))).toThrow('only the inner one')
  })
  outer.immediate()

  expect(state()).toEqual({ status: 'waiting_checkpoint', output: 'kept', prompt: 'kept' })
})
