// What the specs share: a file with sessions, and a dashboard that shows it.
import { request, type IncomingHttpHeaders } from 'node:http'
import { onTestFinished } from 'vitest'
import {
  openHistory,
  serveDashboard,
  type DashboardOptions,
  type HistoryOptions,
} from '@gsd/session-dashboard'
import { recordedStores } from '../../../__test__/support/recorded.js'

/** A file with its stores, whose chunks are a second apart. */
export const newStore = () => recordedStores({ step: 1_000 })

const TOKEN = 'a-token-of-the-specs'

/** An answer of the server. */
export interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  text: string
}

/** A dashboard of a file or a fleet, and ways to ask it. */
export async function newDashboard(
  where: string | HistoryOptions,
  options: Partial<DashboardOptions> = {},
) {
  const history = await openHistory(typeof where === 'string' ? { db: where } : where)
  const dashboard = await serveDashboard(history, { token: TOKEN, ...options })
  onTestFinished(async () => {
    await dashboard.close()
    await history.close()
  })
  const port = String(dashboard.port)
  const cookie = `gsd_session_dashboard_${port}=${TOKEN}`
  const send = (
    method: string,
    target: string,
    headers: Record<string, string> = { cookie },
    body?: string,
  ) =>
    new Promise<Answer>((resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', method, path: target, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (data: string) => (text += data))
        answer.on('end', () => {
          resolve({ status: answer.statusCode, headers: answer.headers, text })
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  return {
    url: dashboard.url,
    port,
    token: TOKEN,
    cookie,
    send,
    async get(target: string) {
      const answer = await send('GET', target)
      return JSON.parse(answer.text) as Record<string, never>
    },
    post(target: string, given: object) {
      const headers = { cookie, 'Content-Type': 'application/json' }
      return send('POST', target, headers, JSON.stringify(given))
    },
  }
}

/** The events of a stream, as they come. The stream ends with the test, or by `stop`. */
export function listen(
  { port, cookie }: { port: string; cookie: string },
  target: string,
  headers: Record<string, string> = {},
) {
  const events: { event: string; id: string | undefined; data: unknown }[] = []
  const sent = request(
    { port, host: '127.0.0.1', path: target, headers: { cookie, ...headers } },
    (answer) => {
      let rest = ''
      answer.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n\n')
        rest = parts.pop() ?? ''
        for (const part of parts) {
          const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1]
          const event = field('event')
          const data = field('data')
          if (event && data) events.push({ event, id: field('id'), data: JSON.parse(data) })
        }
      })
      answer.on('error', () => {})
    },
  )
  sent.on('error', () => {})
  sent.end()
  const stop = () => void sent.destroy()
  onTestFinished(stop)
  return { events, stop }
}

/** Waits until something is true. */
export async function until(isTrue: () => boolean) {
  while (!isTrue()) {
    await new Promise((resume) => {
      setTimeout(resume, 10)
    })
  }
}
