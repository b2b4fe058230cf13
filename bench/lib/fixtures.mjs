// The data that trials store. It is the same on every side, dates included.

const START = Date.parse('2026-01-01T00:00:00Z')
const STATUSES = ['running', 'waiting_checkpoint', 'completed', 'failed']

/** The sessions that trials write to, in turn. */
export const SESSIONS = ['session-1', 'session-2', 'session-3']

/** Chunks that share a millisecond, as those of a busy terminal do. */
const CHUNKS_PER_MS = 12

/** The moment of the chunk with this number. */
export function momentOf(number) {
  return new Date(START + Math.floor(number / CHUNKS_PER_MS))
}

/** The output with this number: the sessions take turns, and the chunks start over at their end. */
export function outputOf(chunks, number, sessionId = SESSIONS[number % SESSIONS.length]) {
  return {
    sessionId,
    timestamp: momentOf(number),
    type: number % 16 === 15 ? 'stderr' : 'stdout',
    data: chunks[number % chunks.length],
  }
}

/** The session with this number. */
export function sessionOf(number) {
  const status = STATUSES[number % STATUSES.length]
  const over = status === 'completed' || status === 'failed'
  const startedAt = new Date(START + number * 60_000)
  return {
    id: `session-${number + 1}`,
    slot: (number % 3) + 1,
    status,
    workingDir: `/home/dev/projects/project-${number % 17}`,
    currentCommand: number % 5 === 4 ? undefined : `claude --resume ${number} --verbose`,
    startedAt,
    endedAt: over ? new Date(startedAt.getTime() + 45_678) : undefined,
    pid: over ? undefined : 1000 + number,
  }
}

const ROWS_PER_TRANSACTION = 1000

/** Stores `rows` outputs, of one session if one is given. */
export function fillOutputs(stores, chunks, rows, sessionId) {
  for (let number = 0; number < rows;) {
    const outputs = []
    while (outputs.length < ROWS_PER_TRANSACTION && number < rows) {
      outputs.push(outputOf(chunks, number, sessionId))
      number++
    }
    stores.outputs.appendMany(outputs)
  }
}

/** Stores `count` sessions. */
export function fillSessions(stores, count) {
  stores.db.transaction(() => {
    for (let number = 0; number < count; number++) stores.sessions.create(sessionOf(number))
  })()
}
