// The main job, on real input: records three commands that run side by side, one per slot, then opens
// the file again, shows what it holds, searches it, and tells how much it is.
//
//   node examples/record.mjs [file]

import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { DatabaseConnection, OutputStore, SessionStore } from '../index.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const COMMANDS = [
  ['git', 'log', '--stat', '--color=always', '--max-count=20'],
  ['cargo', 'tree', '--color=always', '--charset=utf8', '--edges=normal'],
  ['cargo', 'check', '--color=always', '--package', 'no-such-crate'],
]
const NEWEST_LINES = 4
const WANTED = 'error'
const MATCHES = 5

/** Runs a command in a slot and stores what it does. Resolves when it is over. */
function record({ sessions, outputs }, slot, [program, ...args]) {
  const id = `slot-${slot}-${Date.now().toString(36)}`
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  sessions.create({
    id,
    slot,
    status: 'running',
    workingDir: root,
    currentCommand: [program, ...args].join(' '),
    startedAt: new Date(),
    pid: child.pid,
  })
  console.log(`  slot ${slot}  running, pid ${child.pid}: ${program} ${args.join(' ')}`)
  for (const type of ['stdout', 'stderr']) {
    // A chunk may end in the middle of a character.
    const decoder = new StringDecoder('utf8')
    const append = (data) => {
      if (data) outputs.append({ sessionId: id, timestamp: new Date(), type, data })
    }
    child[type].on('data', (chunk) => append(decoder.write(chunk)))
    child[type].on('end', () => append(decoder.end()))
  }
  return new Promise((resolve) => {
    const end = (status, how) => {
      sessions.update(id, { status, endedAt: new Date() })
      console.log(`  slot ${slot}  ${how}, ${status}`)
      resolve()
    }
    child.on('error', (error) => {
      const data = `${error.message}\n`
      outputs.append({ sessionId: id, timestamp: new Date(), type: 'stderr', data })
      end('failed', 'did not start')
    })
    child.on('close', (code, signal) => {
      // A command that did not start has told so already.
      if (child.pid !== undefined) {
        end(code === 0 ? 'completed' : 'failed', signal ? `ended by ${signal}` : `exit ${code}`)
      }
    })
  })
}

/** What was stored, as it should be printed: with its colours on a terminal only. */
const printable = (text) => (process.stdout.isTTY ? text : stripVTControlCharacters(text))
const bold = (text) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[22m` : text)
const heading = (text) => console.log(`\n${bold(text)}\n`)

/** Prints rows in columns as wide as their widest cell. */
function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)))
  for (const [i, row] of rows.entries()) {
    const line = row.map((cell, j) =>
      typeof cell === 'number' ? String(cell).padStart(widths[j]) : String(cell).padEnd(widths[j]),
    )
    const text = `  ${line.join('  ').trimEnd()}`
    console.log(i === 0 ? bold(text) : text)
  }
}

function show({ sessions, outputs }) {
  const stored = sessions.list().toSorted((a, b) => a.slot - b.slot)
  const rows = stored.map((session) => {
    const chunks = outputs.getBySession(session.id)
    const characters = chunks.reduce((sum, { data }) => sum + data.length, 0)
    const seconds = ((session.endedAt - session.startedAt) / 1000).toFixed(2)
    const started = session.startedAt.toISOString().slice(11, 23)
    const { slot, status, pid } = session
    return [
      slot,
      status,
      pid ?? '',
      started,
      `${seconds} s`,
      chunks.length,
      characters,
      session.currentCommand,
    ]
  })
  table([['slot', 'status', 'pid', 'started', 'took', 'chunks', 'characters', 'command'], ...rows])

  for (const session of stored) {
    heading(`The newest lines of slot ${session.slot}: ${session.currentCommand}`)
    const text = outputs.getFullOutput(session.id, { separator: '' })
    for (const line of text.trimEnd().split('\n').slice(-NEWEST_LINES))
      console.log(`  ${printable(line)}`)
  }

  const failed = stored.find(({ status }) => status === 'failed')
  if (failed) {
    heading(`The full output of slot ${failed.slot}, which failed`)
    const text = outputs.getFullOutput(failed.id, { separator: '' })
    for (const line of text.trimEnd().split('\n')) console.log(`  ${printable(line)}`)
  }
}

/** Lines as a person saw them: the colours around and inside a word do not hide it. */
function search({ sessions, outputs }) {
  const { matches, complete } = outputs.search(WANTED, { limit: MATCHES })
  heading(`Lines with ${JSON.stringify(WANTED)}${complete ? '' : `, the first ${MATCHES}`}`)
  for (const { sessionId, lineNumber, line, start, end } of matches) {
    const shown = line.slice(0, start) + bold(line.slice(start, end)) + line.slice(end)
    console.log(`  slot ${sessions.get(sessionId)?.slot}, line ${lineNumber}: ${shown}`)
  }
}

function stats({ connection }) {
  const { sessions, outputs, bytes, fileBytes, largest } = connection.stats({ sessions: 1 })
  const byStatus = Object.entries(sessions).filter(([, count]) => count > 0)
  const kilobytes = (count) => `${(count / 1000).toFixed(1)} kB`
  heading('How much that is')
  console.log(`  sessions  ${byStatus.map(([status, count]) => `${count} ${status}`).join(', ')}`)
  console.log(`  chunks    ${outputs}, ${kilobytes(bytes)} of text`)
  for (const { sessionId, bytes: most } of largest) {
    console.log(`  largest   ${sessionId}, ${kilobytes(most)}`)
  }
  console.log(`  file      ${kilobytes(fileBytes)}`)
}

/** Opens the file with its stores, runs `work`, and closes it whatever happens. */
async function withStores(file, work) {
  const connection = new DatabaseConnection(file)
  try {
    await work({
      connection,
      sessions: new SessionStore(connection),
      outputs: new OutputStore(connection),
    })
  } finally {
    connection.close()
  }
}

const file =
  process.argv[2] ?? join(mkdtempSync(join(tmpdir(), 'gsd-session-store-')), 'sessions.db')
console.log(`\n${bold('Recording three commands side by side')} into ${file}\n`)
await withStores(file, (stores) =>
  Promise.all(COMMANDS.map((command, i) => record(stores, i + 1, command))),
)
heading('Closed, and opened again. The file holds')
await withStores(file, (stores) => {
  show(stores)
  search(stores)
  stats(stores)
})
heading('The file stays. Look at it')
console.log(`  in a browser:  npx gsd-session-dashboard --db ${file}`)
console.log(`  in a terminal: npx gsd-sessions list --db ${file}`)
console.log(`  by an agent:   npx gsd-session-mcp --db ${file}`)
console.log(`  by SQL:        sqlite3 ${file} 'SELECT id, status, pid FROM sessions'\n`)
