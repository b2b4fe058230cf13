// The write-ahead log stays within bounds, whoever writes, and is short when a process ends.
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { OutputStore } from '../../index.js'
import { inChild, packagePath, startChild } from '../support/child.js'
import {
  openConnection,
  openStores,
  sampleOutput,
  storedData,
  temporaryPath,
} from '../support/support.js'

const MIB = 2 ** 20
const LIMIT = { walLimit: MIB }

/** Less than what any of these floods would write into a log without a limit. */
const MOST = 2 * MIB

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0

describe('the write-ahead log of a flood stays below twice its limit', () => {
  const data = 'x'.repeat(800)

  test.each(['append', 'appendMany', 'transactions'])('by %s, in one tick', (how) => {
    const { connection, outputs } = openStores(undefined, LIMIT)
    const rows = Array.from({ length: 10 }, () => sampleOutput({ data }))
    const append = () => rows.forEach((row) => outputs.append(row))
    const write = {
      append,
      appendMany: () => outputs.appendMany(rows),
      transactions: connection.db.transaction(append),
    }[how]!
    let longest = 0
    for (let i = 0; i < 400; i++) {
      write()
      longest = Math.max(longest, sizeOf(`${connection.path}-wal`))
    }
    expect(longest).toBeLessThanOrEqual(MOST)
    expect(storedData(connection.path)).toHaveLength(4_000)
  })

  test('by write-behind', () => {
    const connection = openConnection(undefined, LIMIT)
    const outputs = new OutputStore(connection, { writeBehind: { maxDelay: 1, maxBytes: MIB } })
    let longest = 0
    for (let i = 0; i < 20_000; i++) {
      outputs.append(sampleOutput({ data }))
      if (i % 100 === 0) longest = Math.max(longest, sizeOf(`${connection.path}-wal`))
    }
    outputs.flush()
    longest = Math.max(longest, sizeOf(`${connection.path}-wal`))
    // A group of the queue is one transaction.
    expect(longest).toBeLessThanOrEqual(MOST + MIB)
  })

  test('by several connections of one thread, in turns', () => {
    const path = temporaryPath()
    const all = Array.from({ length: 3 }, () => openStores(path, LIMIT))
    let longest = 0
    for (let i = 0; i < 1_500; i++) {
      for (const { outputs } of all) outputs.append(sampleOutput({ data }))
      longest = Math.max(longest, sizeOf(`${path}-wal`))
    }
    expect(longest).toBeLessThanOrEqual(MOST)
  })

  test('by several processes and a Worker at once', async () => {
    const path = temporaryPath()
    const { outputs } = openStores(path, LIMIT)
    const flood = `
      const { DatabaseConnection, OutputStore } = require(${JSON.stringify(packagePath)})
      const connection = new DatabaseConnection(${JSON.stringify(path)}, { walLimit: ${MIB} })
      const outputs = new OutputStore(connection)
      const data = 'x'.repeat(800)
      for (let i = 0; i < 1500; i++) {
        outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data })
      }
      connection.close()`
    const worker = new Worker(flood, { eval: true })
    const state = { isOver: false }
    const ends = Promise.all([
      ...Array.from({ length: 2 }, () =>
        inChild(
          ({ require: load }, source) => {
            new Function('require', source)(load)
          },
          [flood],
        ),
      ),
      once(worker, 'exit'),
    ]).finally(() => (state.isOver = true))
    let longest = 0
    do {
      outputs.append(sampleOutput({ data }))
      longest = Math.max(longest, sizeOf(`${path}-wal`))
      await new Promise((resolve) => setImmediate(resolve))
    } while (!state.isOver)
    await ends
    expect(longest).toBeLessThanOrEqual(MOST)
  })
})

test('a reader that pins the log lets it grow, is named, and holds nobody up for long', () => {
  const { connection, outputs } = openStores(undefined, LIMIT)
  outputs.append(sampleOutput())
  const reader = openConnection(connection.path)
  reader.db.exec('BEGIN; SELECT count(*) FROM session_outputs')
  for (let i = 0; i < 2_000; i++) outputs.append(sampleOutput({ data: 'x'.repeat(800) }))
  expect(sizeOf(`${connection.path}-wal`)).toBeGreaterThan(MOST)
  expect(connection.walStatus().blockedBy).toBe('reader')
  reader.db.exec('COMMIT')
  for (let i = 0; i < 2_000; i++) outputs.append(sampleOutput({ data: 'x'.repeat(800) }))
  expect(connection.walStatus().frames * 4_096).toBeLessThanOrEqual(MOST)
})

