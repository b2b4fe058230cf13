import { expect, test } from 'vitest'
import { open, session } from './open.js'

test('the notes and the output of a session go with it', () => {
  const { connection, sessions, outputs, notes } = open()
  for (const id of ['a', 'b']) {
    sessions.create(session({ id }))
    notes.add(id, `of ${id}`)
    outputs.append({ sessionId: id, timestamp: new Date(), type: 'stdout', data: id })
  }
  sessions.delete('a')
  expect(connection.db.prepare('SELECT session_id FROM notes').pluck().all()).toEqual(['b'])
  expect(notes.list('b')).toEqual(['of b'])
  expect(outputs.getBySession('a')).toEqual([])
})

test('a note and its session are stored together or not at all', () => {
  const { connection, sessions, notes } = open()
  const start = connection.db.transaction(() => {
    sessions.create(session())
    notes.add('a', 'first')
    throw new Error('stumbled')
  })
  expect(() => start()).toThrow('stumbled')
  expect(sessions.list()).toEqual([])
  expect(notes.list('a')).toEqual([])
})
