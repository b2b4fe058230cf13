// The command: a dashboard for a browser of this machine.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { databasePath, integer, newProgram, openHistory, print } from 'gsd-sessions'
import { InvalidArgumentError } from 'commander'
import { serveDashboard } from './server.mjs'

/** The port, unless another one is named. */
const PORT = 4640

function publicUrl(text) {
  const url = URL.parse?.(text) ?? new URL(text)
  if (!['http:', 'https:'].includes(url?.protocol))
    throw new InvalidArgumentError('It must be an address such as https://sessions.example.com/.')
  return url.href
}

/** The program. */
export async function program() {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return newProgram({
    name: 'gsd-session-dashboard',
    version,
    description:
      'A dashboard for coding sessions: what they print, live, and all that they printed.',
    examples: [
      ['gsd-session-dashboard', 'the sessions of this machine'],
      ['gsd-session-dashboard --fleet postgres://db.example.com/fleet', 'those of all machines'],
    ],
  })
    .option('--db <file>', 'the database (default: $GSD_SESSIONS_DB or ~/.gsd-harness/sessions.db)')
    .option('--fleet <url>', 'the sessions of a fleet instead: postgres://…')
    .option('--port <number>', 'the port to listen on; 0 is a free one', integer(0, 65_535), PORT)
    .option('--public-url <url>', 'the address under which a proxy shows it', publicUrl)
    .option('--allow-delete', 'let the page remove sessions')
    .option('--allow-prune', 'let the page prune')
    .action(async ({ db, fleet, port, publicUrl: shown, allowDelete, allowPrune }) => {
      const history = await openHistory({ db: databasePath({ db }), fleet })
      try {
        const token =
          process.env.GSD_SESSION_DASHBOARD_TOKEN || randomBytes(24).toString('base64url')
        const rights = { delete: allowDelete === true, prune: allowPrune === true }
        const server = await serveDashboard(history, { token, port, publicUrl: shown, rights })
        await print(`${server.url}\n`)
        await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
        await server.close()
      } finally {
        await history.close()
      }
    })
}
