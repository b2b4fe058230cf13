// The command: a server on the standard streams, or over HTTP.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { databasePath, integer, newProgram, openHistory } from 'gsd-sessions'
import { serveHttp } from './http.mjs'
import { serverFor } from './server.mjs'

const tell = (text) => process.stderr.write(`gsd-session-mcp: ${text}\n`)

/** Serves one client on the standard streams, until that goes away. */
async function onStreams(history) {
  const handle = serveStdio(() => serverFor(history), { onerror: ({ message }) => tell(message) })
  const ended = ['end', 'close'].map((event) => once(process.stdin, event))
  await Promise.race([...ended, once(process, 'SIGTERM'), once(process, 'SIGINT')])
  await handle.close()
}

/** Serves any number of clients over HTTP, until a signal ends it. */
async function overHttp(history, port) {
  const token = process.env.GSD_SESSION_MCP_TOKEN || randomBytes(24).toString('base64url')
  const server = await serveHttp(history, { port, token })
  tell(`listens on ${server.url}`)
  if (!process.env.GSD_SESSION_MCP_TOKEN) tell(`the token is ${token}`)
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  await server.close()
}

/** The program. */
export async function program() {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return newProgram({
    name: 'gsd-session-mcp',
    version,
    description: 'An MCP server for what coding sessions printed, on the standard streams.',
    examples: [
      ['gsd-session-mcp', 'the sessions of this machine'],
      ['gsd-session-mcp --fleet postgres://db.example.com/fleet', 'those of all machines'],
      ['gsd-session-mcp --http 8931', 'over HTTP, on the loopback address'],
    ],
  })
    .option('--db <file>', 'the database (default: $GSD_SESSIONS_DB or ~/.gsd-harness/sessions.db)')
    .option('--fleet <url>', 'the sessions of a fleet instead: postgres://…')
    .option(
      '--http [port]',
      'serve over HTTP; the token is $GSD_SESSION_MCP_TOKEN, or a new one that is printed',
      integer(0, 65_535),
    )
    .action(async ({ db, fleet, http }) => {
      const history = await openHistory({ db: databasePath({ db }), fleet })
      try {
        if (http === undefined) await onStreams(history)
        else await overHttp(history, http === true ? 0 : http)
      } finally {
        await history.close()
      }
    })
}
