// What the specs share: stores with sessions, and official clients of a server.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { onTestFinished } from 'vitest'
import { DatabaseConnection, OutputStore, SessionStore, type NewSession } from '@gsd/session-store'
import { openHistory, serveHttp } from '@gsd/session-mcp'

/** The command. */
export const COMMAND = new URL('../bin/gsd-session-mcp.mjs', import.meta.url).pathname

/** The start of every session of the specs. */
export const START = Date.parse('2026-10-01T10:00:00.000Z')

/** A file as a harness has it, with the stores that write to it. */
export function newStore() {
  const folder = mkdtempSync(join(tmpdir(), 'gsd-mcp-test-'))
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
          timestamp: new Date(START + chunk++),
          type: 'stdout' as const,
          data,
        })),
      )
    },
  }
}

/** An official client of the command on its standard streams. */
export async function newClient(path: string): Promise<Client> {
  const client = new Client({ name: 'specs', version: '1.0.0' })
  onTestFinished(() => client.close())
  const args = [COMMAND, '--db', path]
  await client.connect(new StdioClientTransport({ command: process.execPath, args }))
  return client
}

/** A server over HTTP, and its token. */
export async function newHttpServer(path: string) {
  const token = 'a-token-of-the-specs'
  const history = await openHistory({ db: path })
  const server = await serveHttp(history, { token })
  onTestFinished(async () => {
    await server.close()
    await history.close()
  })
  return { url: server.url, token }
}

/** An official client of a server over HTTP. */
export async function newHttpClient({ url, token }: { url: string; token: string }) {
  const client = new Client({ name: 'specs', version: '1.0.0' })
  onTestFinished(() => client.close())
  const requestInit = { headers: { Authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
  return client
}

/** The fields of answers. */
interface Answer extends Record<string, unknown> {
  text?: string
  cursor?: string
  more?: boolean
  matches?: { cursor: string; line_number: number }[]
}

/** What a tool answers: its texts, and the same as an object. */
export async function call(client: Client, name: string, given: Record<string, unknown> = {}) {
  const answer = await client.callTool({ name, arguments: given })
  const texts = answer.content.map((part) => (part.type === 'text' ? part.text : ''))
  // Its fields are those that a spec expects.
  const data = (answer.structuredContent ?? {}) as Answer
  return { texts, data, isError: answer.isError === true }
}
