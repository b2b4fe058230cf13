// One session of two gigabytes.

import assert from 'node:assert/strict'
import { constants } from 'node:buffer'
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { byPages, contentOf, matchesOf, readable, START } from './walks.mjs'

const BYTES = 2e9
const ID = 'large'

/** Lines of a chunk. Terminals give chunks of some kilobytes. */
const LINES = 40
const BATCH = 500

/** The last chunk alone has the word that is searched for. */
const WORD = 'needle'

const line =
  'the \x1B[32mquick\x1B[0m brown fox (\u{1F98A}) jumps over the lazy dog, and \x1B[1mon\x1B[0m '

/** The chunk with this number. */
function chunkOf(number, isLast) {
  const lines = Array.from({ length: LINES }, (_, i) => `${number} ${line}${i}\r\n`)
  return {
    sessionId: ID,
    timestamp: new Date(START + Math.floor(number / 10)),
    type: 'stdout',
    data: lines.join('') + (isLast ? `${WORD}\r\n` : ''),
  }
}

/** Makes the file of this part, and checks every way to read it. */
export async function bytes({ connection, sessions, outputs, folder, scale, check }) {
  const count = Math.max(BATCH, Math.round((BYTES * scale) / Buffer.byteLength(chunkOf(0).data)))
  const stored = { bytes: 0, hash: '' }

  await check('appendMany', () => {
    const hash = createHash('sha256')
    const startedAt = new Date(START)
    sessions.create({ id: ID, slot: 1, status: 'completed', workingDir: '/src', startedAt })
    for (let first = 0; first < count; first += BATCH) {
      const length = Math.min(BATCH, count - first)
      const batch = Array.from({ length }, (_, i) => chunkOf(first + i, first + i === count - 1))
      for (const { data } of batch) {
        hash.update(data)
        stored.bytes += Buffer.byteLength(data)
      }
      outputs.appendMany(batch)
    }
    stored.hash = hash.digest('hex')
    return `${readable(count)} chunks, ${readable(stored.bytes)} bytes`
  })

  const walk = (chunks) => () => {
    let number = 0
    for (const { data } of chunks()) assert.equal(Number.parseInt(data, 10), number++)
    assert.equal(number, count)
  }
  await check(
    'read, by pages of 500',
    walk(() => byPages(outputs, ID, 500)),
  )
  await check(
    'iterate',
    walk(() => outputs.iterate(ID)),
  )

  await check('tail', () => {
    const { outputs: last } = outputs.tail(ID, { lines: 2 })
    assert.equal(Number.parseInt(last.at(-1).data, 10), count - 1)
    assert.equal(last.length, 1)
  })

  // getFullOutput() gives one string, and takes as much memory as the longest string before it refuses.
  const joined = () => {
    if (stored.bytes < 2 * constants.MAX_STRING_LENGTH) return 'not tried: it fits into a string'
    assert.throws(() => outputs.getFullOutput(ID), { name: 'RangeError' })
    return 'refused: no string is as long'
  }
  await check('getFullOutput', joined, { bounded: false })

  await check('stats', () => {
    const [largest] = connection.stats({ sessions: 1 }).largest
    assert.deepEqual([largest.sessionId, largest.outputs, largest.bytes], [ID, count, stored.bytes])
  })

  await check('search', () => {
    const found = [...matchesOf(outputs, WORD)]
    assert.deepEqual(
      found.map((match) => [match.line, match.lineNumber]),
      [[WORD, count * LINES + 1]],
    )
  })

  for (const format of ['raw', 'text', 'ndjson']) {
    const file = join(folder, `export.${format}`)
    await check(`exportTo, ${format}`, async () => {
      const done = await outputs.exportTo(ID, file, { format })
      const { size, lines, hash } = await contentOf(file)
      assert.equal(size, done.bytes)
      assert.equal(lines, format === 'ndjson' ? count : count * LINES + 1)
      if (format === 'raw') assert.equal(hash, stored.hash)
      return `${readable(size)} bytes`
    })
    rmSync(file)
  }

  await check('prune', async () => {
    const report = await connection.prune({ keepLast: 0 })
    assert.deepEqual(report.sessions, [ID])
    assert.deepEqual([report.outputs, report.bytes], [count, stored.bytes])
    // An empty file has some pages, for its schema.
    assert.ok(report.fileBytes < 1e5, `the file still has ${report.fileBytes} bytes`)
    return `${readable(report.fileBytesBefore)} to ${readable(report.fileBytes)} bytes`
  })
}
