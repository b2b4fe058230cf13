// What the server answers, and whom.
import { describe, expect, test } from 'vitest'
import { listen, newDashboard, newStore, until } from './support.js'

interface ListPage {
  cursor: string
}

type Chunk = [cursor: number, moment: number, isError: number, data: string]

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\r\n`)

describe('who asks', () => {
  test('needs the token, once, and then its cookie', async () => {
    const { send, token, post, cookie } = await newDashboard(newStore().path)
    expect((await send('GET', '/api/about', {})).status).toBe(401)
    const json = { 'Content-Type': 'application/json' }
    const login = (given: unknown) =>
      send('POST', '/api/login', json, JSON.stringify({ token: given }))
    expect((await login('wrong')).status).toBe(401)
    expect((await login(7)).status).toBe(401)
    const { status, headers } = await login(token)
    expect(status).toBe(200)
    expect(headers['set-cookie']?.[0]).toMatch(/; Path=\/; HttpOnly; SameSite=Strict/)
    const wrong = { cookie: `${cookie}0` }
    expect((await send('GET', '/api/about', wrong)).status).toBe(401)
    expect((await send('GET', '/api/about')).status).toBe(200)
    expect((await post('/api/none', {})).status).toBe(404)
  })

  test('is refused under another name, and from a page of another origin', async () => {
    const { send, cookie, port } = await newDashboard(newStore().path)
    const status = async (headers: Record<string, string>) =>
      (await send('GET', '/api/about', { cookie, ...headers })).status
    expect(await status({ Host: `evil.example:${port}` })).toBe(403)
    expect(await status({ Host: '127.0.0.1' })).toBe(403)
    expect(await status({ Host: `localhost:${port}` })).toBe(200)
    expect(await status({ Origin: 'https://evil.example' })).toBe(403)
    expect(await status({ Origin: 'null' })).toBe(403)
    expect(await status({ Origin: `http://127.0.0.1:${port}` })).toBe(200)
    expect(await status({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403)
    expect(await status({ 'Sec-Fetch-Site': 'same-site' })).toBe(403)
    expect(await status({ 'Sec-Fetch-Site': 'same-origin' })).toBe(200)
  })

  test('may follow a link of another page, to the page and in a tab of its own alone', async () => {
    const { send, cookie } = await newDashboard(newStore().path)
    const status = async (target: string, dest = 'document', method = 'GET') => {
      const headers = {
        'Sec-Fetch-Site': 'cross-site',
        'Sec-Fetch-Mode': 'navigate',
        'Sec-Fetch-Dest': dest,
      }
      return (await send(method, target, { cookie, ...headers })).status
    }
    expect(await status('/')).toBe(200)
    expect(await status('/', 'iframe')).toBe(403)
    expect(await status('/', 'document', 'POST')).toBe(403)
    expect(await status('/api/about')).toBe(403)
    expect(await status('/page/main.mjs')).toBe(403)
  })

  test('comes by a proxy under the name that it shows', async () => {
    const publicUrl = 'https://sessions.example.com/'
    const { send, cookie, url, token } = await newDashboard(newStore().path, { publicUrl })
    expect(url).toBe(`${publicUrl}#token=${token}`)
    const headers = { cookie, Host: 'sessions.example.com', Origin: 'https://sessions.example.com' }
    expect((await send('GET', '/api/about', headers)).status).toBe(200)
  })

  test('gets nothing that runs, fetches or is shown elsewhere', async () => {
    const { send } = await newDashboard(newStore().path)
    for (const path of ['/', '/page/main.mjs', '/vendor/xterm.mjs', '/api/about', '/none']) {
      const { headers } = await send('GET', path)
      const policy = String(headers['content-security-policy'])
      expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/)
      expect(policy).toContain("frame-ancestors 'none'")
      expect(headers['x-content-type-options']).toBe('nosniff')
    }
    expect((await send('GET', '/')).text).not.toMatch(/<script(?![^>]*src=)|\son\w+=|style=/)
  })

  test('gets no other file, whatever the path is', async () => {
    const { send } = await newDashboard(newStore().path)
    for (const path of [
      '/../package.json',
      '/page/../../package.json',
      '/page/%2e%2e/guard.mjs',
      '/constructor',
      '/__proto__',
      '//',
      '//evil.example/',
      '/\\',
    ]) {
      expect([200, 304]).not.toContain((await send('GET', path)).status)
    }
    expect((await send('GET', '/')).status).toBe(200)
  })

  test('changes nothing without the right, and nothing by a form', async () => {
    const store = newStore()
    store.create('one', { status: 'completed' })
    const reads = await newDashboard(store.path)
    expect((await reads.post('/api/delete', { id: 'one' })).text).toContain('--allow-delete')
    expect((await reads.post('/api/prune', { olderThan: '1d' })).text).toContain('--allow-prune')
    const removes = await newDashboard(store.path, { rights: { delete: true, prune: true } })
    const { cookie } = removes
    const form = { cookie, 'Content-Type': 'text/plain' }
    const body = JSON.stringify({ id: 'one' })
    expect((await removes.send('POST', '/api/delete', form, body)).status).toBe(415)
    expect(store.sessions.get('one')).toBeDefined()
    expect((await removes.post('/api/delete', { id: 'one' })).status).toBe(200)
    expect(store.sessions.get('one')).toBeUndefined()
  })
})

