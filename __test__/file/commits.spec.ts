// What other processes, and whoever opens the file after the end of the machine, see of a commit.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection } from '../../index.js'
import { startChild } from '../support/child.js'
import { temporaryFolder, temporaryPath } from '../support/support.js'

const ROWS = 64
const STEPS = 12
const ROUNDS = 300

/** A file with rows that are all of one round. */
function newFile() {
  const path = temporaryPath()
  const connection = new DatabaseConnection(path)
  connection.db.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, round INTEGER, data BLOB)')
  const insert = connection.db.prepare('INSERT INTO rows VALUES (?, 0, randomblob(3000))')
  for (let id = 0; id < ROWS; id++) insert.run(id)
  connection.close()
  return path
}

/** Rounds that write all rows, by a connection that keeps few pages in memory. Every third one is rolled back. */
function startWriter(path: string, synchronous: 'normal' | 'full') {
  return startChild(
    async ({ pkg, meet }, file, sync, steps, rounds) => {
      const connection = new pkg.DatabaseConnection(file, { synchronous: sync })
      const { db } = connection
      db.pragma('cache_size = 16')
      const write = db.prepare('UPDATE rows SET round = ?, data = randomblob(3000)')
      await meet('ready')
      for (let round = 1; round <= rounds; round++) {
        db.exec('BEGIN IMMEDIATE')
        write.run(round)
        if (round <= steps) await meet('open')
        db.exec(round % 3 === 0 ? 'ROLLBACK' : 'COMMIT')
        if (round <= steps) await meet('over')
      }
      connection.close()
    },
    [path, synchronous, STEPS, ROUNDS],
  )
}

/** The round of the rows: that of the first and that of the last one, and how many they are. */
function roundsOf(connection: DatabaseConnection) {
  return connection.db.prepare('SELECT min(round), max(round), count(data) FROM rows').raw().get()
}

const whole = (round: number) => [round, round, ROWS]

/** What somebody finds who opens a copy of the file and of its log. */
function recovered(path: string) {
  const copy = join(temporaryFolder(), 'copy.db')
  for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${copy}${end}`)
  const connection = new DatabaseConnection(copy)
  try {
    expect(connection.verify().problems).toEqual([])
    return roundsOf(connection)
  } finally {
    connection.close()
  }
}

describe.each(['normal', 'full'] as const)('a commit with synchronous %s', (synchronous) => {
  test('is seen whole by another process and in a copy, and nothing of one that is rolled back', async () => {
    const path = newFile()
    const writer = startWriter(path, synchronous)
    await writer.met('ready')
    const reader = new DatabaseConnection(path, { readonly: true })
    let committed = 0
    for (let round = 1; round <= STEPS; round++) {
      writer.resume()
      await writer.met('open')
      expect(roundsOf(reader)).toEqual(whole(committed))
      expect(recovered(path)).toEqual(whole(committed))
      writer.resume()
      await writer.met('over')
      if (round % 3 !== 0) committed = round
      expect(roundsOf(reader)).toEqual(whole(committed))
      expect(recovered(path)).toEqual(whole(committed))
    }
    writer.resume()
    const over = new AbortController()
    void writer.outcome.then(() => over.abort())
    const seen = new Set<unknown>()
    while (!over.signal.aborted) {
      const state = roundsOf(reader)
      expect(state).toEqual(whole(Number((state as number[])[0])))
      seen.add((state as number[])[0])
      await new Promise((resume) => {
        setImmediate(resume)
      })
    }
    await writer.result
    expect(seen.size).toBeGreaterThan(5)
    expect(roundsOf(reader)).toEqual(whole(ROUNDS - 1))
    reader.close()
  })
})
