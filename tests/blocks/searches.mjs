// Searches over sealed sessions against the same over rows: real output, and programs that draw over it, by texts and regular
// expressions that stand in it and that do not.
//
//   node tests/blocks/searches.mjs [--patterns 2000] [--megabytes 6] [--seed 1]
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { cut, KINDS, random, terminalText } from '../../bench/lib/text.mjs'

const { DatabaseConnection, OutputStore, SessionStore } = createRequire(import.meta.url)(
  '../../index.js',
)

const { values } = parseArgs({
  options: {
    patterns: { type: 'string', default: '2000' },
    megabytes: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
})
const next = random(Number(values.seed))
const below = (end) => Math.floor(next() * end)
const oneOf = (all) => all[below(all.length)]

const SESSIONS = 12

/** What programs print that go back over what they printed. */
const MOVES = [
  '\r',
  '\u001B[A',
  '\u001B[2K',
  '\u001B[1;1H',
  '\u001B[J',
  '\b\b',
  '\t',
  '\u001B[?1049h',
  '\u001B[?1049l',
]

/** Stores real output in sessions whose chunks lie between each other; a third of them draw. Returns the text. */
function fill(connection) {
  const [sessions, outputs] = [new SessionStore(connection), new OutputStore(connection)]
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const text = terminalText(root).slice(0, Number(values.megabytes) * 1_000_000)
  const ids = Array.from({ length: SESSIONS }, (_, at) => `s-${at}`)
  for (const [at, id] of ids.entries()) {
    const size = at % 2 === 0 ? { terminal: true, columns: 100, rows: 30 } : {}
    const startedAt = new Date(at)
    sessions.create({ id, slot: 1, status: 'completed', workingDir: '/', startedAt, ...size })
  }
  const chunks = cut(text, KINDS.small)
  const all = chunks.map((data, step) => {
    // Each session has long runs, so that its text stays what it was.
    const session = (Math.floor(step / 500) + below(2)) % SESSIONS
    const draws = session % 3 === 0 && below(4) === 0
    const timestamp = new Date(step)
    return {
      sessionId: ids[session],
      timestamp,
      type: 'stdout',
      data: draws ? data + oneOf(MOVES) : data,
    }
  })
  outputs.appendMany(all)
  return text
}

const escaped = (text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)

/** A search for something that stands in the text, or nearly. */
function queryOf(text) {
  const at = below(text.length - 40)
  // Without colours, and from the start of none.
  const seen = stripVTControlCharacters(text.slice(at, at + 2 + below(24)))
  let [pattern = ''] = seen.split(/[\r\n\t]/)
  if (pattern.trim().length < 2) pattern = 'const'
  const kind = below(10)
  if (kind === 0) pattern = pattern.toUpperCase()
  if (kind === 1) pattern = `${pattern}${below(1e6)}`
  if (kind === 2) pattern = [...pattern].toReversed().join('')
  const options = { caseSensitive: below(3) === 0, drawnOver: below(4) === 0, context: below(3) }
  if (below(4) === 0) options.sessionId = `s-${below(SESSIONS)}`
  if (below(3) > 0) return { pattern, options }
  const regex = oneOf([
    escaped(pattern),
    `^${escaped(pattern)}`,
    String.raw`\b${escaped(pattern)}\w*`,
    `(${escaped(pattern)}|absent text)`,
    `${escaped(pattern.slice(0, 4))}.{0,9}[a-z]$`,
  ])
  return { pattern: regex, options: { ...options, regex: true } }
}

/** All matches, in the order of search(). */
function found(outputs, { pattern, options }) {
  const all = []
  for (let page = outputs.search(pattern, { ...options, limit: 700 }); ; page = page.next()) {
    all.push(...page.matches)
    if (page.complete) return all
  }
}

const texts = (matches) => matches.map((match) => JSON.stringify(match))

const folder = mkdtempSync(join(tmpdir(), 'session-store-searches-'))
const connection = new DatabaseConnection(join(folder, 'sessions.db'))
try {
  const text = fill(connection)
  const outputs = new OutputStore(connection)
  const queries = Array.from({ length: Number(values.patterns) }, () => queryOf(text))
  let wanted = 0
  const answers = queries.map((query) => {
    const all = texts(found(outputs, query))
    wanted += all.length
    return all
  })
  const { sessions, fileBytesBefore, fileBytes } = await connection.seal()
  if (sessions.length !== SESSIONS) throw new Error(`only ${sessions} were sealed`)
  let differ = 0
  for (const [at, query] of queries.entries()) {
    const beside = []
    for await (const match of outputs.searchAsync(query.pattern, query.options)) beside.push(match)
    const answer = answers[at] ?? []
    const isSame =
      texts(found(outputs, query)).join('\n') === answer.join('\n') &&
      texts(beside).toSorted().join('\n') === answer.toSorted().join('\n')
    if (!isSame) {
      differ++
      console.error('differs:', JSON.stringify(query))
    }
  }
  const absent = answers.filter(({ length }) => length === 0).length
  console.log(
    `${queries.length} searches with ${wanted} matches, ${absent} of them without any; ` +
      `${fileBytesBefore} bytes became ${fileBytes}. ${differ} differ.`,
  )
  if (differ > 0) process.exitCode = 1
} finally {
  connection.close()
  rmSync(folder, { recursive: true, force: true })
}
