// Whatever fails, nothing is lost, doubled or mixed.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FleetError } from '@gsd/session-fleet'
import {
  contentOfStore,
  differences,
  emptyDatabase,
  lineOf,
  newCluster,
  newFleet,
  newMachine,
  newShipper,
  query,
  START,
} from './support.js'
import { newProxy } from './proxy.js'
import { Server } from './server.mjs'

const DAY = 86_400_000

/** The code of the error that a promise rejects with. */
async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error instanceof FleetError ? error.code : String(error)
  }
}

describe('a connection that is cut', () => {
  test.each(['before', 'inside'] as const)('at every message, %s it', async (how) => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    const proxy = await newProxy(to)
    const shipper = newShipper({ file: machine.path, to: proxy.url })
    machine.create('one')
    machine.create('two')
    let cuts = 0
    const wrong: unknown[] = []
    for (let message = 1, isCut = true; isCut; message++) {
      machine.print('one', 60)
      machine.print('two', 20)
      if (message % 4 === 0) machine.sessions.update('one', { title: `round ${message}` })
      proxy.cutAt(message, how)
      const { store } = await shipper.push()
      isCut = proxy.wasCut
      if (isCut) cuts++
      const found = await differences(fleet, store, machine)
      if (found.length > 0) wrong.push({ message, found })
    }
    expect(wrong).toEqual([])
    expect(cuts).toBeGreaterThan(20)
  })
})

