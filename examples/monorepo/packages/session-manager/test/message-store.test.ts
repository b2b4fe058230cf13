import { expect, test } from 'vitest'
import { MessageStore } from '../src/index.js'
import { openConnection, temporaryFile } from './support/open.js'

test('a message is taken once, in the order of sending', () => {
  const messages = new MessageStore(openConnection().db)
  const first = messages.send({ sender: 'lead', recipient: 'worker', body: 'first' })
  const second = messages.send({ sender: 'lead', recipient: 'worker', body: 'second 🚀' })
  messages.send({ sender: 'lead', recipient: 'somebody else', body: 'third' })

  expect(second).toBeGreaterThan(first)
  expect(messages.countUnread('worker')).toBe(2)
  expect(messages.take('worker')).toEqual([
    { id: first, sender: 'lead', recipient: 'worker', body: 'first', sentAt: expect.any(Date) },
    {
      id: second,
      sender: 'lead',
      recipient: 'worker',
      body: 'second 🚀',
      sentAt: expect.any(Date),
    },
  ])
  expect(messages.take('worker')).toEqual([])
  expect(messages.countUnread('somebody else')).toBe(1)
})

test('a broadcast reaches everybody or nobody', () => {
  const connection = openConnection()
  const messages = new MessageStore(connection.db)
  connection.db.exec(`
    CREATE TRIGGER closed_mailbox BEFORE INSERT ON messages WHEN new.recipient = 'gone'
    BEGIN SELECT raise(ABORT, 'nobody reads this mailbox'); END
  `)

  expect(messages.broadcast('lead', ['a', 'b'], 'hello')).toHaveLength(2)
  expect(() => messages.broadcast('lead', ['a', 'b', 'gone'], 'again')).toThrow(
    'nobody reads this mailbox',
  )
  expect([messages.countUnread('a'), messages.countUnread('b')]).toEqual([1, 1])
})

test('prune() deletes what was read, and nothing else', () => {
  const messages = new MessageStore(openConnection().db)
  messages.broadcast('lead', ['a', 'a', 'b'], 'hello')
  messages.take('a')

  expect(messages.prune(new Date(0))).toBe(0)
  expect(messages.prune(new Date(Date.now() + 1000))).toBe(2)
  expect(messages.countUnread('b')).toBe(1)
})

test('two connections share the mailboxes of one file', () => {
  const dbPath = temporaryFile()
  const messages = new MessageStore(openConnection(dbPath).db)
  const elsewhere = new MessageStore(openConnection(dbPath).db)

  elsewhere.send({ sender: 'b', recipient: 'a', body: 'from the other side' })

  expect(messages.take('a')).toMatchObject([{ body: 'from the other side' }])
  expect(elsewhere.take('a')).toEqual([])
})

test('the partial index answers who has unread messages', () => {
  const connection = openConnection()
  const messages = new MessageStore(connection.db)
  const plan = connection.db
    .prepare<[string], { detail: string }>(
      'EXPLAIN QUERY PLAN SELECT id FROM messages WHERE recipient = ? AND read_at IS NULL',
    )
    .all('worker')

  expect(messages.countUnread('worker')).toBe(0)
  expect(plan.map(({ detail }) => detail).join()).toContain('idx_messages_unread')
})
