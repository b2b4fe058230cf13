// `gsd-sessions delete`, and what it and `prune` do about rows of others.
import { describe, expect, test } from 'vitest'
import type { PruneReport } from '@gsd/session-store'
import { runCommand, type CommandOptions } from './support.js'
import {
  everyRow,
  openStores,
  sampleOutput,
  sampleSession,
} from '../../../__test__/support/support.js'

/** Sessions `a`, `b` and `c` that are over, `work` that is running, and what `sql` adds. */
function openSessions(sql = '') {
  const stores = openStores()
  for (const id of ['a', 'b', 'c', 'work']) {
    const status = id === 'work' ? 'running' : 'completed'
    stores.sessions.create(sampleSession({ id, status }))
    stores.outputs.append(sampleOutput({ sessionId: id }))
  }
  stores.outputs.append(sampleOutput({ sessionId: 'lost' }))
  stores.connection.db.exec(sql)
  const run = (args: string[], options?: CommandOptions) =>
    runCommand([...args, '--db', stores.connection.path], options)
  const rows = (table: string, column: string) =>
    stores.connection.db.prepare(`SELECT ${column} FROM ${table} ORDER BY rowid`).pluck().all()
  const ids = () => rows('sessions', 'id')
  const printed = () => rows('session_outputs', 'session_id')
  return { ...stores, run, rows, ids, printed }
}

const NOTES = `CREATE TABLE notes (session_id TEXT REFERENCES sessions(id) ON DELETE CASCADE);
  INSERT INTO notes VALUES ('a')`
const STRICT = `CREATE TABLE notes (session_id TEXT REFERENCES sessions(id)); INSERT INTO notes VALUES ('a')`
const MARKS = `CREATE TABLE marks (output INTEGER REFERENCES session_outputs ON DELETE SET NULL);
  INSERT INTO marks SELECT id FROM session_outputs WHERE session_id = 'a'`

