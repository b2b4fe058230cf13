// The server over HTTP, for programs of this machine alone.

import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { serverFor } from './server.mjs'

/** The path of the server. */
const PATH = '/mcp'

const digest = (text) => createHash('sha256').update(text).digest()

/** Answers without a body that a page of another origin could use. */
function refuse(response, status, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'text/plain', ...headers })
  response.end()
}

/**
 * Listens on the loopback address. A request needs the token, a Host of this machine, and an Origin of it or none.
 *
 * @returns Its address, and what ends it.
 */
export async function serveHttp(history, { port = 0, token }) {
  const expected = digest(`Bearer ${token}`)
  const isHost = localhostHostValidation()
  const isOrigin = localhostOriginValidation()
  const handler = createMcpHandler(() => serverFor(history), {
    onerror: ({ message }) => process.stderr.write(`gsd-session-mcp: ${message}\n`),
  })
  const handle = toNodeHandler(handler)
  const server = createServer((request, response) => {
    if (!isHost(request, response) || !isOrigin(request, response)) return
    if (!timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) {
      refuse(response, 401, { 'WWW-Authenticate': 'Bearer' })
    } else if (request.url.split('?', 1)[0] !== PATH) {
      refuse(response, 404)
    } else {
      void handle(request, response)
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const listens = typeof address === 'string' ? undefined : address.port
  return {
    url: `http://127.0.0.1:${listens}${PATH}`,
    async close() {
      await handler.close()
      server.close()
      server.closeAllConnections()
    },
  }
}
