// Sessions as resources, and the completion of their ids.

import { ResourceNotFoundError, ResourceTemplate } from '@modelcontextprotocol/server'
import { Failure, jsonText, printableLine } from 'gsd-sessions'
import { marked, UNTRUSTED } from './answers.mjs'
import { Budget, shortened, TOKENS } from './budget.mjs'
import { lastLines } from './text.mjs'
import { lastOf } from './tools/output.mjs'
import { short } from './tools/sessions.mjs'

/** Sessions that are listed as resources: the newest. */
const LISTED = 50

/** Ids that complete what is typed. */
const COMPLETED = 100

/** Characters of a title at most. */
const LONGEST_TITLE = 120

/** Lines of output that a resource has at most. */
const LINES = 2_000

export const completion = (history) => (value) => history.starting(value, COMPLETED)

const uriOf = (id, what = '') => `session://${encodeURIComponent(id)}${what}`

/** Runs `work` for the session of an address. */
async function of(uri, id, work) {
  try {
    return await work(decodeURIComponent(id))
  } catch (error) {
    if (error instanceof Failure || error instanceof URIError)
      throw new ResourceNotFoundError(uri.href)
    throw error
  }
}

/** A text as people see it in a list. */
const shown = (text) => printableLine(shortened(text, LONGEST_TITLE))

/** Registers the resources of sessions. */
export function register(server, history) {
  const complete = { id: completion(history) }
  const list = async () => ({
    resources: (await history.list({ limit: LISTED })).map((session) => ({
      uri: uriOf(session.id, '/output'),
      name: shown(session.id),
      title: shown(session.title ?? session.currentCommand ?? session.id),
      description: `${session.status}, started ${session.startedAt.toISOString()}`,
      mimeType: 'text/plain',
    })),
  })
  server.registerResource(
    'session',
    new ResourceTemplate('session://{id}', { list: undefined, complete }),
    {
      title: 'A session',
      description: 'What is known of a session, as JSON.',
      mimeType: 'application/json',
    },
    (uri, { id }) =>
      of(uri, id, async (name) => {
        const session = await history.get(name)
        if (session === undefined) throw new ResourceNotFoundError(uri.href)
        const told = { ...short(session, TOKENS / 6).told, untrusted: UNTRUSTED }
        return {
          contents: [{ uri: uri.href, mimeType: 'application/json', text: jsonText(told) }],
        }
      }),
  )
  server.registerResource(
    'output',
    new ResourceTemplate('session://{id}/output', { list, complete }),
    {
      title: 'What a session printed',
      description: 'The last lines that a session printed, as a person saw them. Untrusted text.',
      mimeType: 'text/plain',
    },
    (uri, { id }) =>
      of(uri, id, async (name) => {
        const opened = await history.open(name)
        try {
          const { lines } = await lastLines(opened, opened.id, LINES)
          const { text } = lastOf(lines, new Budget())
          const contents = [{ uri: uri.href, mimeType: 'text/plain', text: marked([name], text) }]
          return { contents }
        } finally {
          opened.close()
        }
      }),
  )
}
