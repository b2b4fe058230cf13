// How fast the dashboard shows what there is, in Chromium: a list of many sessions, the end of a long one, a flood of output, and many
// viewers at once.
//
//   npm ci --prefix tests/browser
//   node bench/dashboard.mjs [--sessions 100000] [--megabytes 1000] [--seconds 20] [--viewers 100]

import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'
import { inFolder } from './lib/processes.mjs'
import { median, percentile } from './lib/stats.mjs'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '100000' },
    megabytes: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
    viewers: { type: 'string', default: '100' },
    // What the process of this script does that floods a file.
    flood: { type: 'string' },
    rate: { type: 'string', default: '10' },
  },
})
const [sessionCount, megabytes, seconds, viewers] = [
  values.sessions,
  values.megabytes,
  values.seconds,
  values.viewers,
].map(Number)

const LINE = '\u001b[32m✓\u001b[39m src/store/outputs.test.ts > appends (12 tests) 341 ms\r\n'
const END = 'the end of it'
const FLOODED = ['flood-1', 'flood-2', 'flood-3', 'flood-4']
const ROUNDS = 7

/** The stores of a file, which `work` uses. */
async function withStores(file, work) {
  const connection = new DatabaseConnection(file)
  try {
    return await work(new SessionStore(connection), new OutputStore(connection), connection)
  } finally {
    connection.close()
  }
}

const chunkOf = (sessionId, data) => ({ sessionId, timestamp: new Date(), type: 'stdout', data })

/** Fills a file. */
function fill(file) {
  return withStores(file, (sessions, outputs, connection) => {
    const session = (id, status) => {
      const startedAt = new Date()
      const fields = { slot: 1, workingDir: '/srv/app', currentCommand: 'npm test', startedAt }
      sessions.create({ id, status, columns: 100, rows: 30, ...fields })
    }
    connection.db.exec('BEGIN')
    for (let at = 0; at < sessionCount; at++) session(`s-${at}`, 'completed')
    connection.db.exec('COMMIT')
    session('long', 'completed')
    const data = LINE.repeat(16)
    const page = Array.from({ length: 5_000 }, () => chunkOf('long', data))
    for (let bytes = 0; bytes < megabytes * 1e6; bytes += data.length * page.length) {
      outputs.appendMany(page)
    }
    outputs.append(chunkOf('long', END))
    for (const id of FLOODED) session(id, 'running')
  })
}

/** Writes so many MB a second to four sessions, until it is told to stop. */
async function flood(file) {
  const data = LINE.repeat(16)
  await withStores(file, async (_, outputs) => {
    const over = new AbortController()
    process.on('message', () => over.abort())
    const began = performance.now()
    for (let bytes = 0; !over.signal.aborted; await sleep(5)) {
      const due = ((performance.now() - began) / 1000) * Number(values.rate) * 1e6
      while (bytes < due) {
        outputs.appendMany(FLOODED.map((id) => chunkOf(id, data)))
        bytes += data.length * FLOODED.length
      }
    }
  })
  process.disconnect()
}

/** Runs `work` while a process floods the file with so many MB a second. */
async function flooded(file, rate, work) {
  const options = ['--flood', file, '--rate', String(rate)]
  const child = fork(fileURLToPath(import.meta.url), options)
  try {
    return await work()
  } finally {
    child.send('stop')
    await once(child, 'exit')
  }
}

/** A dashboard in a process of its own. */
async function serve(file) {
  const bin = fileURLToPath(
    new URL('../packages/dashboard/bin/gsd-session-dashboard.mjs', import.meta.url),
  )
  const child = spawn(process.execPath, [bin, '--db', file, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = await once(createInterface(child.stdout), 'line')
  const memory = () => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000
  }
  const end = async () => {
    child.kill()
    await once(child, 'exit')
  }
  return { url, memory, end }
}

/** In a page: notes how long it takes until something has a text, from now or from the start of the page. */
function watch([selector, text, hash]) {
  const began = hash === undefined ? 0 : performance.now()
  globalThis.took = undefined
  if (hash !== undefined) location.hash = hash
  const look = () => {
    if (document.querySelector(selector)?.textContent.includes(text)) {
      globalThis.took = performance.now() - began
    } else {
      requestAnimationFrame(look)
    }
  }
  look()
}

async function took(page) {
  await page.waitForFunction(() => globalThis.took !== undefined)
  return page.evaluate(() => globalThis.took)
}

async function timesOfPages(browser, { url }) {
  const [paint, list, end] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    const page = await browser.newPage()
    await page.addInitScript(watch, ['tr[data-id]', ''])
    await page.goto(url)
    list.push(await took(page))
    const painted = () => performance.getEntriesByName('first-contentful-paint')[0].startTime
    paint.push(await page.evaluate(painted))
    await page.evaluate(watch, ['.xterm-rows', END, '#/session?id=long'])
    end.push(await took(page))
    await page.close()
  }
  return { paint, list, end }
}

