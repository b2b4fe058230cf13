// What is sent is what the file has, whatever happened to the file.
import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OutputStore, SessionStore } from '@gsd/session-store'
import { Batch } from '../src/batch.mjs'
import {
  contentOfStore,
  differences,
  lineOf,
  newCluster,
  newFleet,
  newMachine,
  newShipper,
  query,
  START,
  temporaryFolder,
} from './support.js'

describe('a push', () => {
  test('brings every session and every chunk', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one', { columns: 100, rows: 30, title: 'a build', pid: 7 })
    machine.create('two \0 \\ ü', { status: 'failed', endedAt: new Date(), exitCode: 2 })
    machine.create('without output')
    for (let i = 0; i < 20; i++) {
      machine.print('one', 200)
      machine.print('two \0 \\ ü', 31, (at) => `chunk ${at} \0 \u{1f680} \u001b[1m`)
    }
    const shipper = newShipper({ file: machine.path, to })
    const { store, ...report } = await shipper.push()
    expect(report).toMatchObject({ sessions: 3, outputs: 4_620, failed: [] })
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('again adds nothing', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    machine.print('one', 2_000)
    const { store } = await newShipper({ file: machine.path, to }).push()
    const again = await newShipper({ file: machine.path, to }).push()
    expect(again).toMatchObject({ store, sessions: 0, outputs: 0, blocks: 0 })
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('tells how many chunks it has sent, however often their block is sent', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    const shipper = newShipper({ file: machine.path, to })
    for (let i = 1; i <= 5; i++) {
      machine.print('one', 7)
      expect(await shipper.push()).toMatchObject({ outputs: 7 * i, blocks: i })
    }
    const text = [...machine.outputs.iterate('one')].map(({ data }) => data).join('')
    expect((await shipper.push()).bytes).toBe(Buffer.byteLength(text))
    machine.print('one', 3)
    const other = await newShipper({ file: machine.path, to }).push()
    expect(other).toMatchObject({ outputs: 3, blocks: 1 })
  })

  test('keeps a session whole whose output was there first, whatever becomes of it then', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.print('one', 1_500)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    machine.sessions.create({
      id: 'one',
      slot: 1,
      status: 'running',
      workingDir: '/srv',
      startedAt: new Date(START - 60_000),
    })
    await shipper.push()
    machine.sessions.update('one', { title: 'changed' })
    machine.print('one', 100)
    const { store } = await shipper.push()
    machine.sessions.update('one', { status: 'completed' })
    machine.print('one', 10)
    await newShipper({ file: machine.path, to }).push()
    expect(await newFleet(to).list()).toHaveLength(1)
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('goes on where the last one ended, by any shipper', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    machine.create('one')
    const shippers = [1, 2, 3].map(() => newShipper({ file: machine.path, to }))
    for (let round = 0; round < 12; round++) {
      machine.print('one', 1 + round * 97)
      if (round % 3 === 0) machine.create(`session ${round}`)
      if (round > 3) machine.print('session 3', 40)
      const shipper = shippers[round % shippers.length]
      const report = await shipper?.push()
      expect(await differences(fleet, report?.store ?? '', machine)).toEqual([])
    }
    const blocks = await query<{ count: number }>(
      to,
      "SELECT count(*)::int AS count FROM gsd_fleet.blocks WHERE session = 'one'",
    )
    // A fuller block takes the place of a short one.
    expect(blocks[0]?.count).toBeLessThan(10)
  })

  test('brings what changes of a session, and that it was removed', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    machine.create('one')
    machine.create('two')
    machine.print('two', 10)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    machine.sessions.update('one', {
      status: 'failed',
      exitCode: 3,
      endedAt: new Date(),
      title: 'x',
    })
    machine.sessions.delete('two')
    await shipper.push()
    expect(await fleet.get('one')).toMatchObject({ status: 'failed', exitCode: 3, title: 'x' })
    const removed = await fleet.get('two')
    expect(removed?.removedAt).toBeInstanceOf(Date)
    // It is kept.
    const stores = await fleet.open('two')
    expect([...stores.outputs.iterate('two')]).toHaveLength(10)
    stores.close()
  })

  test('follows removals, if that is asked for', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    machine.create('two')
    machine.print('two', 10)
    const shipper = newShipper({ file: machine.path, to, removals: 'follow' })
    await shipper.push()
    machine.sessions.delete('two')
    await shipper.push()
    expect((await fleet.get('two'))?.removedAt).toBeInstanceOf(Date)
    const stores = await fleet.open('two')
    expect([...stores.outputs.iterate('two')]).toEqual([])
    stores.close()
  })

  test('tells sessions apart that had one id, one after the other', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    const shipper = newShipper({ file: machine.path, to })
    machine.create('one')
    machine.print('one', 5, () => 'of the first\r\n')
    await shipper.push()
    machine.sessions.delete('one')
    machine.create('one')
    machine.print('one', 7, () => 'of the second\r\n')
    await shipper.push()
    const [second, first] = await fleet.list()
    expect([first?.removedAt instanceof Date, second?.removedAt]).toEqual([true, undefined])
    for (const [session, count] of [
      [first, 5],
      [second, 7],
    ] as const) {
      const stores = await fleet.open(session ?? 'nobody')
      expect([...stores.outputs.iterate('one')]).toHaveLength(count)
      stores.close()
    }
  })

  test('reads sealed sessions, and goes on with them', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one', { status: 'completed' })
    machine.print('one', 3_000)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    machine.print('one', 1_000)
    await machine.connection.seal()
    const { store } = await shipper.push()
    expect(await differences(newFleet(to), store, machine)).toEqual([])
    machine.print('one', 500)
    await shipper.push()
    await machine.connection.unseal({ all: true })
    machine.print('one', 500)
    await shipper.push()
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('of output without a session finds it', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.print('nobody', 100)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    // The session is stored later: what it printed before is its own.
    machine.create('nobody')
    machine.print('nobody', 100)
    const { store } = await shipper.push()
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('names a session with a row that no block can hold, and sends the others', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    machine.create('odd')
    machine.print('odd', 1)
    machine.connection.db.exec(
      "UPDATE session_outputs SET timestamp = x'00' WHERE session_id = 'odd'",
    )
    machine.print('one', 10)
    const report = await newShipper({ file: machine.path, to }).push()
    expect(report.failed).toMatchObject([{ session: 'odd' }])
    const content = await contentOfStore(newFleet(to), report.store)
    expect(content.get('one').outputs).toHaveLength(10)
  })
})

