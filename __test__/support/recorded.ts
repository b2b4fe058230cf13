// What is shared by the specs of those who show sessions: a file of a harness, and short ways to add to it.
import type { NewSession } from '../../index.js'
import { openStores, temporaryPath } from './support.js'

const START = Date.parse('2026-10-01T10:00:00.000Z')

/** A file with its stores. Each chunk is `step` milliseconds later than the one before. */
export function recordedStores({ step = 1 } = {}) {
  const path = temporaryPath()
  const stores = openStores(path)
  let chunk = 0
  const append = (sessionId: string, texts: [after: number, data: string][]) => {
    const type = 'stdout' as const
    stores.outputs.appendMany(
      texts.map(([after, data]) => {
        return { sessionId, timestamp: new Date(START + after), type, data }
      }),
    )
  }
  return {
    path,
    ...stores,
    create(id: string, fields: Partial<NewSession> = {}) {
      const startedAt = new Date(START + chunk)
      const session = { id, slot: 1, status: 'running', workingDir: '/srv', startedAt } as const
      stores.sessions.create({ ...session, ...fields })
    },
    print(sessionId: string, ...texts: string[]) {
      append(
        sessionId,
        texts.map((text) => [step * chunk++, text]),
      )
    },
    /** Prints a text so many milliseconds after the start. */
    printAt(sessionId: string, after: number, text: string) {
      append(sessionId, [[after, text]])
    },
  }
}
