// What a dashboard shows of a fleet.
import { describe, expect, test } from 'vitest'
import { listen, newDashboard, until } from '../../dashboard/test/support.js'
import { newCluster, newMachine, newShipper } from './support.js'

interface Shown {
  id: string
  status: string
}

interface ListPage {
  sessions: Shown[]
  cursor: string
  more: boolean
}

type Chunk = [cursor: number, moment: number, isError: number, data: string]

interface OutputPage {
  chunks: Chunk[]
  cursor: number
  more: boolean
}

/** Two machines that have sent sessions with the same ids, and a dashboard of the fleet. */
async function twoMachines(sessions = ['one', 'two']) {
  const to = await newCluster()
  const machines = []
  for (const label of ['alpha', 'beta']) {
    const machine = newMachine()
    for (const id of sessions) {
      machine.create(id, { status: id === 'two' ? 'failed' : 'running' })
      machine.print(id, 800, (at) => `${label} ${at}\r\n`)
    }
    const shipper = newShipper({ file: machine.path, to })
    const { store } = await shipper.push()
    // The name of a session in the fleet.
    const named = (id: string) => `${store.slice(0, 8)}/${id}`
    machines.push({ label, machine, shipper, named })
  }
  const dashboard = await newDashboard({ fleet: to }, { rights: { prune: true } })
  return { machines, dashboard }
}

describe('a dashboard of a fleet', () => {
  test('lists the sessions of all machines page by page, each once', async () => {
    const ids = Array.from({ length: 15 }, (_, at) => `s-${at}`)
    const { dashboard, machines } = await twoMachines(['one', 'two', ...ids])
    const seen: string[] = []
    for (let before = ''; ;) {
      const page = (await dashboard.get(
        `/api/sessions?limit=4&before=${encodeURIComponent(before)}`,
      )) as unknown as ListPage
      seen.push(...page.sessions.map(({ id }) => id))
      if (!page.more) break
      before = page.cursor
    }
    const expected = machines.flatMap(({ named }) => ['one', 'two', ...ids].map(named))
    expect(new Set(seen)).toEqual(new Set(expected))
    expect(seen).toHaveLength(expected.length)
    const failed = (await dashboard.get('/api/sessions?status=failed')) as unknown as ListPage
    const two = machines.map(({ named }) => named('two'))
    expect(new Set(failed.sessions.map(({ id }) => id))).toEqual(new Set(two))
  })

  test('shows what a session of one machine printed, from the end backwards and as a recording', async () => {
    const { dashboard, machines } = await twoMachines()
    for (const { label, machine, named } of machines) {
      const name = named('two')
      const id = encodeURIComponent(name)
      expect(await dashboard.get(`/api/session?id=${id}`)).toMatchObject({ id: name })
      const chunks: Chunk[] = []
      for (let before = ''; ;) {
        const page = (await dashboard.get(
          `/api/output?id=${id}&before=${before}`,
        )) as unknown as OutputPage
        chunks.unshift(...page.chunks)
        if (!page.more) break
        before = String(page.chunks[0]?.[0])
      }
      const stored = [...machine.outputs.iterate('two')].map(({ data }) => data)
      expect(chunks.map(([, , , data]) => data)).toEqual(stored)
      const recording = await dashboard.send('GET', `/api/recording?id=${id}`)
      expect(recording.text).toContain(`${label} 1599`)
    }
  })

  test('follows a session as its machine sends more, until it is over', async () => {
    const { dashboard, machines } = await twoMachines()
    const [beta] = machines.slice(1)
    const name = beta?.named('one') ?? ''
    const { events } = listen(dashboard, `/api/follow?id=${encodeURIComponent(name)}&after=0`)
    const texts = () =>
      events.flatMap(({ event, data }) =>
        event === 'chunks' ? (data as Chunk[]).map(([, , , text]) => text) : [],
      )
    await until(() => texts().length === 800)
    expect(events.filter(({ event }) => event === 'chunks').length).toBeLessThan(20)
    beta?.machine.print('one', 10, (at) => `more ${at}\r\n`)
    await beta?.shipper.push()
    await until(() => texts().length === 810)
    beta?.machine.sessions.update('one', { status: 'completed', exitCode: 0 })
    await beta?.shipper.push()
    await until(() => events.some(({ event }) => event === 'over'))
    const stored = [...(beta?.machine.outputs.iterate('one') ?? [])].map(({ data }) => data)
    expect(texts()).toEqual(stored)
    expect(events.at(-1)).toMatchObject({ data: { id: name, exitCode: 0 } })
  })

  test('searches all machines, and each match leads to its session', async () => {
    const { dashboard } = await twoMachines()
    const found = await dashboard.send('GET', '/api/search?q=alpha%20799')
    const match = JSON.parse(found.text) as { sessionId: string; cursor: number }
    const id = encodeURIComponent(match.sessionId)
    const page = (await dashboard.get(
      `/api/output?id=${id}&before=${match.cursor + 1}`,
    )) as unknown as OutputPage
    expect(page.chunks.at(-1)?.[3]).toBe('alpha 799\r\n')
  })

  test('counts the machines, and tells what pruning would remove', async () => {
    const { dashboard } = await twoMachines()
    expect(await dashboard.get('/api/stats?amounts=1')).toMatchObject({
      stores: [{ sessions: 2 }, { sessions: 2 }],
    })
    expect(await dashboard.get('/api/savings?olderThan=2030-01-01')).toMatchObject({
      prune: { sessions: expect.any(Number) },
    })
    const absent = await dashboard.send('GET', '/api/session?id=0123abcd/none')
    expect(absent).toMatchObject({ status: 400 })
    expect(absent.text).toContain('there is no session')
  })
})
