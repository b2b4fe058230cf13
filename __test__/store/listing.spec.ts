import { describe, expect, test } from 'vitest'
import type { ListOptions, Session, SessionStatus } from '../../index.js'
import {
  at,
  failureOf,
  openConnection,
  openStores,
  outOfRange,
  sampleSession,
  temporaryPath,
  withoutAdditions,
  wrongType,
} from '../support/support.js'

const STATUSES: SessionStatus[] = ['idle', 'running', 'waiting_checkpoint', 'completed', 'failed']

/** A moment in one of the forms of ISO-8601 that programs store. */
function written(millis: number, form: number): string {
  const iso = new Date(millis).toISOString()
  const shifted = (minutes: number) =>
    new Date(millis + minutes * 60_000).toISOString().slice(0, -1)
  switch (form) {
    case 0:
      return iso.replace('T', ' ').slice(0, 19)
    case 1:
      return `${shifted(120)}+02:00`
    case 2:
      return `${shifted(-570)}-0930`
    case 3:
      return `${iso.slice(0, -1)}999`.replace('T', ' ')
    case 4:
      return ` ${iso} `
    case 5:
      return iso.slice(0, 10)
    case 6:
      return iso.slice(0, 16)
    case 7:
      return `${shifted(345)}9+05:45`
    case 8:
      return iso.slice(0, 21)
    default:
      return iso
  }
}

