// What is read from the fleet is what is read from the files.
import { describe, expect, test } from 'vitest'
import type { FleetSession } from '@gsd/session-fleet'
import {
  all,
  found,
  lineOf,
  newCluster,
  newFleet,
  newMachine,
  newShipper,
  START,
} from './support.js'

/** Two machines with the same ids, which were sent. */
async function twoMachines() {
  const to = await newCluster()
  const machines = [newMachine(), newMachine()] as const
  const stores: string[] = []
  for (const [at, machine] of machines.entries()) {
    machine.create('one', { columns: 60, rows: 12, status: 'completed', workingDir: '/srv/app' })
    machine.create('two', { status: 'failed', currentCommand: 'npm 100%_test' })
    machine.print('one', 2_500)
    machine.sessions.resize('one', { columns: 100, rows: 40 })
    machine.print('one', 2_500)
    machine.print('two', 800, (chunk) => `of machine ${at} ${lineOf(chunk)}`)
    const { store } = await newShipper({ file: machine.path, to }).push()
    stores.push(store)
  }
  return { to, machines, stores, fleet: newFleet(to) }
}

describe('a search', () => {
  test('finds in the fleet what it finds in each file', async () => {
    const { fleet, machines, stores } = await twoMachines()
    const searches = [
      ['needle-97', {}],
      ['NEEDLE-1', { context: 3 }],
      ['module-1\\d\\d in 3', { regex: true, context: 60 }],
      ['compiled', { caseSensitive: true, sessionId: 'two' }],
      ['module-99', { drawnOver: true }],
      ['nobody printed this', {}],
      ['in', { sessionId: 'two' }],
      ['needle', { since: new Date(START + 1_000), until: new Date(START + 3_000) }],
    ] as const
    for (const [pattern, options] of searches) {
      for (const [at, machine] of machines.entries()) {
        const sent = await found(fleet, pattern, { ...options, store: stores[at] } as object)
        const stored = await found(machine.outputs, pattern, options)
        expect({ pattern, matches: sent }).toEqual({ pattern, matches: stored })
      }
      const everywhere = await all(fleet.search(pattern, options))
      const counts = await Promise.all(
        machines.map(({ outputs }) => found(outputs, pattern, options)),
      )
      expect(everywhere).toHaveLength(counts.flat().length)
    }
  })

  test('ends at its limit, and when it is left', async () => {
    const { fleet } = await twoMachines()
    expect(await all(fleet.search('compiled', { limit: 7 }))).toHaveLength(7)
    for await (const match of fleet.search('compiled')) {
      expect(match.line).toContain('compiled')
      break
    }
    expect(await fleet.count()).toBe(4)
  })

  test('finds in sessions whose terminal got another size after they were sent', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    machine.create('one', { columns: 30, rows: 5 })
    machine.print('one', 3_000)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    machine.connection.db.exec('UPDATE gsd_session_details SET columns = 200, rows = 50')
    machine.sessions.update('one', { title: 'a wide one' })
    machine.print('one', 500)
    await shipper.push()
    for (const pattern of ['needle-97', 'module-5', 'compiled module-1']) {
      expect(await found(fleet, pattern)).toEqual(await found(machine.outputs, pattern))
    }
  })
})

describe('a list', () => {
  test('has the sessions of all machines, by what they ran and where', async () => {
    const { fleet, stores } = await twoMachines()
    const ids = async (filter: object) => {
      const sessions = await fleet.list(filter)
      return sessions.map(({ id }) => id).sort()
    }
    expect(await ids({})).toEqual(['one', 'one', 'two', 'two'])
    expect(await ids({ store: stores[0] })).toEqual(['one', 'two'])
    expect(await ids({ status: ['failed', 'running'] })).toEqual(['two', 'two'])
    expect(await ids({ workingDir: '/srv' })).toHaveLength(4)
    expect(await ids({ workingDir: '/srv/app' })).toEqual(['one', 'one'])
    expect(await ids({ command: '100%_TEST' })).toEqual(['two', 'two'])
    expect(await ids({ command: '100__' })).toEqual([])
    expect(await ids({ prefix: 'tw' })).toEqual(['two', 'two'])
    expect(await ids({ host: 'nobody' })).toEqual([])
  })

  test('goes on behind the last one of a page', async () => {
    const { fleet } = await twoMachines()
    const whole = await fleet.list()
    const pages: FleetSession[] = []
    for (let before; ; before = pages.at(-1)) {
      const page = await fleet.list({ limit: 1, before })
      if (page.length === 0) break
      pages.push(...page)
    }
    expect(pages).toEqual(whole)
  })
})

describe('a session', () => {
  test('is read by every call as on its machine', async () => {
    const { fleet, machines, stores } = await twoMachines()
    const [machine] = machines
    const opened = await fleet.open({ id: 'one', store: stores[0] })
    for (const id of ['one']) {
      expect(opened.outputs.text(id)).toBe(machine.outputs.text(id))
      expect(opened.outputs.screen(id)).toEqual(machine.outputs.screen(id))
      expect(opened.outputs.sizes(id)).toEqual(machine.outputs.sizes(id))
      expect(opened.outputs.tail(id, { lines: 5 })).toEqual(machine.outputs.tail(id, { lines: 5 }))
    }
    opened.close()
  })

  test('that goes on is followed until it ends', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    machine.create('one')
    machine.print('one', 100)
    const shipper = newShipper({ file: machine.path, to, interval: 50 })
    await shipper.push()
    await shipper.watch()
    let printed = 100
    const cursors: number[] = []
    for await (const { cursor } of fleet.follow('one')) {
      cursors.push(cursor)
      if (cursors.length === printed && printed < 500) {
        machine.print('one', 100)
        printed += 100
      } else if (cursors.length === 500) {
        machine.sessions.update('one', { status: 'completed' })
      }
    }
    expect(cursors).toEqual(Array.from({ length: 500 }, (_, at) => at + 1))
  })

  test('that is pruned is gone, and is not sent again', async () => {
    const to = await newCluster()
    const machine = newMachine()
    const fleet = newFleet(to)
    machine.create('old', { startedAt: new Date('2026-03-05') })
    machine.create('older', { startedAt: new Date('2019-03-05') })
    machine.create('new', { startedAt: new Date('2026-08-05') })
    for (const id of ['old', 'older', 'new']) machine.print(id, 50)
    const shipper = newShipper({ file: machine.path, to })
    await shipper.push()
    const olderThan = new Date('2026-07-20')
    const planned = await fleet.prune({ olderThan, dryRun: true })
    expect(planned).toMatchObject({ sessions: 2, before: new Date('2026-07-01') })
    expect(await fleet.count()).toBe(3)
    const { dropped } = await fleet.prune({ olderThan })
    expect(dropped).toContain('blocks_2026_03')
    expect((await fleet.list()).map(({ id }) => id)).toEqual(['new'])
    for (const id of ['old', 'older', 'new']) machine.print(id, 50)
    machine.sessions.update('old', { title: 'changed' })
    await shipper.push()
    await newShipper({ file: machine.path, to }).push()
    expect((await fleet.list()).map(({ id }) => id)).toEqual(['new'])
    const opened = await fleet.open('new')
    expect([...opened.outputs.iterate('new')]).toHaveLength(100)
    opened.close()
    expect(await all(fleet.search('module'))).not.toHaveLength(0)
  })
})