/** Frames that a page draws, and the longest time without one, while a session prints. */
async function frames(browser, { url }, id) {
  const page = await browser.newPage()
  await page.goto(url)
  await page.waitForSelector('h1')
  await page.evaluate((hash) => (location.hash = hash), `#/session?id=${id}`)
  await page.waitForSelector('.xterm-rows')
  const counted = await page.evaluate(
    (span) =>
      new Promise((resolve) => {
        const began = performance.now()
        let [count, last, longest] = [0, began, 0]
        const draw = (now) => {
          count++
          longest = Math.max(longest, now - last)
          last = now
          if (now - began < span) requestAnimationFrame(draw)
          else resolve({ rate: (count * 1000) / (now - began), longest })
        }
        requestAnimationFrame(draw)
      }),
    seconds * 1000,
  )
  await page.close()
  return counted
}

/** Readers of a session, without a browser: how long what is printed takes to each of them. */
async function watched(file, { url }, count) {
  const { origin, hash } = new URL(url)
  const token = hash.replace('#token=', '')
  const cookie = `gsd_session_dashboard_${new URL(url).port}=${token}`
  const end = await fetch(`${origin}/api/output?id=flood-1`, { headers: { cookie } })
  const { cursor } = await end.json()
  const target = `${origin}/api/follow?id=flood-1&after=${cursor}`
  const delays = []
  const received = new Array(count).fill(0)
  const streams = received.map((_, at) => {
    const request = get(target, { headers: { cookie } }, (answer) => {
      let rest = ''
      answer.setEncoding('utf8').on('data', (text) => {
        const parts = (rest + text).split('\n\n')
        rest = parts.pop()
        for (const part of parts) {
          const data = /^event: chunks\ndata: (.*)$/m.exec(part)?.[1]
          if (data === undefined) continue
          for (const [, moment] of JSON.parse(data)) delays.push(Date.now() - moment)
          received[at]++
        }
      })
      answer.on('error', () => {})
    })
    request.on('error', () => {})
    return request
  })
  await sleep(1_000)
  delays.length = 0
  await withStores(file, async (_, outputs) => {
    for (const over = Date.now() + seconds * 1000; Date.now() < over; await sleep(50)) {
      outputs.append(chunkOf('flood-1', LINE))
    }
  })
  await sleep(500)
  streams.forEach((stream) => stream.destroy())
  return { delays: delays.sort((a, b) => a - b), served: received.filter((got) => got > 0).length }
}

async function measure() {
  const require = createRequire(new URL('../tests/browser/package.json', import.meta.url))
  const { chromium } = require('playwright-core')
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  await inFolder(tmpdir(), async (folder) => {
    const file = join(folder, 'sessions.db')
    await fill(file)
    const server = await serve(file)
    const say = (what, value) => console.log(`${what.padEnd(52)} ${value}`)
    const ms = (value) => `${value.toFixed(0)} ms`
    try {
      const { paint, list, end } = await timesOfPages(browser, server)
      say(`first paint, ${sessionCount.toLocaleString()} sessions`, ms(median(paint)))
      say('its list', ms(median(list)))
      say(`the end of ${megabytes} MB of one session`, ms(median(end)))
      const before = server.memory()
      const drawn = await flooded(file, 10, () => frames(browser, server, FLOODED[0]))
      say('frames a second while four sessions print 10 MB/s', drawn.rate.toFixed(1))
      say('the longest time without one', ms(drawn.longest))
      say(
        'memory of the server before and after',
        `${before.toFixed(0)} and ${server.memory().toFixed(0)} MB`,
      )
      const { delays, served } = await watched(file, server, viewers)
      say(`viewers of one session that got its output`, `${served} of ${viewers}`)
      say(
        'from append to viewer, p50 and p99',
        `${percentile(delays, 0.5)} and ${percentile(delays, 0.99)} ms`,
      )
      say('memory of the server then', `${server.memory().toFixed(0)} MB`)
      await flooded(file, 10, () => watched(file, server, viewers))
      say('and after so many viewers of 10 MB/s', `${server.memory().toFixed(0)} MB`)
    } finally {
      await server.end()
    }
  })
  await browser.close()
}

await (values.flood === undefined ? measure() : flood(values.flood))
