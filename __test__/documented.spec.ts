// The JavaScript of the README and of docs/, run as it stands there.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageUrl, runModule } from './child.js'
import { temporaryFolder } from './support.js'

/** What a snippet may take as given: a store of its own, with a session that is over. */
const PREAMBLE = `
import * as pkg from ${JSON.stringify(packageUrl)}
const { DatabaseConnection, OutputStore, SessionStore, salvage } = pkg
const connection = new DatabaseConnection('./documented.db')
const { db } = connection
const sessions = new SessionStore(db)
const outputs = new OutputStore(db)
sessions.create({ id: 's-1', slot: 1, status: 'completed', workingDir: '/src', startedAt: new Date() })
const chunk = { sessionId: 's-1', timestamp: new Date(), type: 'stdout', data: 'an error\\n' }
outputs.appendMany(Array.from({ length: 250 }, () => chunk))
sessions.create({ id: 'lost', slot: 1, status: 'running', workingDir: '/src', startedAt: new Date(0), pid: 2 ** 30 })
await connection.backup('./damaged.db')
const cursor = 0
const show = console.log
const checkpoints = { answer: () => {} }
`

/** The blocks of a file that are JavaScript, without their imports, and with a folder that may be written to. */
function blocksOf(file: string): string[] {
  const blocks = [...readFileSync(file, 'utf8').matchAll(/^```js\n([^]*?)^```$/gm)]
  return blocks.map(([, code = '']) =>
    code
      .replace(/^import .* from '@gsd\/session-store'\n/m, '')
      .trimStart()
      .replaceAll('/mnt/backup/', './backup/'),
  )
}

const FILES = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
const SNIPPETS = FILES.flatMap((file) =>
  blocksOf(file).map((code) => ({ file, code, start: code.split('\n')[0] })),
)

describe('a snippet', () => {
  test.each(SNIPPETS)('of $file runs: $start', async ({ code }) => {
    const source = `${PREAMBLE}\n{\n${code}\n}\n`
    const ended = await runModule(source, { cwd: temporaryFolder() })
    expect(ended).toMatchObject({ code: 0, stderr: '' })
  })

  test.each(['read', 'follow', 'search', 'exportTo', 'backup', 'prune', 'stats', 'failOrphans'])(
    'of the README shows %s',
    (name) => {
      expect(blocksOf('README.md').join('\n')).toMatch(new RegExp(`\\.${name}\\(`))
    },
  )
})

test.each(FILES)('the fences of %s are in pairs', (file) => {
  const fences = readFileSync(file, 'utf8').match(/^`{3,}.*$/gm) ?? []
  const [opening, closing] = [0, 1].map((odd) => fences.filter((_, i) => i % 2 === odd))
  for (const fence of opening ?? []) expect(fence).toMatch(/^```\w+$/)
  for (const fence of closing ?? []) expect(fence).toBe('```')
})
