import { expect, test } from 'vitest'
import { CheckpointStore } from '../src/index.js'
import { openConnection } from './support/open.js'

test('a session that asks waits for one answer', () => {
  const checkpoints = new CheckpointStore(openConnection().db)
  const request = { sessionId: 'a', type: 'decision', prompt: 'Which database?' } as const
  checkpoints.ask(request)

  expect(checkpoints.open('a')).toEqual({ ...request, askedAt: expect.any(Date) })
  expect(checkpoints.answer('a', 'SQLite')).toBe(true)
  expect(checkpoints.answer('a', 'another one')).toBe(false)
  expect(checkpoints.open('a')).toBeUndefined()
})

test('a second question replaces the open one, not the answered ones', () => {
  const connection = openConnection()
  const checkpoints = new CheckpointStore(connection.db)
  checkpoints.ask({ sessionId: 'a', type: 'decision', prompt: 'first' })
  checkpoints.answer('a', 'yes')
  checkpoints.ask({ sessionId: 'a', type: 'decision', prompt: 'second' })
  checkpoints.ask({ sessionId: 'a', type: 'human-verify', prompt: 'third' })

  expect(checkpoints.listOpen()).toMatchObject([
    { sessionId: 'a', type: 'human-verify', prompt: 'third' },
  ])
  const prompts = connection.db.prepare('SELECT prompt FROM checkpoints ORDER BY id').pluck()
  expect(prompts.all()).toEqual(['first', 'third'])
})

test('open questions are listed oldest first', () => {
  const checkpoints = new CheckpointStore(openConnection().db)
  for (const sessionId of ['b', 'a', 'c']) {
    checkpoints.ask({ sessionId, type: 'human-action', prompt: 'Log in' })
  }

  expect(checkpoints.listOpen().map(({ sessionId }) => sessionId)).toEqual(['b', 'a', 'c'])
})

test('what the schema forbids is a SqliteError, and the store works on', () => {
  const connection = openConnection()
  const checkpoints = new CheckpointStore(connection.db)
  const insert = connection.db.prepare(
    `INSERT INTO checkpoints (session_id, type, prompt, asked_at) VALUES (?, 'riddle', ?, ?)`,
  )

  expect(() => insert.run('a', 'What am I?', new Date().toISOString())).toThrow(
    expect.objectContaining({ name: 'SqliteError', code: 'SQLITE_CONSTRAINT_CHECK' }),
  )

  checkpoints.ask({ sessionId: 'a', type: 'decision', prompt: 'Again?' })
  expect(checkpoints.listOpen()).toHaveLength(1)
})