describe('the server', () => {
  test('lists sessions by filters and pages', async () => {
    const store = newStore()
    for (let i = 0; i < 5; i++) {
      const startedAt = new Date(Date.UTC(2026, 9, 1 + i))
      store.create(`s-${i}`, { status: i === 3 ? 'failed' : 'completed', startedAt })
    }
    store.print('s-3', 'text')
    const { get } = await newDashboard(store.path)
    expect(await get('/api/sessions?limit=2')).toMatchObject({
      sessions: [{ id: 's-4' }, { id: 's-3', lastOutput: expect.any(String) }],
      more: true,
    })
    expect(await get('/api/sessions?before=s-3')).toMatchObject({
      sessions: [{ id: 's-2' }, { id: 's-1' }, { id: 's-0' }],
      more: false,
    })
    expect(await get('/api/sessions?status=failed')).toMatchObject({ sessions: [{ id: 's-3' }] })
    expect(await get('/api/sessions?status=none')).toEqual({ error: 'status cannot be "none"' })
    expect(await get('/api/sessions?since=soon')).toMatchObject({
      error: expect.stringMatching(/^since cannot be "soon": /),
    })
  })

  test('gives output from the end backwards, and from a cursor on, every chunk once', async () => {
    const store = newStore()
    store.create('one')
    store.create('other')
    for (let i = 0; i < 40; i++) {
      store.print('one', ...lines(i * 50, i * 50 + 50), 'x'.repeat(20_000))
      store.print('other', ...lines(0, 30))
    }
    const all = [...store.outputs.iterate('one')].map(({ cursor }) => cursor)
    const { get } = await newDashboard(store.path)
    const page = async (query: string) =>
      (await get(`/api/output?id=one${query}`)) as unknown as {
        chunks: Chunk[]
        cursor: number
        more: boolean
      }
    const backwards: number[] = []
    for (let before = ''; ;) {
      const { chunks, more } = await page(before)
      backwards.unshift(...chunks.map(([cursor]) => cursor))
      if (!more) break
      before = `&before=${chunks[0]?.[0]}`
    }
    expect(backwards).toEqual(all)
    const forwards: number[] = []
    for (let after = 0; ;) {
      const { chunks, cursor, more } = await page(`&after=${after}`)
      forwards.push(...chunks.map((chunk) => chunk[0]))
      after = cursor
      if (!more) break
    }
    expect(forwards).toEqual(all)
  })

  test('sends what comes, and to a reader that was cut off what it has missed, once', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 10))
    const dashboard = await newDashboard(store.path)
    const first = listen(dashboard, '/api/follow?id=one&after=0')
    const cursors = (events: typeof first.events) =>
      events.flatMap(({ event, data }) =>
        event === 'chunks' ? (data as Chunk[]).map(([cursor]) => cursor) : [],
      )
    await until(() => cursors(first.events).length === 10)
    store.print('one', ...lines(10, 20))
    await until(() => cursors(first.events).length === 20)
    first.stop()
    store.print('one', ...lines(20, 30))
    const last = first.events.at(-1)?.id ?? ''
    const second = listen(dashboard, '/api/follow?id=one&after=0', { 'Last-Event-ID': last })
    store.sessions.update('one', { status: 'failed', exitCode: 2 })
    await until(() => second.events.some(({ event }) => event === 'over'))
    const all = [...store.outputs.iterate('one')].map(({ cursor }) => cursor)
    expect([...cursors(first.events), ...cursors(second.events)]).toEqual(all)
    expect(second.events.at(-1)).toMatchObject({ event: 'over', data: { exitCode: 2 } })
  })

  test('tells which sessions change', async () => {
    const store = newStore()
    const dashboard = await newDashboard(store.path)
    const { events } = listen(dashboard, '/api/changes')
    await until(() => {
      store.print('one', 'text')
      return events.length > 0
    })
    expect(events[0]).toMatchObject({ event: 'changed', data: ['one'] })
  })

  test('searches, and tells what is wrong with a pattern', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...lines(0, 30), 'a needle\r\n')
    const { send, get } = await newDashboard(store.path)
    const found = await send('GET', '/api/search?q=needle&context=1')
    expect(JSON.parse(found.text)).toMatchObject({ line: 'a needle', before: ['line 29'] })
    expect(await get('/api/search?q=%28&regex=1')).toMatchObject({
      error: expect.stringContaining('unclosed group'),
    })
  })

  test('gives a recording for the player', async () => {
    const store = newStore()
    store.create('one', { status: 'completed' })
    store.print('one', 'first\r\n', 'second, which is longer\r\n')
    const { send } = await newDashboard(store.path)
    const cast = await send('GET', '/api/recording?id=one')
    expect(cast.text.split('\n')[1]).toContain('first')
    expect(cast.text.split('\n')[2]).toContain('longer')
  })

  test('shows a reader that is far behind the end, and what comes after it, once', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', ...Array.from({ length: 3_000 }, (_, i) => `${i} ${'x'.repeat(1_000)}\r\n`))
    const server = await newDashboard(store.path)
    const { events } = listen(server, '/api/follow?id=one&after=0')
    await until(() => events.some(({ event }) => event === 'skip'))
    store.print('one', 'the last')
    const isLast = ({ data }: { data: unknown }) => JSON.stringify(data).includes('the last')
    await until(() => events.some(isLast))
    const at = events.findIndex(({ event }) => event === 'skip')
    const chunksOf = (some: typeof events) =>
      some.flatMap(({ event, data }) => (event === 'chunks' ? (data as Chunk[]) : []))
    const before = chunksOf(events.slice(0, at))
    expect(before.length).toBeLessThan(2_000)
    const page = events[at]?.data as { chunks: Chunk[] } | undefined
    const last = page?.chunks.at(-1)
    expect(last?.[3]).toMatch(/^2999 /)
    expect(events[at]?.id).toBe(String(last?.[0]))
    const after = chunksOf(events.slice(at + 1))
    expect(after.map(([, , , text]) => text)).toEqual(['the last'])
  })

  test('tells a reader what becomes of a session, and of its terminal', async () => {
    const store = newStore()
    store.create('one', { columns: 80, rows: 24 })
    store.print('one', 'first')
    const server = await newDashboard(store.path)
    const { events } = listen(server, '/api/follow?id=one&after=0')
    const dataOf = (name: string) =>
      events.filter(({ event }) => event === name).map(({ data }) => data)
    await until(() => dataOf('chunks').length === 1)
    store.sessions.update('one', { columns: 100, rows: 30 })
    store.print('one', 'second')
    await until(() => dataOf('chunks').length === 2)
    const names = events.map(({ event }) => event).filter((name) => name !== 'session')
    expect(names).toEqual(['sizes', 'chunks', 'sizes', 'chunks'])
    expect(dataOf('sizes')[1]).toMatchObject([{ columns: 80 }, { columns: 100, rows: 30 }])
    store.sessions.update('one', { status: 'waiting_checkpoint' })
    await until(() => dataOf('session').some((found) => JSON.stringify(found).includes('waiting')))
    store.sessions.delete('one')
    await until(() => dataOf('gone').length === 1)
    const absent = listen(server, '/api/follow?id=one')
    await until(() => absent.events.some(({ event }) => event === 'gone'))
  })

  test('lists page by page what has changed meanwhile', async () => {
    const store = newStore()
    for (let at = 0; at < 5; at++) store.create(`s-${at}`)
    const { get } = await newDashboard(store.path)
    const page = (await get('/api/sessions?limit=2')) as unknown as ListPage
    expect(page).toMatchObject({
      sessions: [{ id: 's-4' }, { id: 's-3' }],
      cursor: 's-3',
      more: true,
    })
    store.create('s-5')
    expect(await get(`/api/sessions?limit=9&before=${page.cursor}`)).toMatchObject({
      sessions: [{ id: 's-2' }, { id: 's-1' }, { id: 's-0' }],
      more: false,
    })
  })

  test('refuses what makes no sense, and says what it is', async () => {
    const store = newStore()
    const { send, post } = await newDashboard(store.path, { rights: { prune: true } })
    const headers = { 'Content-Type': 'application/json' }
    expect(await send('POST', '/api/login', headers, 'null')).toMatchObject({ status: 401 })
    const pruned = await post('/api/prune', { olderThan: 'yesteryear' })
    expect(pruned.status).toBe(400)
    expect(pruned.text).toContain('olderThan')
    expect(pruned.text).toContain('yesteryear')
  })

  test('counts what there is', async () => {
    const store = newStore()
    store.create('one', { status: 'failed' })
    store.print('one', 'text')
    const { get } = await newDashboard(store.path)
    expect(await get('/api/stats?amounts=1')).toMatchObject({
      outputs: 1,
      sessions: { failed: 1 },
      periods: [{ start: '2026-10-01T10:00:00.000Z', bytes: 4 }],
    })
  })

  test('tells what pruning and packing would give back, and changes nothing', async () => {
    const store = newStore()
    store.create('one', { status: 'completed' })
    store.create('two', { status: 'running' })
    store.print('one', ...Array.from({ length: 500 }, (_, i) => `a line of text, number ${i}\r\n`))
    const { get, send } = await newDashboard(store.path)
    const found: unknown = await get('/api/savings?olderThan=2027-01-01')
    const bytes = store.connection.stats().bytes
    expect(found).toMatchObject({
      prune: { sessions: 1, bytes },
      seal: { sessions: 1, bytes, packedShare: expect.any(Number) },
    })
    expect((found as { seal: { packedShare: number } }).seal.packedShare).toBeLessThan(0.5)
    expect(store.sessions.count()).toBe(2)
    expect((await send('GET', '/api/savings')).text).toContain('olderThan is missing')
    expect((await send('GET', '/api/savings?olderThan=never')).text).toContain('olderThan')
  })
})