describe('a server', () => {
  test('that is killed in the middle has all that was told to be there', async () => {
    const server = await Server.start({ fsync: 'on' })
    onTestFinished(() => server.stop())
    const to = await newCluster(server.url())
    const machine = newMachine()
    machine.create('one')
    const shipper = newShipper({ file: machine.path, to, patience: 60_000 })
    let store = ''
    for (let round = 0; round < 5; round++) {
      machine.print('one', 20_000)
      const pushed = shipper.push()
      await new Promise((resume) => {
        setTimeout(resume, 40 + round * 60)
      })
      await server.kill()
      await server.run()
      store = (await pushed).store
    }
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('whose disk is full has nothing by halves, and all once there is room', async () => {
    const server = await Server.start()
    onTestFinished(() => server.stop())
    const to = await newCluster(server.url())
    const machine = newMachine()
    for (const id of ['one', 'two', 'three']) {
      machine.create(id)
      machine.print(id, 400, (at) => `${at} ${randomBytes(6_000).toString('latin1')}`)
    }
    await server.restart({ largestFile: 3 << 20 })
    const shipper = newShipper({ file: machine.path, to, patience: 500 })
    expect(await codeOf(shipper.push())).toMatch(/^(53100|XX000|58030)$/)
    const broken = await query<{ count: number }>(
      to,
      `SELECT 1 FROM gsd_fleet.cursors c WHERE position <>
        (SELECT max(last) FROM gsd_fleet.blocks b WHERE b.store = c.store AND b.session = c.session)`,
    )
    expect(broken).toEqual([])
    expect(await query(to, 'SELECT 1 FROM gsd_fleet.cursors')).not.toHaveLength(3)
    await server.restart()
    const { store } = await shipper.push()
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('that is not there is told after the patience, by its address and without the password', async () => {
    const machine = newMachine()
    machine.create('one')
    const to = 'postgres://somebody:hidden@127.0.0.1:1/fleet'
    const shipper = newShipper({ file: machine.path, to, patience: 200 })
    const failure = await shipper.push().catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'FleetError', code: 'ECONNREFUSED' })
    expect(String(failure)).toContain('postgres://somebody@127.0.0.1:1/fleet')
    expect(String(failure)).not.toContain('hidden')
  })

  test('without tables says how to make them', async () => {
    const { pathname } = new URL(await newCluster())
    const to = new URL(await newCluster())
    await query(to.href, 'DROP SCHEMA gsd_fleet CASCADE')
    expect(pathname).not.toBe(to.pathname)
    const machine = newMachine()
    machine.create('one')
    const failure = await newShipper({ file: machine.path, to: to.href })
      .push()
      .catch((error: unknown) => error)
    expect(String(failure)).toContain('gsd-fleet init')
    expect(await codeOf(newFleet(to.href).list())).toBe('ERR_NO_TABLES')
  })

  test('with newer tables is refused', async () => {
    const to = await newCluster()
    await query(to, "UPDATE gsd_fleet.settings SET value = '99' WHERE name = 'version'")
    const machine = newMachine()
    expect(await codeOf(newShipper({ file: machine.path, to }).push())).toBe('ERR_NEWER')
    expect(await codeOf(newFleet(to).list())).toBe('ERR_NEWER')
  })
})

describe('a cluster that has lost what it acknowledged', () => {
  test('gets it again, whatever the shipper believes', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    machine.print('one', 2_000)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    await query(to, 'DELETE FROM gsd_fleet.cursors')
    await query(to, 'DELETE FROM gsd_fleet.blocks')
    machine.print('one', 10)
    const { store } = await shipper.push()
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('a shipper without patience asks again what is there', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    machine.print('one', 100)
    const shipper = newShipper({ file: machine.path, to, patience: 0 })
    await shipper.push()
    await query(to, 'UPDATE gsd_fleet.cursors SET position = position - 10')
    machine.print('one', 100)
    expect(await codeOf(shipper.push())).toBe('ERR_BEHIND')
    await query(to, 'UPDATE gsd_fleet.cursors SET position = position + 10')
    const { store } = await shipper.push()
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })
})

describe('several', () => {
  test('make the tables of one cluster at once', async () => {
    const to = await emptyDatabase()
    const fleets = Array.from({ length: 5 }, () => newFleet(to))
    await Promise.all(fleets.map((fleet) => fleet.init()))
    expect((await newFleet(to).init()).statements).toEqual([])
  })

  test('shippers of one file at once send each chunk once', async () => {
    const to = await newCluster()
    const machine = newMachine()
    for (const id of ['one', 'two', 'three']) machine.create(id)
    const shippers = [1, 2, 3].map(() => newShipper({ file: machine.path, to, patience: 60_000 }))
    let store = ''
    for (let round = 0; round < 6; round++) {
      for (const id of ['one', 'two', 'three']) machine.print(id, 1_500)
      const reports = await Promise.all(shippers.map((shipper) => shipper.push()))
      expect(new Set(reports.map((report) => report.store)).size).toBe(1)
      store = reports[0]?.store ?? ''
    }
    expect(await differences(newFleet(to), store, machine)).toEqual([])
  })

  test('machines at once, as processes whose clocks differ, have what they have', async () => {
    const to = await newCluster()
    const days = (at: number) => (at - 15) * 400
    const machines = Array.from({ length: 30 }, (_, at) => {
      const machine = newMachine()
      // They have the same ids, and the same cursors.
      machine.create('one', { startedAt: new Date(START + days(at) * DAY) })
      machine.print('one', 500 + at, (chunk) => `machine ${at} ${lineOf(chunk)}`)
      return machine
    })
    const command = new URL('../bin/gsd-fleet.mjs', import.meta.url).pathname
    const reports = await Promise.all(
      machines.map(async ({ path }, at) => {
        const clock = `const { now } = Date; Date.now = () => now() + ${days(at) * DAY}`
        const preload = ['--import', `data:text/javascript,${encodeURIComponent(clock)}`]
        const args = [...preload, command, 'push', '--db', path, '--to', to, '--json']
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
        let printed = ''
        child.stdout.on('data', (data: Buffer) => (printed += data.toString()))
        await once(child, 'close')
        return JSON.parse(printed) as { store: string }
      }),
    )
    const fleet = newFleet(to)
    const wrong: unknown[] = []
    for (const [at, machine] of machines.entries()) {
      wrong.push(...(await differences(fleet, reports[at]?.store ?? '', machine)))
    }
    expect(wrong).toEqual([])
    const stores = (await fleet.list()).map(({ store }) => store)
    expect(stores).toEqual(reports.map(({ store }) => store).reverse())
  })
})

test('a cluster whose cursors were lost gets nothing twice', async () => {
  const to = await newCluster()
  const machine = newMachine()
  machine.create('one')
  machine.print('one', 3_000)
  await newShipper({ file: machine.path, to }).push()
  await query(to, 'DELETE FROM gsd_fleet.cursors')
  machine.print('one', 3_000)
  const { store } = await newShipper({ file: machine.path, to }).push()
  expect(await differences(newFleet(to), store, machine)).toEqual([])
  await query(to, 'UPDATE gsd_fleet.cursors SET position = 100')
  machine.print('one', 10)
  const again = await newShipper({ file: machine.path, to }).push()
  const content = await contentOfStore(newFleet(to), again.store)
  expect(content.get('one').outputs).toHaveLength(6_010)
})
