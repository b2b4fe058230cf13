// Sessions whose output is sealed: for everybody who reads or changes it they are what they were.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { DatabaseConnection, salvage } from '../../index.js'
import {
  at,
  failureOf,
  openConnection,
  openStores,
  outOfRange,
  rejectionOf,
  sampleOutput,
  sampleSession,
  temporaryFolder,
  temporaryPath,
  wrongType,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

const IDS = ['s-1', 's-2', 's-3']

/** Three sessions that are over, whose chunks lie between each other, and one that is not. */
function fill({ sessions, outputs }: Stores, chunks = 900): void {
  for (const id of [...IDS, 'live']) {
    sessions.create(sampleSession({ id, terminal: true, columns: 80, rows: 24 }))
  }
  const line = (step: number) =>
    `${step}: \u001b[3${step % 8}mcompiling\u001b[0m module-${(step * 7919) % 1000} \u00e9\r\n`
  for (let step = 0; step < chunks; step++) {
    const sessionId = [...IDS, 'live'][step % 4] ?? ''
    // Some moments go back.
    const timestamp = at(step % 50 === 7 ? step - 30 : step)
    const type = step % 9 === 0 ? 'stderr' : 'stdout'
    outputs.append(sampleOutput({ sessionId, timestamp, type, data: line(step) }))
    if (step === 500) sessions.resize('s-2', { columns: 40, rows: 10 })
  }
  for (const id of IDS) sessions.update(id, { status: 'completed', endedAt: at(chunks) })
}

/** Everything that can be read of the output. */
async function seen({ connection, outputs }: Stores): Promise<unknown> {
  const folder = temporaryFolder()
  const found = [...IDS, 'live', 'none'].map((id) => {
    const cursors = [...outputs.iterate(id)].map(({ cursor }) => cursor)
    const middle = cursors[Math.floor(cursors.length / 2)] ?? 0
    return {
      all: [...outputs.iterate(id)],
      newest: [outputs.getBySession(id), outputs.getBySession(id, 7)],
      since: [outputs.getBySessionSince(id, at(400)), outputs.getBySessionSince(id, at(100), 5)],
      full: [outputs.getFullOutput(id), outputs.getFullOutput(id, { order: 'append' })],
      pages: [
        outputs.read(id, { limit: 3 }),
        outputs.read(id, { after: middle, limit: 20 }),
        outputs.read(id, { after: cursors.at(-1) ?? 0 }),
        outputs.read(id, { after: middle + 1, limit: 1 }),
      ],
      tail: [outputs.tail(id, { lines: 5 }), outputs.tail(id, { chunks: 4 })],
      text: [outputs.text(id), outputs.text(id, { lines: 3, to: middle })],
      screen: outputs.screen(id),
      sizes: outputs.sizes(id),
    }
  })
  const matches = [
    outputs.search('module-7').matches,
    outputs.search('COMPILING', { sessionId: 's-2', context: 1 }).matches,
  ]
  const files = []
  for (const format of ['raw', 'asciicast', 'text', 'html'] as const) {
    const file = join(folder, format)
    await outputs.exportTo('s-2', file, { format })
    files.push(readFileSync(file, 'utf8'))
  }
  const { fileBytes: _, freeBytes: __, walBytes: ___, ...stats } = connection.stats()
  return { found, matches, files, stats }
}

describe('a sealed session', () => {
  test('is what it was for every reader, on every connection, and takes a fraction of the space', async () => {
    const stores = openStores()
    const { connection } = stores
    fill(stores, 6000)
    const other = openStores(connection.path)
    const before = await seen(stores)
    expect(await seen(other)).toEqual(before)
    const report = await connection.seal()
    expect(report).toMatchObject({ sessions: IDS, kept: [], outputs: 4500 })
    expect(report.fileBytes).toBeLessThan(report.fileBytesBefore / 2)
    expect(await seen(stores)).toEqual(before)
    expect(await seen(other)).toEqual(before)
    const readonly = openStores(connection.path, { readonly: true })
    expect(await seen(readonly)).toEqual(before)
    expect(connection.verify()).toMatchObject({ ok: true, schemaVersion: 3 })
    expect(await connection.unseal({ all: true })).toMatchObject({ sessions: IDS, outputs: 4500 })
    expect(connection.verify()).toMatchObject({ ok: true, schemaVersion: 2 })
    for (const each of [stores, other, readonly]) expect(await seen(each)).toEqual(before)
  })

  test('is sealed in a database in memory before seal() returns', async () => {
    const stores = openStores(':memory:')
    fill(stores)
    const before = await seen(stores)
    const sealed = stores.connection.seal()
    const rows = stores.connection.db.prepare('SELECT DISTINCT session_id FROM session_outputs')
    expect(rows.pluck().all()).toEqual(['live'])
    await sealed
    expect(await seen(stores)).toEqual(before)
  })

  test('goes on, and is sealed again', async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    fill(stores)
    await connection.seal()
    const last = outputs.tail('s-1', { chunks: 1 }).cursor
    sessions.update('s-1', { status: 'running' })
    const cursor = outputs.append(sampleOutput({ timestamp: at(2000), data: 'again\n' }))
    expect(outputs.read('s-1', { after: last })).toMatchObject({
      outputs: [{ data: 'again\n', cursor }],
      gap: false,
    })
    expect(outputs.getBySession('s-1', 2)[0]?.data).toBe('again\n')
    expect(await connection.seal()).toMatchObject({ sessions: [], kept: [] })
    expect(await connection.seal({ sessionIds: ['s-1', 's-9'] })).toMatchObject({
      sessions: [],
      kept: [
        { id: 's-1', reason: 'it is running' },
        { id: 's-9', reason: 'it is not stored' },
      ],
    })
    sessions.update('s-1', { status: 'failed' })
    const before = await seen(stores)
    expect(await connection.seal()).toMatchObject({ sessions: ['s-1'], outputs: 1, bytes: 6 })
    expect(await seen(stores)).toEqual(before)
  })

  test('is followed to its end although it is sealed meanwhile', async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    sessions.create(sampleSession())
    outputs.append(sampleOutput({ data: 'one' }))
    const other = openStores(connection.path)
    const found: string[] = []
    for await (const { data } of other.outputs.follow('s-1', { after: 0 })) {
      found.push(data)
      if (data !== 'one') continue
      outputs.append(sampleOutput({ data: 'two' }))
      sessions.update('s-1', { status: 'completed' })
      await connection.seal()
    }
    expect(found).toEqual(['one', 'two'])
  })

  test('is removed like any other', async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    fill(stores)
    await connection.seal()
    const before = connection.stats()
    outputs.deleteBySession('s-1')
    sessions.delete('s-2')
    expect([outputs.getFullOutput('s-1'), outputs.getFullOutput('s-2')]).toEqual(['', ''])
    const chunks = outputs.getBySession('s-3').length
    expect(await connection.prune({ keepLast: 0, dryRun: true })).toMatchObject({
      sessions: ['s-1', 's-3'],
      outputs: chunks,
    })
    expect(await connection.prune({ keepLast: 0 })).toMatchObject({
      sessions: ['s-1', 's-3'],
      outputs: chunks,
    })
    expect(connection.stats().outputs).toBe(before.outputs - 3 * chunks)
    const left = connection.db.prepare(
      'SELECT (SELECT count(*) FROM gsd_session_blocks) + (SELECT count(*) FROM gsd_session_seals)',
    )
    expect(left.pluck().get()).toBe(0)
    expect(connection.verify().ok).toBe(true)
  })

  test('goes with its output where SQL removes it and foreign keys are enforced', async () => {
    const stores = openStores(temporaryPath(), { foreignKeys: true })
    fill(stores, 100)
    await stores.connection.seal()
    stores.connection.db.exec("DELETE FROM sessions WHERE id = 's-1'")
    expect(stores.outputs.getFullOutput('s-1')).toBe('')
    expect(() => stores.sessions.delete('s-2', { keepOutputs: true })).toThrow(/cannot be kept/)
    expect(stores.connection.verify()).toMatchObject({ ok: true, orphanedOutputs: 0 })
  })

  test('is verified as its rows were', async () => {
    const stores = openStores()
    fill(stores, 100)
    const { connection } = stores
    connection.db.exec("UPDATE session_outputs SET timestamp = 'yesterday' WHERE id = 5")
    expect(connection.verify().problems).toEqual([
      'row 5 of session_outputs: timestamp holds "yesterday"',
    ])
    await connection.seal()
    expect(connection.verify().problems).toEqual([
      'block 1 of gsd_session_blocks: timestamp of chunk 5 holds "yesterday"',
    ])
  })

  test('leaves its output without it where that is asked for, until orphans are pruned', async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    fill(stores)
    await connection.seal()
    const full = outputs.getFullOutput('s-1')
    sessions.delete('s-1', { keepOutputs: true })
    expect(outputs.getFullOutput('s-1')).toBe(full)
    const { orphanedOutputs } = connection.stats()
    expect(orphanedOutputs).toBe(outputs.getBySession('s-1').length)
    expect(connection.verify()).toMatchObject({ ok: true, orphanedOutputs })
    expect(await connection.prune({ orphans: true })).toMatchObject({ outputs: orphanedOutputs })
    expect(outputs.getFullOutput('s-1')).toBe('')
  })

  test('loses its secrets, and nothing else', async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    sessions.create(sampleSession())
    const token = `ghp_${'0123456789abcdef'.repeat(3)}`
    const chunks = [
      'before\n',
      `key ${token.slice(0, 20)}`,
      token.slice(20),
      ' after\n',
      'x'.repeat(70_000),
    ]
    for (const data of chunks) outputs.append(sampleOutput({ data }))
    sessions.update('s-1', { status: 'completed' })
    await connection.seal()
    const cursors = [...outputs.iterate('s-1')].map(({ cursor }) => cursor)
    expect(await connection.redact()).toMatchObject({
      outputs: 2,
      redactions: { 'github-token': 1 },
    })
    expect([...outputs.iterate('s-1')].map(({ cursor, data }) => [cursor, data])).toEqual(
      ['before\n', 'key [REDACTED:github-token]', '', ' after\n', 'x'.repeat(70_000)].map(
        (data, index) => [cursors[index], data],
      ),
    )
    expect(connection.verify().ok).toBe(true)
  })

  test('is in a backup, and a salvage brings it back into rows', async () => {
    const stores = openStores()
    fill(stores, 4000)
    const before = await seen(stores)
    await stores.connection.seal()
    const folder = temporaryFolder()
    await stores.connection.backup(join(folder, 'copy.db'))
    expect(await seen(openStores(join(folder, 'copy.db')))).toEqual(before)
    stores.connection.close()
    const report = await salvage(stores.connection.path, join(folder, 'new.db'))
    expect(report).toMatchObject({ outputs: 4000, lost: { outputs: 0 }, problems: [] })
    const salvaged = openStores(join(folder, 'new.db'))
    expect(await seen(salvaged)).toEqual(before)
    expect(salvaged.connection.verify()).toMatchObject({ ok: true, schemaVersion: 2 })
  })

  test('with a damaged block fails with its name, costs no other session, and is salvaged but for it', async () => {
    const stores = openStores()
    const { connection, outputs } = stores
    fill(stores)
    const [one, three] = [outputs.getFullOutput('s-1'), outputs.getFullOutput('s-3')]
    await connection.seal()
    const find = connection.db.prepare(
      "SELECT id, outputs, block FROM gsd_session_blocks WHERE session_id = 's-2'",
    )
    const {
      id,
      outputs: lost,
      block,
    } = find.get() as { id: number; outputs: number; block: Buffer }
    block.writeUInt8(block.readUInt8(60) ^ 1, 60)
    connection.db.prepare('UPDATE gsd_session_blocks SET block = ? WHERE id = ?').run(block, id)
    const damage = `block ${id} of gsd_session_blocks: its checksum is wrong`
    expect(() => outputs.getFullOutput('s-2')).toThrow(damage)
    expect([outputs.getFullOutput('s-1'), outputs.getFullOutput('s-3')]).toEqual([one, three])
    expect(connection.verify().problems).toEqual([damage])
    expect(await rejectionOf(connection.unseal({ all: true }))).toMatchObject({
      code: 'SQLITE_CORRUPT_VTAB',
    })
    connection.close()
    const target = join(temporaryFolder(), 'new.db')
    const report = await salvage(connection.path, target)
    expect(report).toMatchObject({
      outputs: 900 - lost,
      lost: { outputs: lost },
      problems: [damage],
    })
    const salvaged = openStores(target).outputs
    expect([salvaged.getFullOutput('s-1'), salvaged.getFullOutput('s-3')]).toEqual([one, three])
  })
})

