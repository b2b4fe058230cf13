import { expect, expectTypeOf, test } from 'vitest'
import type { Session } from '@gsd/core'
import { open, session } from './open.js'

test('a session comes back as it was stored', () => {
  const { sessions } = open()
  sessions.create(session({ currentCommand: 'npm test', pid: 7 }))
  const stored: Session | undefined = sessions.get('a')
  expect(stored).toEqual(session({ currentCommand: 'npm test', pid: 7 }))
  expect(sessions.get('b')).toBeUndefined()
  expectTypeOf(sessions.list()[0]!.slot).toEqualTypeOf<1 | 2 | 3 | 4>()
})

test('an update changes the given fields', () => {
  const { sessions } = open()
  sessions.create(session({ pid: 7 }))
  const endedAt = new Date('2026-03-01T11:00:00.000Z')
  sessions.update('a', { status: 'completed', endedAt })
  expect(sessions.get('a')).toEqual(session({ status: 'completed', endedAt, pid: 7 }))
  expect(sessions.findRunning()).toEqual([])
  expect(sessions.listByStatus('completed')).toHaveLength(1)
})

test('the output of a session comes newest first, and as one text', () => {
  const { sessions, outputs } = open()
  sessions.create(session())
  for (const n of [1, 2, 3]) {
    outputs.append({ sessionId: 'a', timestamp: new Date(n), type: 'stdout', data: `${n}` })
  }
  expect(outputs.getBySession('a', 2).map(({ data }) => data)).toEqual(['3', '2'])
  expect(outputs.getBySessionSince('a', new Date(1)).map(({ data }) => data)).toEqual(['2', '3'])
  expect(outputs.getFullOutput('a')).toBe('1\n2\n3')
})