/** A store with sessions whose starts are in all forms, out of order, and often the same. */
function manySessions(count: number) {
  const { connection, sessions } = openStores(temporaryPath(), { slots: 4 })
  const insert = connection.db.prepare(
    `INSERT INTO sessions (id, slot, status, working_dir, current_command, started_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fff_ffff
    return seed % below
  }
  connection.db.transaction(() => {
    for (let i = 0; i < count; i++) {
      const start =
        at(0).getTime() + random(40) * 86_400_000 + random(3) * 3_600_000 + random(4) * 250
      insert.run(
        `s-${i}`,
        BigInt(1 + random(4)),
        STATUSES[random(5)],
        `/srv/${random(3)}`,
        random(4) === 0 ? null : `make ${random(3)}`,
        written(start, random(14)),
      )
    }
  })()
  return { connection, sessions, random }
}

/** What `list()` with these options has to give, from all sessions. */
function chosen(all: Session<number>[], options: ListOptions): Session<number>[] {
  const { status, slot, workingDir, command, since, until, limit, before } = options
  const statuses = status === undefined || status === null ? STATUSES : [status].flat()
  const first = before ? all.findIndex(({ id }) => id === before.id) + 1 : 0
  return all
    .slice(first)
    .filter(
      (session) =>
        statuses.includes(session.status) &&
        (slot ?? session.slot) === session.slot &&
        (workingDir ?? session.workingDir) === session.workingDir &&
        (command ?? session.currentCommand) === session.currentCommand &&
        (!since || session.startedAt >= since) &&
        (!until || session.startedAt <= until),
    )
    .slice(0, limit ?? undefined)
}

describe('list() with conditions', () => {
  test('it gives what meets all of them, whatever form of ISO-8601 is stored', () => {
    const { sessions, random } = manySessions(400)
    const all = sessions.list()
    const starts = all.map(({ startedAt }) => startedAt.getTime())
    expect(starts).toEqual([...starts].sort((a, b) => b - a))
    expect(sessions.list({})).toEqual(all)
    for (let round = 0; round < 300; round++) {
      const maybe = <T>(value: T): T | undefined => (random(3) === 0 ? value : undefined)
      const options: ListOptions = {
        status: maybe(
          random(2) === 0 ? STATUSES[random(5)] : STATUSES.slice(random(3), 2 + random(4)),
        ),
        slot: maybe(1 + random(5)),
        workingDir: maybe(`/srv/${random(4)}`),
        command: maybe(`make ${random(3)}`),
        since: maybe(new Date(starts[random(400)] ?? 0)),
        until: maybe(new Date(starts[random(400)] ?? 0)),
        limit: maybe(random(30)),
        before: maybe(all[random(400)]),
      }
      const { limit: _, before: __, ...filter } = options
      expect(sessions.list(options)).toEqual(chosen(all, options))
      expect(sessions.count(filter)).toBe(chosen(all, filter).length)
    }
  })

  test('pages of 7 give every session once, in the order of list()', () => {
    const { sessions } = manySessions(150)
    const all = sessions.list()
    const pages: Session[] = []
    for (;;) {
      const page = sessions.list({ limit: 7, before: pages.at(-1) })
      if (page.length === 0) break
      pages.push(...page)
    }
    expect(pages).toEqual(all)
  })

  test('sessions whose starts are no moments come last, page by page as in list()', () => {
    const { connection, sessions } = openStores()
    for (let i = 0; i < 9; i++) {
      sessions.create(sampleSession({ id: `s-${i}`, startedAt: at(i * 86_400_000) }))
    }
    const odd = ['2025-02-30', '2025-02-29T00:00:00.000Z', '2026-01-01T10:60:00.000Z', 'unknown']
    const set = connection.db.prepare('UPDATE sessions SET started_at = ? WHERE id = ?')
    for (const [i, start] of odd.entries()) set.run(start, `s-${2 * i}`)
    const all = sessions.list().map(({ id }) => id)
    expect(all).toEqual(['s-8', 's-7', 's-5', 's-3', 's-1', 's-6', 's-4', 's-2', 's-0'])
    for (const limit of [1, 2, 3, 4]) {
      const pages: Session[] = []
      for (let page = sessions.list({ limit }); page.length > 0;) {
        pages.push(...page)
        page = sessions.list({ limit, before: page.at(-1) })
      }
      expect(pages.map(({ id }) => id)).toEqual(all)
    }
    expect(sessions.list({ status: 'running' })).toEqual(sessions.listByStatus('running'))
    expect(sessions.count({ since: new Date('0001-01-01') })).toBe(5)
    expect(sessions.list({ until: new Date('9999-01-01') })).toHaveLength(5)
  })

  test('a session whose start is no moment comes last, and meets no range', () => {
    const { connection, sessions } = openStores()
    sessions.create(sampleSession())
    connection.db.exec(`INSERT INTO sessions (id, slot, status, working_dir, started_at)
      VALUES ('odd', 1, 'idle', '/', 'now')`)
    expect(sessions.list({ limit: 5 }).map(({ id }) => id)).toEqual(['s-1', 'odd'])
    expect(sessions.list({ since: new Date(0) }).map(({ id }) => id)).toEqual(['s-1'])
    expect(sessions.count({ until: new Date() })).toBe(1)
    expect(sessions.count()).toBe(2)
  })

  test('a page is found by the index, and not by sorting', () => {
    const { connection } = openStores()
    const sql = connection.db
      .prepare("SELECT sql FROM sqlite_schema WHERE name = 'gsd_sessions_by_start'")
      .pluck()
      .get() as string
    const start = sql.slice(sql.indexOf('(') + 1, sql.lastIndexOf(')'))
    const plan = connection.db
      .prepare(
        `EXPLAIN QUERY PLAN SELECT id FROM sessions WHERE ${start} < '2026' ORDER BY ${start} DESC, rowid DESC`,
      )
      .all() as { detail: string }[]
    expect(plan.map(({ detail }) => detail)).toEqual([
      'SEARCH sessions USING INDEX gsd_sessions_by_start (<expr><?)',
    ])
  })

  test('a file of an older version that is only read is listed by the same conditions', () => {
    const { connection, sessions } = manySessions(60)
    const expected = sessions.list({ status: ['idle', 'failed'], limit: 9 })
    connection.close()
    withoutAdditions(connection.path)
    const { sessions: old } = openStores(connection.path, { readonly: true })
    expect(old.list({ status: ['idle', 'failed'], limit: 9 })).toEqual(expected)
  })

  test.each([
    ['slot', 1.5, 'an integer', '1.5'],
    ['limit', -1, 'an integer from 0 up', '-1'],
    ['since', new Date(Number.NaN), 'a valid Date in the years 0 to 9999', 'an invalid Date'],
  ])('%s out of range is refused', (option, value, expected, received) => {
    const { sessions } = openStores()
    const failure = outOfRange('SessionStore.list', `options.${option}`, expected, received)
    expect(failureOf(() => sessions.list({ [option]: value }))).toEqual(failure)
  })

  test.each([
    ['workingDir', 1, 'a string', '1'],
    ['command', [], 'a string', 'an array'],
    ['until', '2026', 'a Date', '"2026"'],
    ['status', 1, 'a string', '1'],
  ])('%s of a wrong type is refused', (option, value, expected, received) => {
    const { sessions } = openStores()
    const failure = wrongType('SessionStore.count', `options.${option}`, expected, received)
    expect(failureOf(() => sessions.count({ [option]: value }))).toEqual(failure)
  })

  test('a slot beyond those of the file names the option that allows more', () => {
    const { sessions } = openStores()
    expect(failureOf(() => sessions.create(sampleSession({ slot: 4 })))?.message).toContain(
      'option slots of DatabaseConnection',
    )
    expect(openConnection(temporaryPath(), { slots: 4 }).isOpen).toBe(true)
  })
})
