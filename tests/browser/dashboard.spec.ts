// The dashboard, in a browser.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openHistory, serveDashboard } from '@gsd/session-dashboard'
import { newStore } from '../../packages/dashboard/test/support.js'

const TOKEN = 'a-token-of-the-specs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\r\n`)

let browser: Browser
beforeAll(async () => {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})
afterAll(() => browser.close())

/** A dashboard for a file, that can be ended and served again on the same port. */
async function served(path: string, rights = {}) {
  const history = await openHistory({ db: path })
  let dashboard = await serveDashboard(history, { token: TOKEN, rights })
  const { port, url } = dashboard
  onTestFinished(async () => {
    await dashboard.close().catch(() => {})
    await history.close()
  })
  return {
    url,
    end: () => dashboard.close(),
    async again() {
      dashboard = await serveDashboard(history, { token: TOKEN, port, rights })
    },
  }
}

/** An empty page of another origin. */
async function attackPage() {
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end('<title>An attack</title>')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`
}

/** A page of a dashboard, with what it complained about. */
async function opened(url: string, look: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage(look)
  onTestFinished(() => page.close())
  const problems: string[] = []
  page.on('pageerror', ({ message }) => problems.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  await page.goto(url)
  await page.waitForSelector('h1')
  return { page, problems }
}

const go = (page: Page, hash: string) =>
  page.evaluate((to: string) => {
    location.hash = to
  }, hash)

/** The lines that the terminal of the page has. */
async function shown(page: Page, isThere: (text: string) => boolean) {
  for (const end = Date.now() + 20_000; ;) {
    const rows = await page.locator('.xterm-rows > div').allTextContents()
    const text = rows.map((row) => row.trimEnd()).join('\n')
    if (isThere(text)) return text
    if (Date.now() > end) throw new Error(`the terminal shows:\n${text}`)
    await page.waitForTimeout(50)
  }
}

/** What axe finds wrong. */
async function violations(page: Page) {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes[0]?.html])
  })
}

describe('the dashboard', () => {
  test('takes the token out of the address, and refuses those without it', async () => {
    const { url } = await served(newStore().path)
    const { page, problems } = await opened(url)
    expect(page.url()).not.toContain(TOKEN)
    expect(await page.evaluate(() => document.cookie)).toBe('')
    expect(problems).toEqual([])
    const stranger = await opened(url.replace(/#.*/, ''))
    expect(await stranger.page.textContent('main')).toContain('Open the address')
  })

  test('follows a session live, over a server that ends and comes again, each line once', async () => {
    const store = newStore()
    store.create('one', { columns: 80, rows: 40 })
    store.print('one', ...lines(0, 5))
    const server = await served(store.path)
    const { page } = await opened(server.url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('line 4'))
    store.print('one', ...lines(5, 10))
    await shown(page, (text) => text.includes('line 9'))
    await server.end()
    store.print('one', ...lines(10, 15))
    await server.again()
    store.print('one', ...lines(15, 20))
    const text = await shown(page, (found) => found.includes('line 19'))
    expect(text.trim()).toBe(lines(0, 20).join('').replaceAll('\r', '').trim())
    store.sessions.update('one', { status: 'failed', exitCode: 3 })
    await page.waitForSelector('.status.failed')
  })

  test('lists sessions as they change, and goes by the keyboard', async () => {
    const store = newStore()
    store.create('one')
    const { url } = await served(store.path)
    const { page } = await opened(url)
    await page.waitForSelector('tr[data-id="one"] .running')
    store.create('two', { status: 'running' })
    await page.waitForSelector('tr[data-id="two"]')
    store.sessions.update('one', { status: 'completed', exitCode: 0 })
    await page.waitForSelector('tr[data-id="one"] .completed')
    await page.keyboard.press('s')
    await page.waitForSelector('input[type=search][name=q]')
    await page.locator('h1').click()
    await page.keyboard.press('t')
    await page.waitForSelector('h1:text("Statistics")')
    await page.keyboard.press('l')
    await page.waitForSelector('tr[data-id="two"]')
    expect(page.url()).toMatch(/#\/sessions$/)
  })

  test('searches, leads to the place, and plays from the moment', async () => {
    const store = newStore()
    store.create('one', { status: 'completed', columns: 60, rows: 10 })
    store.print('one', ...lines(0, 300), 'a needle\r\n', ...lines(300, 600))
    const { url } = await served(store.path)
    const { page, problems } = await opened(url)
    await go(page, '#/search?q=line&limit=5')
    await page.click('text=More')
    await page.waitForSelector('text=the first 25 lines')
    expect(await page.locator('mark').count()).toBe(25)
    await go(page, '#/search?q=needle')
    await page.waitForSelector('mark:text("needle")')
    await page.click('.matches a >> nth=0')
    await shown(page, (text) => text.includes('a needle'))
    await go(page, '#/search?q=needle')
    await page.click('text=play')
    await page.waitForSelector('.ap-player')
    await page.waitForSelector('svg.wave rect')
    await page.click('.ap-overlay-start')
    await page.waitForFunction(() =>
      /5:0\d/.test(document.querySelector('.ap-time-elapsed')?.textContent ?? ''),
    )
    await page.click('svg.wave', { position: { x: 5, y: 20 } })
    expect(problems).toEqual([])
  })

  test('shows older output as one scrolls up', async () => {
    const store = newStore()
    store.create('one', { status: 'completed', columns: 80, rows: 24 })
    store.print('one', ...lines(0, 40_000))
    const { url } = await served(store.path)
    const { page } = await opened(url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('line 39999'))
    await page.locator('.xterm').click()
    for (let tries = 0; tries < 60; tries++) {
      await page.keyboard.press('Home')
      await page.waitForTimeout(100)
      const text = await shown(page, () => true)
      if (/^line 0$/m.test(text)) break
    }
    expect(await shown(page, () => true)).toMatch(/^line 0$/m)
  })

  test('misses nothing that is printed while older output is drawn', async () => {
    const store = newStore()
    store.create('one', { columns: 80, rows: 24 })
    store.print('one', ...lines(0, 40_000))
    const { url } = await served(store.path)
    const { page, problems } = await opened(url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('line 39999'))
    await page.locator('.xterm').click()
    for (let at = 40_000; at < 41_000; at += 50) {
      await page.keyboard.press('Home')
      store.print('one', ...lines(at, at + 50))
      await page.waitForTimeout(20)
    }
    await page.keyboard.press('End')
    const end = lines(40_980, 41_000).join('').replaceAll('\r', '').trim()
    expect(await shown(page, (text) => text.includes(end))).toContain(end)
    await page.keyboard.press('Home')
    const first = await shown(page, (text) => /^line [1-9]\d{0,4}$/m.test(text))
    const numbers = [...first.matchAll(/line (\d+)/g)].map(([, number]) => Number(number))
    expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at))
    expect(problems).toEqual([])
  })

  test('shows the place of a match, newer output as one scrolls down, and then what comes', async () => {
    const store = newStore()
    store.create('one', { columns: 80, rows: 24 })
    // What is drawn over makes a page of few lines.
    const long = (from: number, to: number) =>
      lines(from, to).map((line) => `${`${'.'.repeat(70)}\r`.repeat(50)}\u001b[K${line}`)
    store.print('one', ...long(0, 1_000), 'a needle\r\n', ...long(1_000, 4_000))
    const { url } = await served(store.path)
    const { page } = await opened(url)
    await go(page, '#/search?q=needle')
    await page.click('.matches a >> nth=0')
    const place = await shown(page, (text) => text.startsWith('a needle'))
    expect(place.split('\n').slice(0, 3)).toEqual(['a needle', 'line 1000', 'line 1001'])
    await page.locator('.xterm').click()
    const seen = new Set<number>()
    const look = (text: string) => {
      for (const [, number] of text.matchAll(/line (\d+)/g)) seen.add(Number(number))
    }
    for (look(place); !seen.has(1_300);) {
      await page.keyboard.press('PageDown')
      await page.evaluate(
        () =>
          new Promise((resolve) => {
            requestAnimationFrame(() => requestAnimationFrame(resolve))
          }),
      )
      look(await shown(page, (found) => found.includes('line')))
    }
    expect(seen.size).toBe(Math.max(...seen) - 999)
    await page.keyboard.press('End')
    await shown(page, (text) => text.includes('line 3999'))
    store.print('one', 'it goes on')
    expect(await shown(page, (text) => text.includes('it goes on'))).toContain('line 3999')
  })

  test('goes on at the end where a session prints too fast, and keeps what somebody reads', async () => {
    const store = newStore()
    store.create('one', { columns: 80, rows: 24 })
    store.print('one', ...lines(0, 5_000))
    const { url } = await served(store.path)
    const { page, problems } = await opened(url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('line 4999'))
    const flood = (from: number) => {
      for (let at = from; at < from + 300_000; at += 10_000)
        store.print('one', ...lines(at, at + 10_000))
    }
    flood(5_000)
    await shown(page, (text) => text.includes('line 304999'))
    await page.locator('.xterm').click()
    await page.keyboard.press('PageUp')
    const read = await shown(page, (text) => !text.includes('line 304999'))
    flood(305_000)
    await page.waitForTimeout(1_000)
    expect(await shown(page, () => true)).toBe(read)
    await page.keyboard.press('End')
    await shown(page, (text) => text.includes('line 604999'))
    store.print('one', 'it goes on')
    expect(await shown(page, (text) => text.includes('it goes on'))).toContain('line 604999')
    expect(problems).toEqual([])
  })

  test('gives the terminal each size that it had', async () => {
    const store = newStore()
    store.create('one', { columns: 40, rows: 10 })
    store.print('one', 'forty\r\n')
    const { url } = await served(store.path)
    const { page } = await opened(url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('forty'))
    const rows = () => page.locator('.xterm-rows > div').count()
    expect(await rows()).toBe(10)
    store.sessions.update('one', { columns: 60, rows: 20 })
    store.print('one', `${'x'.repeat(60)}\r\n`)
    expect(await shown(page, (text) => text.includes('x'))).toContain('x'.repeat(60))
    expect(await rows()).toBe(20)
    expect(await page.textContent('dl')).toContain('60 columns, 20 rows')
  })

  test('says what becomes of a session, and that it was removed', async () => {
    const store = newStore()
    store.create('one')
    store.print('one', 'first')
    const { url } = await served(store.path)
    const { page, problems } = await opened(url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('first'))
    store.sessions.update('one', { status: 'waiting_checkpoint' })
    await page.waitForSelector('dl .waiting_checkpoint')
    store.sessions.delete('one')
    await page.waitForSelector('dl:has-text("removed")')
    expect(problems).toEqual([])
  })

  test('takes a token in a tab that is open, and says that the server is gone', async () => {
    const store = newStore()
    store.create('one')
    const server = await served(store.path)
    const { page } = await opened(server.url.replace(/#.*/, ''))
    await page.waitForSelector('text=Who are you?')
    await page.goto(server.url)
    await page.waitForSelector('tr[data-id="one"]')
    expect(page.url()).not.toContain(TOKEN)
    expect(await page.evaluate(() => document.querySelector('#main a')?.textContent)).toBe('one')
    await page.locator('.skip').focus()
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    await server.end()
    await page.waitForSelector('#lost:visible')
    store.create('two')
    await server.again()
    await page.waitForSelector('tr[data-id="two"]')
    await page.waitForSelector('#lost', { state: 'hidden' })
  })

  test('asks for nothing while nobody sees it, and then for what it has missed', async () => {
    const store = newStore()
    store.create('one', { columns: 80, rows: 40 })
    store.print('one', ...lines(0, 5))
    const { url } = await served(store.path)
    const { page } = await opened(url)
    await go(page, '#/session?id=one')
    await shown(page, (text) => text.includes('line 4'))
    const see = (isHidden: boolean) =>
      page.evaluate((hidden: boolean) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))
      }, isHidden)
    await see(true)
    store.print('one', ...lines(5, 10))
    await page.waitForTimeout(500)
    expect(await shown(page, () => true)).not.toContain('line 5')
    await see(false)
    const text = await shown(page, (found) => found.includes('line 9'))
    expect(text.trim()).toBe(lines(0, 10).join('').replaceAll('\r', '').trim())
  })

  test('keeps a list of many pages as it changes', async () => {
    const store = newStore()
    for (let at = 0; at < 700; at++) store.create(`s-${at}`)
    const { url } = await served(store.path)
    const { page } = await opened(url)
    const rows = (count: number) =>
      page.waitForFunction(
        (wanted: number) => document.querySelectorAll('tr[data-id]').length === wanted,
        count,
      )
    await rows(100)
    for (const count of [200, 300, 400, 500, 600, 700]) {
      await page.click('#main > button')
      await rows(count)
    }
    store.create('new')
    await page.waitForSelector('tr[data-id="new"]')
    await rows(700)
    await page.click('#main > button')
    await rows(701)
    expect(await page.isVisible('#main > button')).toBe(false)
  })

  test('seeks by the waveform where pauses are cut, and stays there at another speed', async () => {
    const store = newStore()
    store.create('one', { status: 'completed', columns: 60, rows: 10 })
    store.printAt('one', 0, 'begin\r\n')
    store.printAt('one', 1_000_000, 'after the pause\r\n')
    store.printAt('one', 1_004_000, 'the end\r\n')
    const { url } = await served(store.path)
    const { page, problems } = await opened(url)
    await go(page, '#/session?id=one&view=player')
    await page.waitForSelector('svg.wave rect')
    const terminal = async (text: string) => {
      await page.waitForFunction(
        (wanted: string) => document.querySelector('.ap-term')?.textContent.includes(wanted),
        text,
      )
      return page.textContent('.ap-term')
    }
    const wave = page.locator('svg.wave')
    // Two seconds and two seconds are left of the pauses.
    expect(await wave.getAttribute('aria-valuemax')).toBe('4')
    const { width = 0 } = (await wave.boundingBox()) ?? {}
    await wave.click({ position: { x: width * 0.75, y: 20 } })
    expect(await terminal('after')).not.toContain('the end')
    await page.selectOption('select[data-choice=Speed]', '2')
    expect(await terminal('after')).not.toContain('the end')
    await page.selectOption('select[data-choice="Longest pause"]', '0')
    expect(await wave.getAttribute('aria-valuemax')).toBe('1004')
    expect(await terminal('after')).not.toContain('the end')
    await wave.focus()
    await page.keyboard.press('End')
    expect(await terminal('the end')).toContain('after the pause')
    expect(problems).toEqual([])
  })

  test('runs and fetches nothing of what was recorded', async () => {
    const store = newStore()
    const hostile = '<img src=x onerror="globalThis.ran=1"><script>globalThis.ran=2</script>'
    store.create(hostile, { title: hostile, currentCommand: hostile, workingDir: hostile })
    store.print(
      hostile,
      `${hostile}\r\n`,
      '\u001b]8;;javascript:globalThis.ran=3\u001b\\click\u001b]8;;\u001b\\\r\n',
    )
    const { url } = await served(store.path)
    const { page } = await opened(url)
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).host))
    await page.waitForSelector('tr[data-id]')
    await go(page, `#/session?id=${encodeURIComponent(hostile)}`)
    await shown(page, (text) => text.includes('onerror'))
    await go(page, '#/search?q=onerror')
    await page.waitForSelector('mark')
    expect(await page.evaluate(() => (globalThis as { ran?: number }).ran)).toBeUndefined()
    expect(new Set(asked)).toEqual(new Set([new URL(url).host]))
  })

  test('stays open beside another one on this machine', async () => {
    const [one, other] = [newStore(), newStore()]
    one.create('one')
    other.create('other')
    const { url } = await served(one.path)
    const { page } = await opened(url)
    await page.waitForSelector('tr[data-id="one"]')
    await page.goto((await served(other.path)).url)
    await page.waitForSelector('tr[data-id="other"]')
    await page.goto(new URL(url).origin)
    await page.waitForSelector('tr[data-id]')
    expect(await page.textContent('tr[data-id] a')).toBe('one')
  })

  test('gives nothing to a page of another origin, and does nothing for it', async () => {
    const store = newStore()
    store.create('one', { status: 'completed', title: 'a secret title' })
    const { url } = await served(store.path, { delete: true, prune: true })
    const { page } = await opened(url)
    await page.waitForSelector('tr[data-id="one"]')
    const own = new URL(url).origin
    // Another port of the same machine: the browser sends the cookie along.
    const attack = await attackPage()
    await page.goto(attack)
    const got = await page.evaluate(async (target: string) => {
      const body = JSON.stringify({ id: 'one', olderThan: '2030-01-01' })
      const results: unknown[] = []
      for (const path of ['about', 'sessions', 'stats', 'recording?id=one']) {
        const read = fetch(`${target}/api/${path}`, { credentials: 'include' })
        results.push(await read.then((answer) => answer.text()).catch(() => 'refused'))
      }
      for (const mode of ['no-cors', 'cors'] as const) {
        for (const type of ['text/plain', 'application/json']) {
          for (const path of ['delete', 'prune']) {
            await fetch(`${target}/api/${path}`, {
              method: 'POST',
              mode,
              credentials: 'include',
              headers: { 'Content-Type': type },
              body,
            }).catch(() => {})
          }
        }
      }
      const element = (name: string, given: Record<string, string>) =>
        new Promise<string>((resolve) => {
          const made = Object.assign(document.createElement(name), given)
          made.addEventListener('load', () => resolve('loaded'))
          made.addEventListener('error', () => resolve('refused'))
          document.body.append(made)
        })
      results.push(await element('script', { src: `${target}/api/sessions` }))
      results.push(await element('script', { src: `${target}/page/main.mjs`, type: 'module' }))
      results.push(await element('img', { src: `${target}/page/icon.svg` }))
      const source = new EventSource(`${target}/api/follow?id=one`, { withCredentials: true })
      results.push(
        await new Promise((resolve) => {
          source.addEventListener('open', () => resolve('open'))
          source.addEventListener('error', () => resolve('refused'))
        }),
      )
      await element('iframe', { src: `${target}/` })
      return results
    }, own)
    expect(got).toEqual(Array.from({ length: 8 }, () => 'refused'))
    expect(await page.frames()[1]?.content()).not.toContain('Statistics')
    await page.evaluate((target: string) => {
      const form = Object.assign(document.createElement('form'), {
        method: 'post',
        action: `${target}/api/delete`,
        enctype: 'text/plain',
      })
      const field = Object.assign(document.createElement('input'), { name: '{"id":"one","x":"' })
      field.value = '"}'
      form.append(field)
      document.body.append(form)
      form.submit()
    }, own)
    await page.waitForURL(`${own}/api/delete`)
    expect(await page.textContent('body')).toContain('not from here')
    expect(store.sessions.get('one')).toBeDefined()
    // Who follows a link from there looks as before.
    await page.goto(attack)
    await page.evaluate((target: string) => {
      location.href = `${target}/#/session?id=one`
    }, own)
    await page.waitForSelector('h1:text("a secret title")')
  })

  test('has nothing that axe finds wrong, and no page wider than a phone', async () => {
    const store = newStore()
    store.create('one', { status: 'failed', exitCode: 1, columns: 80, rows: 24 })
    store.create('two', { title: 'a title that is rather long, longer than a phone is wide' })
    store.print('one', ...lines(0, 100))
    const { url } = await served(store.path, { delete: true, prune: true })
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await opened(url, { viewport: { width: 360, height: 740 }, colorScheme })
      for (const [hash, ready] of [
        ['#/sessions', 'tr[data-id]'],
        ['#/session?id=one', '.xterm-rows'],
        ['#/session?id=one&view=player', '.ap-player'],
        ['#/search?q=line', 'mark'],
        ['#/statistics', '.chart'],
      ] as const) {
        await go(page, hash)
        await page.waitForSelector(ready)
        expect({ hash, found: await violations(page) }).toEqual({ hash, found: [] })
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        expect({ hash, width }).toEqual({ hash, width: 360 })
      }
    }
  })
})
