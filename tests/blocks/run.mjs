// Reads sealed output by the program in Python of examples/read-blocks, and compares it with what the package reads.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { DatabaseConnection, OutputStore, SessionStore } = createRequire(import.meta.url)(
  '../../index.js',
)
const program = fileURLToPath(new URL('../../examples/read-blocks/read_blocks.py', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'session-store-'))
try {
  // Python as it is installed may not take packages.
  execFileSync('python3', ['-m', 'venv', join(folder, 'python')])
  const python = join(folder, 'python', 'bin', 'python')
  execFileSync(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    'zstandard>=0.22',
  ])
  const path = join(folder, 'sessions.db')
  const connection = new DatabaseConnection(path)
  const [sessions, outputs] = [new SessionStore(connection), new OutputStore(connection)]
  const start = Date.UTC(2026, 0, 1)
  const append = (id, from, to) => {
    for (let step = from; step < to; step++) {
      const data = step % 97 === 5 ? 'long '.repeat(20_000) : `${step} é \u001b[1mbold\u001b[0m\r\n`
      const type = step % 3 === 0 ? 'stderr' : 'stdout'
      outputs.append({ sessionId: id, timestamp: new Date(start + step * 7), type, data })
    }
  }
  for (const id of ['one', 'two', 'rows']) {
    sessions.create({
      id,
      slot: 1,
      status: 'completed',
      workingDir: '/',
      startedAt: new Date(start),
    })
    append(id, 0, 2000)
  }
  connection.db.exec(`
    UPDATE session_outputs SET timestamp = '2026-01-01 10:00:00', created_at = NULL WHERE id % 500 = 7;
    UPDATE session_outputs SET data = CAST(x'ff00fe41' AS TEXT) WHERE id % 500 = 8;
    UPDATE session_outputs SET data = x'00ff' WHERE id % 500 = 9`)
  await connection.seal({ sessionIds: ['one', 'two'] })
  append('two', 2000, 2100)
  const all = connection.db.prepare(
    `SELECT id AS cursor, timestamp, type, CAST(data AS BLOB) AS data, created_at AS createdAt
     FROM session_outputs_all WHERE session_id = ? ORDER BY id`,
  )
  let chunks = 0
  for (const id of ['one', 'two', 'rows', 'none']) {
    const given = execFileSync(python, [program, path, id, '--chunks'], {
      maxBuffer: 1 << 28,
      encoding: 'utf8',
    })
    const found = given
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    const wanted = all.all(id).map((row) => ({ ...row, data: row.data.toString('utf8') }))
    const at = wanted.findIndex(
      (row, index) => JSON.stringify(row) !== JSON.stringify(found[index]),
    )
    if (at >= 0 || found.length !== wanted.length) {
      throw new Error(
        `${id}, chunk ${at}: ${JSON.stringify([wanted[at], found[at]])}; ${found.length} of ${wanted.length}`,
      )
    }
    chunks += found.length
  }
  connection.close()
  console.log(`ok: ${chunks} chunks are read alike`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