describe('the log of an attached database', () => {
  const attach = (names: string[]) => {
    const connection = openConnection(undefined, LIMIT)
    const files = names.map((name) => join(dirname(connection.path), `${name}.db`))
    for (const [i, name] of names.entries()) {
      connection.db.exec(
        `ATTACH '${files[i]}' AS ${name}; PRAGMA ${name}.journal_mode = wal;
         CREATE TABLE IF NOT EXISTS ${name}.t (x)`,
      )
    }
    return { connection, db: connection.db, files }
  }

  test('stays below twice walLimit', () => {
    const { db, files } = attach(['o', 'p'])
    let longest = 0
    for (let i = 0; i < 500; i++) {
      for (const name of ['o', 'p']) {
        db.prepare(`INSERT INTO ${name}.t VALUES (?)`).run('x'.repeat(20_000))
      }
      longest = Math.max(longest, ...files.map((file) => sizeOf(`${file}-wal`)))
    }
    expect(longest).toBeLessThanOrEqual(MOST)
    expect(db.prepare('SELECT count(*) FROM o.t').pluck().get()).toBe(500)
    expect(db.pragma('main.journal_mode', { simple: true })).toBe('wal')
  })

  test('is gone after DETACH, and its name may be that of another file', () => {
    const { connection, db, files } = attach(['o'])
    for (let i = 0; i < 100; i++) db.exec('INSERT INTO o.t VALUES (hex(randomblob(10000)))')
    db.exec('DETACH o')
    expect(readdirSync(dirname(connection.path)).filter((name) => name.startsWith('o.db'))).toEqual(
      ['o.db'],
    )
    const other = join(dirname(connection.path), 'other.db')
    db.exec(`ATTACH '${other}' AS o; PRAGMA o.journal_mode = wal; CREATE TABLE o.t (x)`)
    let longest = 0
    for (let i = 0; i < 500; i++) {
      db.exec('INSERT INTO o.t VALUES (hex(randomblob(10000)))')
      longest = Math.max(longest, sizeOf(`${other}-wal`))
    }
    expect(longest).toBeLessThanOrEqual(MOST)
    db.exec('PRAGMA o.journal_mode = delete')
    db.exec("INSERT INTO o.t VALUES ('without a log')")
    expect(sizeOf(`${other}-wal`) + sizeOf(`${files[0]}-wal`)).toBe(0)
  })

  test('does no harm where the file goes away, is attached twice, or has no log', () => {
    const { connection, db, files } = attach(['o'])
    const plain = join(dirname(connection.path), 'plain.db')
    db.exec(`ATTACH '${files[0]}' AS again; ATTACH '${plain}' AS plain; CREATE TABLE plain.t (x)`)
    for (const name of ['o', 'again', 'plain']) {
      for (let i = 0; i < 50; i++) db.exec(`INSERT INTO ${name}.t VALUES (randomblob(1000))`)
    }
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${files[0]}${suffix}`, { force: true })
    for (let i = 0; i < 300; i++) db.exec('INSERT INTO o.t VALUES (randomblob(10000))')
    connection.close()
    expect(existsSync(files[0]!)).toBe(false)
  })

  test('has no thread that stays when it is detached or the connection is closed', async () => {
    const counts = await inChild(
      async ({ pkg, countResources }, path) => {
        const connection = new pkg.DatabaseConnection(path)
        new pkg.OutputStore(connection).append({
          sessionId: 's',
          timestamp: new Date(0),
          type: 'stdout',
          data: '',
        })
        // The thread of the database itself is at work, and has opened its files.
        while (connection.walStatus().framesLeft > 0)
          await new Promise((wake) => setTimeout(wake, 5))
        const before = countResources()
        connection.db.exec(
          `ATTACH '${path}.o' AS o; PRAGMA o.journal_mode = wal; CREATE TABLE o.t (x)`,
        )
        connection.db.exec('DETACH o')
        const after = countResources()
        connection.close()
        return [after.threads - before.threads, after.descriptors - before.descriptors]
      },
      [temporaryPath()],
    )
    expect(counts).toEqual([0, 0])
  })
})

describe('a process that ends without close()', () => {
  test.each(['exit', 'exception', 'Worker'])(
    'leaves a log that is moved into the file: %s',
    async (how) => {
      const path = temporaryPath()
      const { outcome } = startChild(
        ({ pkg, require: load }, file, end, source) => {
          const work = `
          const { DatabaseConnection, OutputStore } = pkg
          const outputs = new OutputStore(new DatabaseConnection(file))
          for (let i = 0; i < 50; i++) {
            outputs.append({ sessionId: 's-1', timestamp: new Date(0), type: 'stdout', data: String(i) })
          }`
          if (end === 'Worker') {
            const { Worker: Thread } = load(
              'node:worker_threads',
            ) as typeof import('node:worker_threads')
            const program = `const pkg = require(${JSON.stringify(source)})
            const file = ${JSON.stringify(file)}; ${work}; process.exit()`
            return void new Thread(program, { eval: true })
          }
          new Function('pkg', 'file', work)(pkg, file)
          if (end === 'exit') process.exit(0)
          throw new Error('nobody catches this')
        },
        [path, how, packagePath],
      )
      const { code, stderr } = await outcome
      expect({ code, isSilent: stderr === '' }).toEqual(
        how === 'exception' ? { code: 1, isSilent: false } : { code: 0, isSilent: true },
      )
      // On a machine with much to do the time may be over before it is empty.
      if (sizeOf(`${path}-wal`) === 0) renameSync(path, `${path}.alone`)
      const left = existsSync(path) ? path : `${path}.alone`
      expect(storedData(left)).toHaveLength(50)
    },
  )
})
