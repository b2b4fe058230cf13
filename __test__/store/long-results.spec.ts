import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'

// SQLite makes the long texts itself, in a child process whose memory is free again afterwards.
describe("a result longer than JavaScript's longest string", { tags: ['slow'] }, () => {
  test('output longer than the longest string is a RangeError that names calls that read in parts', async () => {
    const { failures, after } = await inChild(({ pkg, failureOf }) => {
      const connection = new pkg.DatabaseConnection(':memory:')
      const outputs = new pkg.OutputStore(connection)
      const insert = connection.db.prepare(
        `INSERT INTO session_outputs (session_id, timestamp, type, data)
         VALUES (?, '2026-03-01T10:00:00.000Z', 'stdout', printf('%.*c', ?, 'x'))`,
      )
      insert.run('two', 300_000_000)
      insert.run('two', 300_000_000)
      const joined = failureOf(() => outputs.getFullOutput('two'))
      outputs.deleteBySession('two')
      insert.run('one', 600_000_000)
      const failed = [
        joined,
        failureOf(() => outputs.getFullOutput('one')),
        failureOf(() => outputs.getBySession('one')),
        failureOf(() => outputs.getBySessionSince('one', new Date(0))),
        failureOf(() => connection.db.prepare('SELECT data FROM session_outputs').get()),
      ]
      const timestamp = new Date(0)
      outputs.append({ sessionId: 'after', timestamp, type: 'stdout', data: 'works on' })
      return { failures: failed, after: outputs.getFullOutput('after') }
    }, [])
    expect(failures.map((failure) => [failure?.type, failure?.code])).toEqual(
      Array.from({ length: 5 }, () => ['RangeError', 'ERR_OUT_OF_RANGE']),
    )
    expect(failures[0]?.message).toMatch(/^OutputStore.*getFullOutput.*getBySession\(\)/)
    expect(after).toBe('works on')
  })

  test('a session with a text longer than the longest string is a RangeError', async () => {
    const { failures, after } = await inChild(({ pkg, failureOf }) => {
      const connection = new pkg.DatabaseConnection(':memory:')
      const sessions = new pkg.SessionStore(connection)
      connection.db.exec(`INSERT INTO sessions (id, slot, status, working_dir, started_at)
        VALUES ('long', 1, 'idle', printf('%.*c', 600000000, 'x'), '2026-03-01T10:00:00.000Z')`)
      const failed = [failureOf(() => sessions.get('long')), failureOf(() => sessions.list())]
      sessions.delete('long')
      return { failures: failed, after: sessions.list().length }
    }, [])
    expect(failures.map((failure) => [failure?.type, failure?.code])).toEqual([
      ['RangeError', 'ERR_OUT_OF_RANGE'],
      ['RangeError', 'ERR_OUT_OF_RANGE'],
    ])
    expect(after).toBe(0)
  })
})