describe('a file that is another one', () => {
  test('is told from the one that it is a copy of', async () => {
    const to = await newCluster()
    const fleet = newFleet(to)
    const machine = newMachine()
    machine.create('one')
    machine.print('one', 1_000)
    const original = await newShipper({ file: machine.path, to }).push()
    const path = join(temporaryFolder(), 'copy.db')
    await machine.connection.backup(path)
    const copy = newMachine(path)
    copy.print('one', 10, () => 'of the copy\r\n')
    machine.print('one', 10, () => 'of the original\r\n')
    const [second, first] = [
      await newShipper({ file: copy.path, to }).push(),
      await newShipper({ file: machine.path, to }).push(),
    ]
    expect(first.store).toBe(original.store)
    expect(second.store).not.toBe(original.store)
    expect(await differences(fleet, first.store, machine)).toEqual([])
    expect(await differences(fleet, second.store, copy)).toEqual([])
    const { stores } = await fleet.status()
    expect(stores.find(({ store }) => store === second.store)?.copiedFrom).toBe(first.store)
  })

  test('is told where a backup has taken its place', async () => {
    const to = await newCluster()
    const fleet = newFleet(to)
    const folder = temporaryFolder()
    const path = join(folder, 'sessions.db')
    const before = newMachine(path)
    before.create('one')
    before.print('one', 500)
    const first = await newShipper({ file: path, to }).push()
    await before.connection.backup(join(folder, 'backup.db'))
    before.print('one', 500)
    await newShipper({ file: path, to }).push()
    const lost = await contentOfStore(fleet, first.store)
    before.connection.close()
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
    renameSync(join(folder, 'backup.db'), path)
    const after = newMachine(path)
    after.print('one', 300, (at) => `another history ${lineOf(at)}`)
    const second = await newShipper({ file: path, to }).push()
    expect(second.store).not.toBe(first.store)
    expect(await contentOfStore(fleet, first.store)).toEqual(lost)
    expect(await differences(fleet, second.store, after)).toEqual([])
  })

  test.each([0, 300, 900])(
    'is told where a backup was copied over it, with %i chunks since',
    async (chunks) => {
      const to = await newCluster()
      const fleet = newFleet(to)
      const folder = temporaryFolder()
      const path = join(folder, 'sessions.db')
      const before = newMachine(path)
      before.create('one')
      before.print('one', 500)
      const shipper = newShipper({ file: path, to })
      const first = await shipper.push()
      await before.connection.backup(join(folder, 'backup.db'))
      before.print('one', 500)
      await shipper.push()
      const lost = await contentOfStore(fleet, first.store)
      // The log of a file that is in use would be laid over the copy.
      await shipper.close()
      before.connection.close()
      // The number of the file stays.
      copyFileSync(join(folder, 'backup.db'), path)
      const after = newMachine(path)
      after.print('one', chunks, (at) => `another history ${lineOf(at)}`)
      const second = await newShipper({ file: path, to }).push()
      expect(second.store).not.toBe(first.store)
      expect(await contentOfStore(fleet, first.store)).toEqual(lost)
      expect(await differences(fleet, second.store, after)).toEqual([])
    },
  )

  test('is not one that was moved on its file system', async () => {
    const to = await newCluster()
    const folder = temporaryFolder()
    const path = join(folder, 'sessions.db')
    const machine = newMachine(path)
    machine.create('one')
    machine.print('one', 500)
    const shipper = newShipper({ file: path, to })
    const first = await shipper.push()
    await shipper.close()
    machine.connection.close()
    renameSync(path, join(folder, 'moved.db'))
    const moved = newMachine(join(folder, 'moved.db'))
    moved.print('one', 10)
    const second = await newShipper({ file: moved.path, to }).push()
    expect(second.store).toBe(first.store)
    expect(await differences(newFleet(to), second.store, moved)).toEqual([])
  })

  test('follows removals of a session that was stored again meanwhile', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const shipper = newShipper({ file: machine.path, to, removals: 'follow' })
    machine.create('one')
    machine.print('one', 300)
    await shipper.push()
    machine.sessions.delete('one')
    machine.create('one')
    machine.print('one', 5)
    await shipper.push()
    const blocks = await query(to, 'SELECT DISTINCT started FROM gsd_fleet.blocks')
    expect(blocks).toHaveLength(1)
  })

  test('was pruned: what was sent stays, and what comes is added', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    machine.create('two')
    machine.print('one', 300)
    machine.print('two', 300)
    const shipper = newShipper({ file: machine.path, to })
    const { store } = await shipper.push()
    machine.outputs.deleteBySession('one')
    machine.connection.db.exec("DELETE FROM session_outputs WHERE session_id = 'two' AND id < 500")
    machine.print('one', 20)
    machine.print('two', 20)
    await shipper.push()
    const content = await contentOfStore(newFleet(to), store)
    expect(content.get('one').outputs).toHaveLength(320)
    expect(content.get('two').outputs).toHaveLength(320)
  })
})

test('a transaction of very small blocks has no more values than a statement takes', () => {
  const batch = new Batch()
  let first = 0
  for (let page = 0; !batch.isFull(); page++) {
    const blocks = Array.from({ length: 500 }, () => ({ first: first++, block: Buffer.alloc(94) }))
    batch.add({ column: `s-${page}`, blocks, added: { outputs: 500, bytes: 1 } })
  }
  // Each block has 13 values.
  expect(first * 13).toBeLessThan(65_536)
})

test('no file but the one that is named gets a UUID', async () => {
  const to = await newCluster()
  const machine = newMachine()
  machine.create('one')
  await newShipper({ file: machine.path, to }).push()
  const tables = machine.connection.db
    .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'gsd_fleet%'")
    .pluck()
    .all()
  expect(tables).toEqual(['gsd_fleet_store'])
  expect(new SessionStore(machine.connection).list()).toHaveLength(1)
  expect(new OutputStore(machine.connection).getBySession('one')).toEqual([])
})
