// A process of the better-sqlite3 version and one of this package on one file, as while a project moves.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { modernNode } from '../handle/differential/both.js'
import { startChild, type ChildTools } from '../support/child.js'
import {
  copyOfPlanFile,
  openStores,
  sampleOutput,
  sampleSession,
  slotCheck,
  temporaryFolder,
} from '../support/support.js'

/** Where npm has to fetch a Node.js that better-sqlite3 supports, its start takes seconds. */
const SLOW = { tags: ['slow'] }

/** How long both work. */
const MILLISECONDS = 2_000

const planWriter = fileURLToPath(new URL('plan-writer.mjs', import.meta.url))

/** Starts the older version; gives how it ended, once it has begun to write. */
async function startPlan(path: string, log: string, name: string, turns = 0) {
  const [program = '', ...args] = modernNode()
  const words = [planWriter, path, log, name, `${MILLISECONDS}`, `${turns}`]
  const shell = process.platform === 'win32' && program === 'npx'
  const child = spawn(program, [...args, ...words], { shell, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(() => stderr)
  const isOver = ended.then(() => true)
  const pause = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 5))
  while (!existsSync(log) && !(await Promise.race([isOver, pause()])));
  return { ended }
}

interface Work {
  path: string
  log: string
  name: string
  milliseconds: number
  writeBehind: boolean
  /** In which turn it kills itself, 0 for never. */
  turns: number
}

