// Files whose schema was made to do harm. Each is used in a process of its own, so that one that never returns, or takes
// all memory, fails its test and nothing else.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import {
  openConnection,
  openStores,
  sampleOutput,
  sampleSession,
  temporaryPath,
  writeForeignFile,
} from '../support/support.js'

const ENDLESS =
  'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'

/** Milliseconds after which a child hangs; what is ended by the clock takes ten seconds of them. */
const PATIENCE = 100_000

/** Megabytes that a child may take; Node.js alone takes some 60. */
const MEMORY = 400

/** A file with a session that has output, and whatever `sql` adds to its schema. */
function fileWith(sql: string): string {
  const { connection, sessions, outputs } = openStores()
  sessions.create(sampleSession({ pid: 999_999_999, owner: null }))
  outputs.appendMany(Array.from({ length: 20 }, () => sampleOutput()))
  connection.db.exec(sql)
  connection.close()
  return connection.path
}

/** Replaces text in the bytes of a file by other bytes of the same length. */
function patch(path: string, from: string, to: string | Buffer): void {
  const bytes = readFileSync(path)
  const replacement = Buffer.from(to as string)
  expect(replacement).toHaveLength(from.length)
  expect(bytes.includes(from)).toBe(true)
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) {
    replacement.copy(bytes, at)
  }
  writeFileSync(path, bytes)
}

type Call =
  | 'nothing'
  | 'read'
  | 'verify'
  | 'create'
  | 'update'
  | 'append'
  | 'appendMany'
  | 'delete'
  | 'deleteBySession'
  | 'pin'
  | 'failOrphans'
  | 'prune'
  | 'flush'

/** Opens a file in a process of its own and makes one call, or none. */
async function use(path: string, call: Call, options: { slots?: number } = {}) {
  const used = await inChild(
    async ({ pkg, failureOf }, file, name, settings) => {
      const session = { status: 'running', workingDir: '/', startedAt: new Date() } as const
      const output = { sessionId: 's-1', timestamp: new Date(), type: 'stdout', data: 'x' } as const
      let result: unknown
      const caught = async (work: () => unknown) => {
        try {
          result = await work()
          return undefined
        } catch (error) {
          return failureOf(() => {
            throw error
          })
        }
      }
      const began = Date.now()
      const failure = await caught(async () => {
        const connection = new pkg.DatabaseConnection(file, settings)
        const [sessions, outputs] = [
          new pkg.SessionStore(connection),
          new pkg.OutputStore(connection),
        ]
        const calls: Record<string, () => unknown> = {
          nothing: () => undefined,
          read: () => [sessions.list().length, outputs.getBySession('s-1').length],
          verify: () => connection.verify().problems,
          create: () => sessions.create({ id: 's-2', slot: settings.slots ?? 1, ...session }),
          update: () => sessions.update('s-1', { status: 'failed' }),
          append: () => outputs.append(output),
          appendMany: () => outputs.appendMany(Array.from({ length: 100 }, () => output)),
          delete: () => sessions.delete('s-1'),
          deleteBySession: () => outputs.deleteBySession('s-1'),
          pin: () => sessions.pin('s-1'),
          failOrphans: () => sessions.failOrphans().length,
          prune: () =>
            connection
              .prune({ keepLast: 0, statuses: ['completed', 'failed'] })
              .then(() => 'pruned'),
          flush: () => {
            const behind = new pkg.OutputStore(connection, { writeBehind: { onError: () => {} } })
            behind.append(output)
            behind.flush()
          },
        }
        return await calls[name]?.()
      })
      return {
        failure,
        result,
        seconds: (Date.now() - began) / 1000,
        megabytes: process.resourceUsage().maxRSS / 1024,
      }
    },
    [path, call, options],
    { timeout: PATIENCE },
  )
  expect(used.megabytes).toBeLessThan(MEMORY)
  return used
}

/** The result for a file whose schema runs no code of its own. */
const HARMLESS = { problems: [], failure: undefined, rows: [1, 20], slow: [] }

/** Verifies a file, opens it with more slots, and reads it. */
async function useAll(path: string) {
  const verified = await use(path, 'verify')
  const widened = await use(path, 'nothing', { slots: 4 })
  const read = await use(path, 'read')
  const slow = [verified, widened, read].filter(({ seconds }) => seconds > 8)
  return { problems: verified.result, failure: widened.failure, rows: read.result, slow }
}

