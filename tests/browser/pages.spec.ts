// The pages of exports, in a browser.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  openStores,
  sampleOutput,
  sampleSession,
  temporaryFolder,
} from '../../__test__/support/support.js'

const SIZES = [
  { width: 1400, height: 900 },
  { width: 800, height: 600 },
  { width: 390, height: 800 },
]

const HOSTILE = [
  '</pre><script>globalThis.ran = 1</script>',
  '<img src=x onerror="globalThis.ran = 2"><svg onload="globalThis.ran = 3">',
  '</script><script>globalThis.ran = 4</script><!-- <script>',
  '\u001b]8;;javascript:globalThis.ran=5\u001b\\click\u001b]8;;\u001b\\',
  '\u001b]2;</title><script>globalThis.ran = 6</script>\u0007',
]

let browser: Browser
beforeAll(async () => {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
  // A sandbox of its own needs rights that root in a container does not have. The pages are those of this file.
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})
afterAll(() => browser.close())

/** A page of a session that printed this, and what it complained about or tried to load. */
async function opened(
  data: string,
  {
    player = false,
    look = {},
  }: { player?: boolean; look?: Parameters<Browser['newPage']>[0] } = {},
) {
  const { connection, sessions, outputs } = openStores()
  sessions.create({
    ...sampleSession({ currentCommand: HOSTILE.join('') }),
    terminal: true,
    columns: 40,
    rows: 10,
  })
  data
    .split(/(?<=\n)/)
    .forEach((line, index) =>
      outputs.append(sampleOutput({ data: line, timestamp: new Date(1_772_359_200_000 + index) })),
    )
  const file = join(temporaryFolder(), 'page.html')
  await outputs.exportTo('s-1', file, { format: 'html', player })
  connection.close()
  const page = await browser.newPage(look)
  const problems: string[] = []
  page.on('pageerror', ({ message }) => problems.push(message))
  page.on('console', (message) => problems.push(message.text()))
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) problems.push(request.url())
  })
  await page.goto(pathToFileURL(file).href)
  return { page, problems }
}

/** The place of the text of an element, in pixels. */
const boxes = (page: Page, selector: string) =>
  page.locator(selector).evaluateAll((elements) =>
    elements.map((element) => {
      const { x, y, width, height } = element.getBoundingClientRect()
      return { x, y, width, height }
    }),
  )

describe('a page in a browser', () => {
  for (const player of [false, true])
    test(`${player ? 'with a player' : 'without a player'} runs nothing and loads nothing that was printed`, async () => {
      const { page, problems } = await opened(`${HOSTILE.join('\r\n')}\r\n`, { player })
      await page.waitForTimeout(500)
      expect(await page.evaluate('globalThis.ran')).toBeUndefined()
      expect(problems).toEqual([])
      expect(await page.locator('#output').textContent()).toContain(HOSTILE[0])
      expect(await page.title()).toContain('<script>')
      expect(await page.locator('#output a').count()).toBe(0)
    })

  test.each(SIZES)(
    'has its columns one below the other, and no gaps between rows, in $width by $height',
    async (viewport) => {
      const rows = ['日本 |', '😀\u{1f44d} |', 'abcd |', 'e\u0301bcd |']
      const data = rows.map((row) => row.replace('|', '\u001b[44m|\u001b[m')).join('\r\n')
      const { page } = await opened(`${data}\r\n`, { look: { viewport } })
      const ends = await boxes(page, '#output span')
      expect(ends).toHaveLength(rows.length)
      for (const { x } of ends) expect(Math.abs(x - (ends[0]?.x ?? 0))).toBeLessThan(1)
      const { lineHeight } = await page.locator('#output').evaluate((pre) => ({
        lineHeight: Number.parseFloat(getComputedStyle(pre).lineHeight),
      }))
      // What is drawn behind a character reaches the next row.
      for (const { height } of ends) expect(height).toBeGreaterThanOrEqual(Math.floor(lineHeight))
      const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      expect(wide).toBeLessThanOrEqual(0)
    },
  )

  test('finds text over changes of colour, forwards and backwards', async () => {
    const { page, problems } = await opened(
      'for\u001b[31mEver\u001b[m\r\nnever\r\nFOREVER (a+b)\r\n',
    )
    const told = page.locator('#told')
    await page.fill('#query', 'forever')
    expect(await told.textContent()).toBe('1 of 2')
    await page.press('#query', 'Enter')
    expect(await told.textContent()).toBe('2 of 2')
    await page.press('#query', 'Enter')
    expect(await told.textContent()).toBe('1 of 2')
    await page.press('#query', 'Shift+Enter')
    expect(await told.textContent()).toBe('2 of 2')
    const found = "[...CSS.highlights.get('found')].map(String)"
    expect(await page.evaluate(found)).toEqual(['forEver', 'FOREVER'])
    await page.fill('#query', '(a+b)')
    expect(await page.evaluate(found)).toEqual(['(a+b)'])
    await page.fill('#query', 'nowhere')
    expect(await told.textContent()).toBe('not found')
    expect(problems).toEqual([])
  })

  test('is light or dark as the system is, until its button says otherwise', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await opened('\u001b[97mwhite\u001b[m\r\n', { look: { colorScheme } })
      const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
      const [light, dark] = ['rgb(255, 255, 255)', 'rgb(30, 30, 30)']
      expect(await ground()).toBe(colorScheme === 'light' ? light : dark)
      await page.click('#theme')
      expect(await ground()).toBe(colorScheme === 'light' ? dark : light)
    }
  })

  test('with a player plays the session without a network', async () => {
    const { page, problems } = await opened('one\r\ntwo\r\n', { player: true })
    await page.locator('.ap-player').click()
    // Asked from here: a function that is waited for within the page may need `eval`, which the
    // page does not allow.
    await expect
      .poll(async () => (await page.locator('.ap-player').innerText()).replaceAll(/\s+/g, ' '))
      .toContain('one two')
    expect(problems).toEqual([])
  })
})
