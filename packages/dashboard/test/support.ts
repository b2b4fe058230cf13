// What the specs share: a file with sessions, and a dashboard that shows it.
import { mkdtempSync, rmSync } from 'node:fs'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore, type NewSession } from '@gsd/session-store'
import { openHistory, serveDashboard, type DashboardOptions } from '@gsd/session-dashboard'

export const START = Date.parse('2026-10-01T10:00:00.000Z')

/** A file as a harness has it, with the stores that write to it. */
export function newStore() {
  const folder = mkdtempSync(join(tmpdir(), 'gsd-dashboard-test-'))
  const path = join(folder, 'sessions.db')
  const connection = new DatabaseConnection(path)
  onTestFinished(() => {
    connection.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection)
  let chunk = 0
  return {
    path,
    connection,
    sessions,
    outputs,
    create(id: string, fields: Partial<NewSession> = {}) {
      const startedAt = new Date(START + chunk)
      sessions.create({ id, slot: 1, status: 'running', workingDir: '/srv', startedAt, ...fields })
    },
    print(sessionId: string, ...texts: string[]) {
      outputs.appendMany(
        texts.map((data) => ({
          sessionId,
          timestamp: new Date(START + 1000 * chunk++),
          type: 'stdout' as const,
          data,
        })),
      )
    },
  }
}

const TOKEN = 'a-token-of-the-specs'

/** An answer of the server. */
export interface Answer {
  status: number | undefined
  headers: IncomingHttpHeaders
  text: string
}

/** A dashboard, and ways to ask it. */
export async function newDashboard(path: string, options: Partial<DashboardOptions> = {}) {
  const history = await openHistory({ db: path })
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
