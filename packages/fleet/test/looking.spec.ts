// What a dashboard shows of a fleet.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
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

/** Two machines that have sent sessions with the same ids. */
async function sentMachines(sessions = ['one', 'two']) {
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
  return { to, machines }
}

/** The same, with a dashboard of the fleet. */
async function twoMachines(sessions?: string[]) {
  const { to, machines } = await sentMachines(sessions)
  const dashboard = await newDashboard({ fleet: to }, { rights: { prune: true } })
  return { machines, dashboard }
}

/** Asks an MCP server of a fleet for what its tools give. */
async function newAgent(fleet: string) {
  const command = fileURLToPath(new URL('../../mcp/bin/gsd-session-mcp.mjs', import.meta.url))
  const child = spawn(process.execPath, [command, '--fleet', fleet], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
  let id = 0
  const ask = async (method: string, params: object) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params })}\n`)
    const { value } = await answers.next()
    return (JSON.parse(String(value)) as { result: Record<string, unknown> }).result
  }
  const clientInfo = { name: 'specs', version: '1.0.0' }
  await ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`)
  return async (name: string, given: object) => {
    const { structuredContent, content } = await ask('tools/call', { name, arguments: given })
    if (structuredContent === undefined) throw new Error(JSON.stringify(content))
    return structuredContent as Record<string, unknown>
  }
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

describe('an agent of a fleet', () => {
  test('lists, searches, reads on from a match, and waits for what a machine sends', async () => {
    const { to, machines } = await sentMachines()
    const call = await newAgent(to)
    const names = machines.map(({ named }) => named('two'))
    const seen: unknown[] = []
    for (let cursor: unknown; ;) {
      const page = await call('list_sessions', { status: 'failed', limit: 1, cursor })
      seen.push(...(page['sessions'] as { id: string }[]).map((session) => session.id))
      if (page['more'] !== true) break
      cursor = page['cursor']
    }
    expect(new Set(seen)).toEqual(new Set(names))
    expect(seen).toHaveLength(2)
    const found = await call('search_output', { pattern: 'beta 799', context: 0 })
    const [match] = found['matches'] as { id: string; cursor: string }[]
    const read = await call('read_output', { id: match?.id, cursor: match?.cursor, lines: 1 })
    expect(read['text']).toBe('beta 799')
    expect((await call('tail_output', { id: names[1], lines: 2 }))['text']).toBe(
      'beta 1598\nbeta 1599',
    )
    const [beta] = machines.slice(1)
    const id = beta?.named('one')
    const { cursor: end } = await call('tail_output', { id, lines: 1 })
    const waited = call('wait_for_output', { id, pattern: 'READY', cursor: end })
    beta?.machine.print('one', 1, () => 'it is READY\r\n')
    await beta?.shipper.push()
    expect(await waited).toMatchObject({ reason: 'matched', text: 'it is READY' })
    expect(await call('session_stats', {})).toMatchObject({
      stores: [{ sessions: 2 }, { sessions: 2 }],
    })
  })
})