describe('seal()', () => {
  test('takes the sessions that are asked for', async () => {
    const stores = openStores()
    const { connection, sessions, outputs } = stores
    for (const [index, id] of IDS.entries()) {
      const moment = at(index * 1000)
      sessions.create(
        sampleSession({ id, status: 'completed', startedAt: moment, endedAt: moment }),
      )
      outputs.append(sampleOutput({ sessionId: id, timestamp: moment }))
    }
    const would = async (options: object) =>
      (await connection.seal({ ...options, dryRun: true })).sessions
    expect(await would({})).toEqual(IDS)
    expect(await would({ keepLast: 1 })).toEqual(['s-1', 's-2'])
    expect(await would({ olderThan: at(1000) })).toEqual(['s-1'])
    expect(await would({ sessionIds: ['s-3', 's-1'] })).toEqual(['s-1', 's-3'])
    expect(connection.verify().schemaVersion).toBe(2)
    expect(await connection.seal({ olderThan: at(1000) })).toMatchObject({ sessions: ['s-1'] })
    expect(await would({})).toEqual(['s-2', 's-3'])
    expect(await connection.unseal({ sessionIds: ['s-2'] })).toMatchObject({ sessions: [] })
  })

  test('refuses a file in which others would notice, unless it is forced', async () => {
    const stores = openStores()
    fill(stores, 100)
    const { connection } = stores
    connection.db.exec(`CREATE TABLE gone (id);
      CREATE TRIGGER of_mine AFTER DELETE ON session_outputs BEGIN INSERT INTO gone VALUES (OLD.id); END`)
    expect(await rejectionOf(connection.seal())).toEqual(
      outOfRange('DatabaseConnection.seal: options.force', 'that fires the trigger "of_mine"'),
    )
    expect(connection.stats().outputs).toBe(100)
    expect(await connection.seal({ force: true })).toMatchObject({ sessions: IDS, outputs: 75 })
    expect(connection.db.prepare('SELECT count(*) FROM gone').pluck().get()).toBe(75)
  })

  test('leaves a session alone that a block cannot hold, and says why', async () => {
    const stores = openStores()
    fill(stores, 100)
    const { connection, outputs } = stores
    connection.db.exec("UPDATE session_outputs SET timestamp = x'00' WHERE id = 5")
    const report = await connection.seal()
    expect(report.sessions).toEqual(['s-2', 's-3'])
    expect(report.kept).toEqual([
      { id: 's-1', reason: 'the timestamp of row 5 of session_outputs is of the type Blob' },
    ])
    expect(outputs.getBySession('s-1')).toHaveLength(25)
  })

  test('gives SQL of others session_outputs_all, and stands in the way of no ALTER TABLE', async () => {
    const stores = openStores()
    fill(stores, 100)
    const { connection } = stores
    const all = connection.db.prepare('SELECT * FROM session_outputs_all ORDER BY id')
    const before = connection.db.prepare('SELECT * FROM session_outputs ORDER BY id').all()
    expect(all.all()).toEqual(before)
    await connection.seal()
    expect(all.all()).toEqual(before)
    const one = connection.db.prepare(
      'SELECT data FROM session_outputs_all WHERE id = ? AND session_id = ?',
    )
    expect(one.pluck().all(6, 's-2')).toHaveLength(1)
    expect(() => connection.db.exec('DELETE FROM session_outputs_all')).toThrow(
      /may not be modified/,
    )
    connection.db.exec(`CREATE TABLE notes (a); ALTER TABLE notes RENAME COLUMN a TO b;
      ALTER TABLE notes RENAME TO remarks`)
    expect(connection.verify().ok).toBe(true)
  })

  test('stops where onProgress throws or a signal is aborted, and goes on with the next call', async () => {
    const stores = openStores()
    fill(stores, 4000)
    const before = await seen(stores)
    const { connection } = stores
    const stop = new Error('enough')
    const onProgress = vi.fn<() => void>(() => {
      throw stop
    })
    await expect(connection.seal({ onProgress })).rejects.toBe(stop)
    const signal = AbortSignal.abort(stop)
    await expect(connection.unseal({ all: true, signal })).rejects.toBe(stop)
    expect(await seen(stores)).toEqual(before)
    await connection.seal()
    expect(
      connection.db.prepare('SELECT DISTINCT session_id FROM session_outputs').pluck().all(),
    ).toEqual(['live'])
    expect(await seen(stores)).toEqual(before)
  })

  test('is refused with what is wrong, and by a connection that only reads', async () => {
    const { connection } = openStores()
    const refused = (options: object) => rejectionOf(connection.seal(options))
    expect(await refused({ olderThan: 5 })).toEqual(wrongType('options.olderThan'))
    expect(await refused({ sessionIds: 's-1' })).toEqual(wrongType('options.sessionIds'))
    expect(await refused({ sessionIds: [7] })).toEqual(wrongType('options.sessionIds[0]'))
    expect(await refused({ keepLast: -1 })).toEqual(outOfRange('options.keepLast'))
    expect(await refused({ force: 'yes' })).toEqual(wrongType('options.force'))
    for (const options of [{}, { all: false }, { all: true, sessionIds: [] }]) {
      expect(await rejectionOf(connection.unseal(options))).toEqual(
        outOfRange('options must have either sessionIds or all: true'),
      )
    }
    const readonly = openConnection(connection.path, { readonly: true })
    expect(await rejectionOf(readonly.seal())).toMatchObject({ code: 'SQLITE_READONLY' })
  })

  test('is done by itself with sealAfter', async () => {
    const stores = openStores(temporaryPath(), { sealAfter: 0 })
    fill(stores, 100)
    const rows = stores.connection.db.prepare('SELECT DISTINCT session_id FROM session_outputs')
    await expect.poll(() => rows.pluck().all(), { timeout: 20_000 }).toEqual(['live'])
    expect(() => new DatabaseConnection(':memory:', { sealAfter: 1.5 })).toThrow(
      /options\.sealAfter must be an integer/,
    )
  })
})

test('a copy of a sealed file with any byte of a block changed ends in no crash', async () => {
  const stores = openStores()
  fill(stores)
  await stores.connection.seal()
  const copy = join(temporaryFolder(), 'copy.db')
  await stores.connection.backup(copy)
  const bytes = readFileSync(copy)
  const start = bytes.indexOf('GSDB')
  expect(start).toBeGreaterThan(0)
  for (let step = 0; step < 60; step++) {
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(damaged.readUInt8(start + step * 7) ^ 0x55, start + step * 7)
    const path = join(temporaryFolder(), 'damaged.db')
    writeFileSync(path, damaged)
    const { connection, outputs } = openStores(path)
    expect(connection.verify().ok).toBe(false)
    for (const id of IDS) {
      const failure = failureOf(() => outputs.getFullOutput(id))
      expect(failure?.code ?? 'SQLITE_CORRUPT_VTAB').toBe('SQLITE_CORRUPT_VTAB')
    }
    connection.close()
  }
})
