import type { Database } from '@gsd/session-store'

/** A message from one worker to another. */
export interface NewMessage {
  sender: string
  recipient: string
  body: string
}

/** A message as its recipient takes it. */
export interface Message extends NewMessage {
  id: number
  sentAt: Date
}

type MessageRow = Omit<Message, 'sentAt'> & { sentAt: string }

/** The partial index holds unread messages only: it stays small however long the history grows. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    read_at TEXT
  );
  CREATE INDEX IF NOT EXISTS idx_messages_unread ON messages(recipient) WHERE read_at IS NULL;
`

/** The workers' mailboxes, in the session store's database. */
export class MessageStore {
  // The namespace types of better-sqlite3: a store that comes from there changes its import only.
  readonly #db: Database.Database
  readonly #insert: Database.Statement<
    [sender: string, recipient: string, body: string, sentAt: string]
  >
  readonly #unread: Database.Statement<[recipient: string], MessageRow>
  readonly #markRead: Database.Statement<[readAt: string, recipient: string]>
  readonly #countUnread: Database.Statement<[recipient: string], number>
  readonly #prune: Database.Statement<[readBefore: string]>

  constructor(db: Database.Database) {
    this.#db = db
    db.exec(SCHEMA)
    this.#insert = db.prepare(
      'INSERT INTO messages (sender, recipient, body, sent_at) VALUES (?, ?, ?, ?)',
    )
    this.#unread = db.prepare(`
      SELECT id, sender, recipient, body, sent_at AS sentAt
      FROM messages WHERE recipient = ? AND read_at IS NULL ORDER BY id
    `)
    this.#markRead = db.prepare(
      'UPDATE messages SET read_at = ? WHERE recipient = ? AND read_at IS NULL',
    )
    this.#countUnread = db
      .prepare<[string], number>(
        'SELECT count(*) FROM messages WHERE recipient = ? AND read_at IS NULL',
      )
      .pluck()
    this.#prune = db.prepare('DELETE FROM messages WHERE read_at < ?')
  }

  /** Sends one message. Its id is returned; ids grow in the order of sending. */
  send({ sender, recipient, body }: NewMessage): number {
    return Number(
      this.#insert.run(sender, recipient, body, new Date().toISOString()).lastInsertRowid,
    )
  }

  /** Sends the same text to everybody, or to nobody when one of them cannot be reached. */
  broadcast(sender: string, recipients: readonly string[], body: string): number[] {
    return this.#db.transaction(() =>
      recipients.map((recipient) => this.send({ sender, recipient, body })),
    )()
  }

  /** The recipient's unread messages, oldest first. No later call gets them, in any process. */
  take(recipient: string): Message[] {
    // Immediate: a read that turns into a write fails when another process writes in between.
    const rows = this.#db
      .transaction(() => {
        const unread = this.#unread.all(recipient)
        this.#markRead.run(new Date().toISOString(), recipient)
        return unread
      })
      .immediate()
    return rows.map((row) => ({ ...row, sentAt: new Date(row.sentAt) }))
  }

  /** How many messages wait for the recipient. */
  countUnread(recipient: string): number {
    return this.#countUnread.get(recipient) ?? 0
  }

  /** Deletes what was read before `before`, and tells how many messages that were. */
  prune(before: Date): number {
    return this.#prune.run(before.toISOString()).changes
  }
}
