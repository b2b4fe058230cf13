import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { lastLines, newest, recover } from '../src/index.js'
import { open, session } from './open.js'

test('the history gives the newest chunks and the last lines', () => {
  const { sessions, outputs } = open()
  sessions.create(session())
  const chunks = ['line 1\n', 'line 2\n', 'line 3\nline 4']
  for (const [n, data] of chunks.entries()) {
    outputs.append({ sessionId: 'a', timestamp: new Date(n), type: 'stdout', data })
  }
  expect(newest(outputs, 'a', 2).map(({ data }) => data)).toEqual(['line 3\nline 4', 'line 2\n'])
  expect(lastLines(outputs, 'a', 2)).toEqual(['line 3', 'line 4'])
})

test('recover() marks what a crash left as failed', () => {
  const { connection, sessions } = open()
  const { pid } = spawnSync(process.execPath, ['--version'])
  sessions.create(session({ pid }))
  sessions.create(session({ id: 'b', status: 'completed' }))
  expect(recover(connection)).toEqual(['a'])
  expect(sessions.get('a')?.status).toBe('failed')
  expect(recover(connection)).toEqual([])
})
