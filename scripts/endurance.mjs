// A million operations on one connection. Their memory, threads and descriptors must stay steady: `npm run endurance`,
// or with another number of operations as its argument. Linux only, because the counts come from /proc.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { DatabaseConnection, OutputStore, SessionStore } from '../index.js'

const OPERATIONS = Number(process.argv[2] ?? 1_000_000)

/** Operations between two measurements. */
const ROUND = OPERATIONS / 20

/**
 * Rounds before anything is judged. In them caches fill, and so do the arenas of the allocator, of which every thread
 * may take a new one.
 */
const WARM = 10

/** How much the first rounds after those and the last ones may differ: threads, descriptors, then megabytes. */
const TOLERANCES = { threads: 0, descriptors: 2, rss: 8, heap: 4, external: 4, file: 4 }

const SESSIONS = 12

const folder = mkdtempSync(join(tmpdir(), 'session-store-endurance-'))
const path = join(folder, 'sessions.db')

const idOf = (number) => `session-${number % SESSIONS}`
const line = 'compiling \u001B[32msession-store\u001B[0m v0.1.0 (é 🚀) '.repeat(3)
const chunkOf = (number) => ({
  sessionId: idOf(number),
  timestamp: new Date(1_700_000_000_000 + number),
  type: number % 9 === 0 ? 'stderr' : 'stdout',
  data: `${number} ${line.slice(0, 40 + (number % 120))}`,
})

/** The objects that are open at a time. `renew` closes all of them and opens new ones. */
function open() {
  const connection = new DatabaseConnection(path, { walLimit: 4 << 20 })
  const { db } = connection
  return {
    connection,
    sessions: new SessionStore(db),
    direct: new OutputStore(db),
    behind: new OutputStore(db, { writeBehind: true }),
    count: db.prepare('SELECT count(*) FROM session_outputs WHERE session_id = ?').pluck(),
    upsert: db.prepare('UPDATE sessions SET current_command = :command WHERE id = :id'),
    move: db.transaction((id, pid) =>
      db.prepare('UPDATE sessions SET pid = ? WHERE id = ?').run(pid, id),
    ),
  }
}

/** One operation. Each kind comes about as often as in a harness. */
function operate(all, number) {
  const id = idOf(number)
  const kind = number % 20
  if (kind < 9) all.behind.append(chunkOf(number))
  else if (kind < 12) all.direct.append(chunkOf(number))
  else if (kind === 12) all.direct.appendMany([chunkOf(number), chunkOf(number + 1)])
  else if (kind === 13) all.direct.getBySession(id, 50)
  else if (kind === 14) all.sessions.list()
  else if (kind === 15) all.sessions.update(id, { status: 'running', pid: number, endedAt: null })
  else if (kind === 16) all.upsert.run({ id, command: `command ${number}` })
  else if (kind === 17) all.move(id, number)
  else if (kind === 18) {
    for (const row of all.connection.db.prepare('SELECT * FROM sessions').iterate())
      if (row.id === id) break
  } else if (number % 4000 === 19) all.direct.getFullOutput(id)
  else if (number % 200 === 19)
    all.connection.db.prepare(`SELECT ${number}, count(*) FROM sessions`).all()
  else {
    try {
      all.sessions.create({ id, slot: 99 })
    } catch {
      all.count.get(id)
    }
  }
}

/** Removes old sessions as a harness does, so that the file does not grow. */
function clean(all) {
  for (let number = 0; number < SESSIONS; number++) all.direct.deleteBySession(idOf(number))
}

function fill(all) {
  for (let number = 0; number < SESSIONS; number++) {
    all.sessions.create({
      id: idOf(number),
      slot: 1 + (number % 3),
      status: 'idle',
      workingDir: `/srv/${number}`,
      startedAt: new Date(1_700_000_000_000 + number),
    })
  }
}

const count = () => ({
  threads: readdirSync('/proc/self/task').length,
  descriptors: readdirSync('/proc/self/fd').length,
})

async function measure(all) {
  all.behind.flush()
  // Gives the checkpointer and the finalizers time to run.
  for (let pass = 0; pass < 4; pass++) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  const megabytes = (bytes) => Math.round((bytes / 2 ** 20) * 10) / 10
  return {
    ...count(),
    rss: megabytes(rss),
    heap: megabytes(heapUsed),
    external: megabytes(external),
    file: megabytes(statSync(path).size),
    log: megabytes(all.connection.walStatus().size),
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

try {
  await setImmediate()
  const unopened = count()
  let all = open()
  fill(all)
  const measured = []
  for (let round = 0; round < OPERATIONS / ROUND; round++) {
    for (let i = 0; i < ROUND; i++) {
      operate(all, round * ROUND + i)
      // As a harness does between two reads of its terminals.
      if (i % 1000 === 999) await setImmediate()
    }
    measured.push({ operations: (round + 1) * ROUND, ...(await measure(all)) })
    clean(all)
    if (round % 4 === 3) {
      all.connection.close()
      all = open()
    }
  }
  all.connection.close()
  const closed = count()
  console.table(measured)

  const [early, late] = [measured.slice(WARM, WARM + 5), measured.slice(-5)]
  const problems = []
  const judge = (what, before, after, tolerance) => {
    const isSteady = after - before <= tolerance
    console.log(`${what}: ${before} -> ${after}${isSteady ? '' : ', NOT STEADY'}`)
    if (!isSteady) problems.push(what)
  }
  for (const [what, tolerance] of Object.entries(TOLERANCES)) {
    const [before, after] = [early, late].map((rows) => median(rows.map((row) => row[what])))
    judge(what, before, after, tolerance)
  }
  judge('threads, closed', unopened.threads, closed.threads, 0)
  judge('descriptors, closed', unopened.descriptors, closed.descriptors, 0)
  console.log(problems.length === 0 ? 'steady' : `not steady: ${problems.join(', ')}`)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