describe('a file with a hostile schema', { timeout: 2 * PATIENCE }, () => {
  test.each([
    ['INSERT', 'sessions'],
    ['UPDATE', 'sessions'],
    ['DELETE', 'sessions'],
    ['INSERT', 'session_outputs'],
    ['INSERT', 'session_pins'],
  ])(
    'a file with an endless trigger on %s of %s can be opened, widened, read and verified',
    async (event, table) => {
      expect(
        await useAll(
          fileWith(`CREATE TRIGGER forever BEFORE ${event} ON ${table} BEGIN ${ENDLESS}; END`),
        ),
      ).toEqual(HARMLESS)
    },
  )

  test('with a CHECK on slots that cannot be read, and a trigger without end', async () => {
    const path = fileWith(`CREATE TRIGGER forever BEFORE INSERT ON sessions BEGIN ${ENDLESS}; END`)
    patch(path, 'slot IN (1, 2, 3)', 'slot BETWEEN 1 AND 5'.slice(0, 17).padEnd(17))
    const { failure, seconds } = await use(path, 'nothing', { slots: 4 })
    expect(failure).toMatchObject({ type: 'SqliteError' })
    expect(seconds).toBeLessThan(8)
  })

  test('a file with a trigger that fills the disk can be opened, widened, read and verified', async () => {
    const path = fileWith(`CREATE TABLE heap (x);
      CREATE TRIGGER fill BEFORE INSERT ON sessions BEGIN
        INSERT INTO heap WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
          SELECT randomblob(100000) FROM n;
      END`)
    const before = statSync(path).size
    expect(await useAll(path)).toEqual(HARMLESS)
    expect(statSync(path).size).toBeLessThan(before + 100_000)
  })

  test('a file with views that grow twofold at every level can be opened, widened, read and verified', async () => {
    const levels = Array.from(
      { length: 40 },
      (_, i) => `CREATE VIEW v${i + 1} AS SELECT a.* FROM v${i} a, v${i} b;`,
    )
    expect(await useAll(fileWith(`CREATE TABLE v0 (x); ${levels.join('')}`))).toEqual(HARMLESS)
  })

  test('a file with an endless view can be opened, widened, read and verified', async () => {
    expect(await useAll(fileWith(`CREATE VIEW forever AS ${ENDLESS}`))).toEqual(HARMLESS)
  })

  test('a file with a default of huge cost can be opened, widened, read and verified', async () => {
    const path = fileWith('')
    writeForeignFile(
      path,
      `DROP TABLE other.session_pins; CREATE TABLE other.session_pins (
        session_id TEXT PRIMARY KEY,
        created_at TEXT DEFAULT (datetime('now')),
        heavy DEFAULT (hex(zeroblob(400000000))))`,
    )
    expect(await useAll(path)).toEqual(HARMLESS)
  })

  test('a file with an FTS5 table can be opened, widened, read and verified', async () => {
    expect(
      await useAll(
        fileWith(`CREATE VIRTUAL TABLE words USING fts5 (word);
      INSERT INTO words VALUES ('hello')`),
      ),
    ).toEqual(HARMLESS)
  })
})

describe('a CHECK of huge cost', { timeout: 2 * PATIENCE }, () => {
  const check = 'CHECK (length(hex(zeroblob(60000000))) > 0)'

  test('a CHECK of huge cost is reported by verify(), in bounded memory', async () => {
    const path = fileWith(`ALTER TABLE sessions ADD COLUMN heavy TEXT ${check}`)
    const { result, seconds } = await use(path, 'verify')
    expect(result).toEqual([expect.stringMatching(/^checks of the tables: .*too big/)])
    expect(seconds).toBeLessThan(30)
  })

  test('a CHECK of huge cost keeps a file from being widened, not from being opened', async () => {
    const path = fileWith(`ALTER TABLE sessions ADD COLUMN heavy TEXT ${check}`)
    expect((await use(path, 'read')).result).toEqual([1, 20])
    expect((await use(path, 'nothing', { slots: 4 })).failure).toMatchObject({
      type: 'SqliteError',
      code: 'SQLITE_CANTOPEN',
    })
  })

  test('a CHECK of huge cost is tried out with short values only', async () => {
    const slow = Array.from({ length: 300 }, () => 'instr(zeroblob(00000000), zeroblob(00000000))')
    const path = fileWith(
      `ALTER TABLE sessions ADD COLUMN heavy TEXT CHECK ((${slow.join('+')}) >= 0)`,
    )
    // Made with little to do, as it was made elsewhere.
    patch(path, '(00000000), zeroblob(00000000)', '(20000000), zeroblob(09000000)')
    expect((await use(path, 'verify')).seconds).toBeLessThan(30)
  })
})

describe('a computed column of huge cost', { timeout: 2 * PATIENCE }, () => {
  test.each([['sessions'], ['session_outputs']])(
    'a computed column of huge cost in %s is reported by verify()',
    async (table) => {
      const path = fileWith(
        `ALTER TABLE ${table} ADD COLUMN heavy TEXT AS (hex(zeroblob(400000000))) VIRTUAL`,
      )
      const { result, seconds } = await use(path, 'verify')
      expect(result).toEqual(expect.arrayContaining([expect.stringMatching(/too big$/)]))
      expect(seconds).toBeLessThan(30)
      expect((await use(path, 'read')).result).toEqual([1, 20])
    },
  )
})