describe('delete', () => {
  test('removes the sessions that are named with their output, and prints them', async () => {
    const { run, ids, printed } = openSessions()
    const { code, stdout, stderr } = await run(['delete', 'b', 'a', 'b', '--yes'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines).toHaveLength(6)
    expect(lines[0]).toMatch(/^ID +SLOT +STATUS/)
    expect(lines[1]).toMatch(/^b /)
    expect(lines[2]).toMatch(/^a /)
    expect(lines[4]).toBe('removed: 2 sessions, with all output')
    expect({ ids: ids(), printed: printed() }).toEqual({
      ids: ['c', 'work'],
      printed: ['c', 'work', 'lost'],
    })
  })

  test('leaves the output with --keep-output', async () => {
    const { run, ids, printed } = openSessions(MARKS)
    const { code, stdout } = await run(['delete', 'a', '--keep-output', '--yes'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^removed: 1 session; the output stays$/m)
    expect(ids()).toEqual(['b', 'c', 'work'])
    expect(printed()).toEqual(['a', 'b', 'c', 'work', 'lost'])
  })

  test('removes output whose session is not stored', async () => {
    const { run, printed } = openSessions()
    expect(await run(['delete', 'lost', '--yes'])).toMatchObject({
      code: 0,
      stdout: 'removed: 1 session, with all output\n',
    })
    expect(printed()).toEqual(['a', 'b', 'c', 'work'])
  })

  test('prints the ids as JSON', async () => {
    const { run } = openSessions()
    const { stdout } = await run(['delete', 'a', 'b', '--yes', '--json'])
    expect(JSON.parse(stdout)).toEqual({ sessions: ['a', 'b'] })
  })

  test('with --dry-run tells what would be removed, and changes nothing', async () => {
    const { connection, run } = openSessions()
    const before = everyRow(connection)
    const { code, stdout } = await run(['delete', 'a', '--dry-run'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^a .*\n\nwould be removed: 1 session, with all output\n$/ms)
    expect(everyRow(connection)).toEqual(before)
  })

  test.each<[string, string[], string, string[]]>([
    ['an id that is unknown', ['a', 'nobody'], '', ['no session "nobody"']],
    ['an id without a session whose output is to stay', ['lost', '--keep-output'], '', ['"lost"']],
    ['a session that is running', ['a', 'work'], '', ['"work"', 'running', '--force']],
    ['rows that refer to one of them', ['b', 'a'], NOTES, ['"a"', '"notes"', '--foreign-keys']],
    ['rows that refer to its output', ['a'], MARKS, ['"a"', '"marks"', '--foreign-keys']],
    [
      'rows that SQLite does not let go',
      ['b', 'a', '--foreign-keys'],
      STRICT,
      ['"a"', '"notes"', 'FOREIGN KEY'],
    ],
    [
      'a trigger that refuses',
      ['b', 'a'],
      `CREATE TRIGGER keeper BEFORE DELETE ON sessions WHEN OLD.id = 'a' BEGIN SELECT RAISE(ABORT, 'no'); END`,
      ['"a"', 'no'],
    ],
    [
      'other sessions that would be removed as well',
      ['a', '--foreign-keys'],
      `ALTER TABLE sessions ADD COLUMN parent REFERENCES sessions ON DELETE CASCADE;
       UPDATE sessions SET parent = 'a' WHERE id = 'work'`,
      ['other sessions'],
    ],
  ])('removes nothing because of %s, and exits with 1', async (_, args, sql, words) => {
    const { connection, run } = openSessions(sql)
    const before = everyRow(connection)
    const { code, stdout, stderr } = await run(['delete', ...args, '--yes'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^gsd-sessions: [^\n]+\n$/)
    for (const word of words) expect(stderr).toContain(word)
    expect(everyRow(connection)).toEqual(before)
  })

  test('removes a session that is running with --force', async () => {
    const { run, ids } = openSessions()
    expect(await run(['delete', 'work', '--force', '--yes'])).toMatchObject({ code: 0 })
    expect(ids()).toEqual(['a', 'b', 'c'])
  })

  test('has SQLite remove rows of others with --foreign-keys', async () => {
    const { run, ids, rows } = openSessions(`${NOTES}; ${MARKS}`)
    expect(await run(['delete', 'a', '--foreign-keys', '--yes'])).toMatchObject({ code: 0 })
    expect(ids()).toEqual(['b', 'c', 'work'])
    expect([rows('notes', 'session_id'), rows('marks', 'output')]).toEqual([[], [null]])
  })

  test.each([
    ['y\n', 0, ['b', 'c', 'work']],
    ['n\n', 1, ['a', 'b', 'c', 'work']],
    ['', 1, ['a', 'b', 'c', 'work']],
  ])('asks on a terminal, and is answered %j', async (typed, expected, left) => {
    const { run, ids } = openSessions()
    const { code, stdout, stderr } = await run(['delete', 'a'], { terminal: 80, typed })
    expect(stderr).toContain('Remove 1 session, with all output? [y/N] ')
    expect(stdout).toMatch(/^a /m)
    expect({ code, ids: ids() }).toEqual({ code: expected, ids: left })
  })

  test('removes nothing where nobody can be asked, nor without an id', async () => {
    const { run, ids } = openSessions()
    const { code, stderr } = await run(['delete', 'a'], { input: 'y\n' })
    expect(code).toBe(2)
    expect(stderr).toContain('--yes')
    expect(await run(['delete', '--yes'])).toMatchObject({ code: 2 })
    expect(ids()).toHaveLength(4)
  })
})

describe('prune of a file with tables of others', () => {
  test('leaves sessions alone that rows refer to, and says so', async () => {
    const { run, ids, rows } = openSessions(NOTES)
    for (const how of ['--dry-run', '--yes']) {
      const { code, stdout } = await run(['prune', '--keep-last', '0', how])
      expect(code).toBe(0)
      expect(stdout).toMatch(/^kept a: rows of the table "notes" refer to it/m)
      expect(stdout).toMatch(/removed: 2 sessions/)
      expect(stdout).toContain('--foreign-keys')
    }
    expect(ids()).toEqual(['a', 'work'])
    expect(rows('notes', 'session_id')).toEqual(['a'])
    const { stdout } = await run(['prune', '--keep-last', '0', '--yes', '--json'])
    expect((JSON.parse(stdout) as PruneReport).kept).toEqual([
      { id: 'a', reason: expect.stringContaining('"notes"') as string },
    ])
  })

  test('with --foreign-keys removes the rows as well, or says why it cannot', async () => {
    const cascading = openSessions(NOTES)
    const args = ['prune', '--keep-last', '0', '--foreign-keys', '--yes']
    expect((await cascading.run(args)).stdout).toMatch(/^removed: 3 sessions/m)
    expect(cascading.rows('notes', 'session_id')).toEqual([])
    const strict = openSessions(STRICT)
    expect((await strict.run(args)).stdout).toMatch(/^kept a: rows of the table "notes"/m)
    expect(strict.ids()).toEqual(['a', 'work'])
  })

  test('lets a session of today stay whose end was recorded by a wrong clock', async () => {
    const { run, sessions } = openSessions()
    const endedAt = new Date('2020-01-01T00:00:00Z')
    sessions.create(sampleSession({ id: 'now', status: 'failed', startedAt: new Date(), endedAt }))
    const { stdout } = await run(['prune', '--older-than', '30d', '--dry-run', '--json'])
    expect((JSON.parse(stdout) as PruneReport).sessions).not.toContain('now')
  })
})

test('Sessions that refer to each other go together, and one of them alone stays', async () => {
  const { run, ids } = openSessions(
    "ALTER TABLE sessions ADD COLUMN parent TEXT REFERENCES sessions(id); UPDATE sessions SET parent = 'a' WHERE id = 'b'",
  )
  const alone = await run(['delete', '--yes', 'a'])
  expect(alone.stderr).toContain('session "a" stays: other sessions refer to it')
  const both = await run(['delete', '--yes', 'a', 'b'])
  expect(both.stdout).toContain('removed: 2 sessions')
  expect(ids()).toEqual(['c', 'work'])
})
