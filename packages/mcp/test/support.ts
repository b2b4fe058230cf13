// What the specs share: stores with sessions, and official clients of a server.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { onTestFinished } from 'vitest'
import { openHistory, serveHttp } from '@gsd/session-mcp'

/** The command. */
export const COMMAND = new URL('../bin/gsd-session-mcp.mjs', import.meta.url).pathname

export { recordedStores as newStore } from '../../../__test__/support/recorded.js'

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