describe('an index of huge cost', { timeout: 2 * PATIENCE }, () => {
  test.each([
    ['of an expression', '(length(hex(zeroblob(60000000)) || data))', ''],
    ['of a part of the rows', '(data)', 'WHERE length(hex(zeroblob(60000000)) || data) > 0'],
  ])('an index of huge cost %s is reported by verify()', async (_, columns, where) => {
    const path = fileWith('')
    // Made with little to do, as a file that does harm was made elsewhere.
    const { db } = openConnection(path)
    const cheap = (sql: string) => sql.replaceAll('60000000', '00000006')
    db.exec(`CREATE INDEX heavy ON session_outputs ${cheap(columns)} ${cheap(where)}`)
    db.close()
    patch(path, '00000006', '60000000')
    const { result, seconds } = await use(path, 'verify')
    expect(result).toEqual([expect.stringMatching(/^integrity check: /)])
    expect(seconds).toBeLessThan(30)
    expect((await use(path, 'read')).result).toEqual([1, 20])
  })
})

describe('a table of the store', () => {
  test.each([
    ['a view', 'CREATE VIEW other.sessions AS', ENDLESS],
    ['a virtual table', 'CREATE VIRTUAL TABLE other.sessions USING', 'fts5 (id, slot)'],
  ])(
    'a table of the stores that is %s is refused, and not looked into',
    async (_, create, rest) => {
      const path = temporaryPath()
      openConnection(path).close()
      writeForeignFile(path, `DROP TABLE other.sessions; ${create} ${rest}`)
      const { failure, seconds } = await use(path, 'nothing')
      expect(failure).toMatchObject({ code: 'SQLITE_CANTOPEN' })
      expect(failure?.message).toContain('it is no ordinary table with a rowid')
      expect(seconds).toBeLessThan(8)
    },
  )
})

describe('a call that sets off a hostile trigger', { timeout: 2 * PATIENCE }, () => {
  const calls: [Call, string, string][] = [
    ['create', 'INSERT', 'sessions'],
    ['update', 'UPDATE', 'sessions'],
    ['failOrphans', 'UPDATE', 'sessions'],
    ['delete', 'DELETE', 'sessions'],
    ['append', 'INSERT', 'session_outputs'],
    ['appendMany', 'INSERT', 'session_outputs'],
    ['flush', 'INSERT', 'session_outputs'],
    ['deleteBySession', 'DELETE', 'session_outputs'],
    ['pin', 'INSERT', 'session_pins'],
  ]

  test(
    'fails after ten seconds where the trigger has no end, and has changed nothing',
    { tags: ['slow'] },
    async () => {
      await Promise.all(
        calls.map(async ([call, event, table]) => {
          const path = fileWith(
            `CREATE TRIGGER forever BEFORE ${event} ON ${table} BEGIN ${ENDLESS}; END`,
          )
          const { failure } = await use(path, call)
          expect([call, failure]).toEqual([
            call,
            {
              type: 'SqliteError',
              code: 'SQLITE_INTERRUPT',
              message: expect.stringContaining('took more than 10 s') as string,
            },
          ])
          expect((await use(path, 'read')).result).toEqual([1, 20])
        }),
      )
    },
  )

  test(
    'fails before the log is two gigabytes long where the trigger fills the disk',
    { tags: ['slow'] },
    async () => {
      const path = fileWith(`CREATE TABLE heap (x);
      CREATE TRIGGER fill BEFORE INSERT ON session_outputs BEGIN
        INSERT INTO heap WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
          SELECT zeroblob(1000000) FROM n;
      END`)
      const { failure } = await use(path, 'append')
      expect(failure).toMatchObject({ code: 'SQLITE_INTERRUPT' })
      expect(failure?.message).toMatch(/more than (1024 MiB of write-ahead log|10 s)/)
    },
  )

  test('fails where the trigger takes all memory', async () => {
    const path = fileWith(`CREATE TRIGGER heavy BEFORE INSERT ON session_outputs BEGIN
      SELECT hex(zeroblob(400000000)), hex(zeroblob(400000000)); END`)
    const { failure } = await use(path, 'append')
    expect(failure).toMatchObject({ code: 'SQLITE_INTERRUPT' })
    expect(failure?.message).toContain('more memory')
  })

  test('fails where the trigger reads views that grow twofold', async () => {
    const levels = Array.from(
      { length: 40 },
      (_, i) => `CREATE VIEW v${i + 1} AS SELECT a.* FROM v${i} a, v${i} b;`,
    )
    const path = fileWith(`CREATE TABLE v0 (x); ${levels.join('')}
      CREATE TRIGGER grow BEFORE INSERT ON session_outputs BEGIN SELECT * FROM v40; END`)
    const { failure } = await use(path, 'append')
    expect(failure).toMatchObject({ type: 'SqliteError' })
  })
})