/** Opens, widens, creates, appends, updates, prunes, deletes, lists and closes, again and again. */
async function work({ pkg, require }: ChildTools, options: Work) {
  const { path, log, name, milliseconds, writeBehind, turns } = options
  const { openSync, writeSync } = require('node:fs') as typeof import('node:fs')
  const lines = openSync(log, 'a')
  const note = (...words: unknown[]) => writeSync(lines, `${JSON.stringify(words)}\n`)
  const end = Date.now() + milliseconds
  let turn = 0
  for (let slots = 3; Date.now() < end; slots = Math.min(slots + 1, 9)) {
    const connection = new pkg.DatabaseConnection(path, { slots })
    const sessions = new pkg.SessionStore<number>(connection)
    const outputs = new pkg.OutputStore(connection, { writeBehind })
    for (let step = 0; step < 8; step++) {
      turn += 1
      const id = `${name}-${turn}`
      const startedAt = new Date()
      const title = turn % 2 ? `title ${turn}` : null
      sessions.create({ id, slot: slots, status: 'running', workingDir: '/', startedAt, title })
      note('create', id, slots, title)
      const chunks = 5 + (turn % 20)
      for (let chunk = 0; chunk < chunks; chunk++) {
        outputs.append({
          sessionId: id,
          timestamp: new Date(),
          type: 'stdout',
          data: `${chunk};`,
        })
        note(writeBehind ? 'queue' : 'append', id, chunk)
        if (chunk === 3 && turn === turns) process.kill(process.pid, 'SIGKILL')
        if (chunk % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      outputs.flush()
      note('append', id, chunks - 1)
      if (outputs.getBySession(id).length !== chunks) throw new Error(`${id} has other output`)
      if (sessions.list()[0] === undefined) throw new Error('nothing is listed')
      const exitCode = turn % 3 ? null : turn
      const late = { status: 'completed', exitCode } as const
      if (!sessions.update(id, late, { ifStatus: 'running' })) throw new Error(`${id} is over`)
      note('finish', id, 'completed', exitCode)
      if (turn % 6 === 0) {
        sessions.delete(id)
        note('remove', id)
      }
    }
    const pruned = await connection.prune({ keepLast: 30 })
    for (const id of pruned.sessions) note('remove', id)
    const { problems } = connection.verify()
    if (problems.length > 0) throw new Error(problems.join())
    connection.close()
  }
}

interface Expected {
  slot?: number
  status: string
  title?: string | null
  exitCode?: number | null
  /** Chunks that were acknowledged, and those that were handed over. */
  least: number
  most: number
}

/** What both wrote down, as the sessions that must be there, and those that must not. */
function readLogs(...logs: string[]) {
  const there = new Map<string, Expected>()
  const gone = new Set<string>()
  const lines = logs.flatMap((log) => readFileSync(log, 'utf8').trim().split('\n'))
  for (const line of lines) {
    const [what, id, value, more] = JSON.parse(line) as [string, string, never, never?]
    const session = there.get(id) ?? { status: 'running', least: 0, most: 0 }
    there.set(id, session)
    if (what === 'create') Object.assign(session, { slot: value, title: more ?? null })
    if (what === 'finish') Object.assign(session, { status: value, exitCode: more ?? null })
    if (what === 'append') session.least = session.most = value + 1
    if (what === 'queue') session.most = value + 1
    if (what === 'remove') gone.add(id)
  }
  for (const id of gone) there.delete(id)
  return { there, gone }
}

/** Holds the whole file against what both wrote down. */
function expectEverything(path: string, ...logs: string[]) {
  const { there, gone } = readLogs(...logs)
  const { connection, sessions, outputs } = openStores(path)
  const ofFixture = ['oldest', 'middle', 'zulu', 'alpha']
  const stored = sessions.list().filter(({ id }) => !ofFixture.includes(id))
  expect(stored.map(({ id }) => id).sort()).toEqual([...there.keys()].sort())
  for (const { id, slot, status, title, exitCode } of stored) {
    const { least = 0, most = 0, ...fields } = there.get(id) ?? {}
    expect({ slot, status, title: title ?? null, exitCode: exitCode ?? null }).toEqual({
      title: null,
      exitCode: null,
      ...fields,
    })
    const chunks = outputs.getFullOutput(id, { separator: '' }).split(';').slice(0, -1)
    expect(chunks).toEqual(Array.from(chunks, (_, index) => `${index}`))
    expect(chunks.length).toBeGreaterThanOrEqual(least)
    expect(chunks.length).toBeLessThanOrEqual(most)
  }
  for (const id of gone) expect(outputs.getBySession(id)).toEqual([])
  expect(connection.db.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(connection.db.pragma('user_version', { simple: true })).toBe(2)
  expect(connection.verify()).toMatchObject({ ok: true, problems: [] })
  return { connection, there, gone }
}

describe('the better-sqlite3 version and this package work on one file at once', () => {
  test('nothing is lost while one adopts, widens and prunes what the other writes to', async () => {
    const path = copyOfPlanFile()
    const logs = ['plan.log', 'new.log'].map((name) => join(temporaryFolder(), name))
    const [planLog = '', log = ''] = logs
    const plan = await startPlan(path, planLog, 'plan')
    const milliseconds = MILLISECONDS
    const options = { path, log, name: 'new', milliseconds, writeBehind: false, turns: 0 }
    await startChild(work, [options]).result
    expect(await plan.ended).toBe('')
    const { connection, there, gone } = expectEverything(path, planLog, log)
    for (const prefix of ['plan-', 'new-'])
      expect([...there.keys(), ...gone].filter((id) => id.startsWith(prefix))).not.toEqual([])
    expect(slotCheck(connection)).toMatch(/^1, 2, 3, 4/)
  })

  test(
    'a kill of either loses nothing that was acknowledged, with write-behind only an end',
    SLOW,
    async () => {
      const path = copyOfPlanFile()
      const folder = temporaryFolder()
      const names = ['plan', 'plan-again', 'new', 'new-again']
      const [planLog = '', planAgainLog = '', log = '', againLog = ''] = names.map((name) =>
        join(folder, `${name}.log`),
      )
      const milliseconds = MILLISECONDS / 2
      const options = { path, milliseconds, writeBehind: true }
      const killedPlan = await startPlan(path, planLog, 'plan', 9)
      const killed = startChild(work, [{ ...options, log, name: 'new', turns: 13 }])
      expect((await killed.outcome).signal).toBe('SIGKILL')
      await killedPlan.ended
      const plan = await startPlan(path, planAgainLog, 'plan-again')
      await startChild(work, [{ ...options, log: againLog, name: 'new-again', turns: 0 }]).result
      expect(await plan.ended).toBe('')
      const { there, gone } = expectEverything(path, planLog, planAgainLog, log, againLog)
      // Those that were killed stopped where they were told to.
      expect(there.has('plan-10') || gone.has('plan-10')).toBe(false)
      expect(there.get('plan-9')?.least).toBe(4)
      expect(there.get('new-13')?.most).toBe(4)
    },
  )
})

test(
  'the better-sqlite3 version goes on alone with a file that this package has used',
  SLOW,
  async () => {
    const path = copyOfPlanFile()
    const { connection, sessions, outputs } = openStores(path, { slots: 5 })
    sessions.create({ ...sampleSession({ slot: 5 }), title: 'kept', exitCode: 3 })
    outputs.append(sampleOutput())
    connection.close()
    const log = join(temporaryFolder(), 'plan.log')
    expect(await (await startPlan(path, log, 'plan')).ended).toBe('')
    const again = expectEverythingBut(path, 's-1', log)
    expect(again.sessions.get('s-1')).toMatchObject({ slot: 5, title: 'kept', exitCode: 3 })
    expect(again.outputs.getFullOutput('s-1')).toBe('hello')
  },
)

/** The same for a file that has one more session. */
function expectEverythingBut(path: string, id: string, log: string) {
  const stores = openStores(path)
  const { there } = readLogs(log)
  const ids = stores.sessions.list().map((session) => session.id)
  expect(ids).toEqual(expect.arrayContaining([id, ...there.keys()]))
  expect(ids).toHaveLength(there.size + 5)
  expect(stores.connection.verify()).toMatchObject({ ok: true, problems: [] })
  return stores
}
