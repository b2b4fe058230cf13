// Runs the forms on both libraries, each in a process and on files of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseConnection } from '../../../index.js'
import { TABLES } from './template.mjs'

/** A TypeError or RangeError of this package. */
export interface Misuse {
  name: string
  code?: string
  message: string
}

/** The result of a form, as JSON. */
export interface Result {
  name: string
  outcome: unknown
  misuses: Misuse[]
}

/** The results of both libraries by the names of the forms. */
export interface Results {
  ours: Map<string, Result>
  theirs: Map<string, Result>
}

/** What better-sqlite3 is set to, so that nothing but the library differs. */
const SETTINGS = [
  'busy_timeout',
  'cache_size',
  'foreign_keys',
  'journal_size_limit',
  'synchronous',
  'trusted_schema',
  'wal_autocheckpoint',
]

/** Runs every form twice. `folder` is empty, and the caller removes it. */
export async function runBoth(folder: string): Promise<Results> {
  const template = join(folder, 'template.db')
  const settings = join(folder, 'settings.json')
  const connection = new DatabaseConnection(template)
  connection.db.exec(TABLES)
  const values = SETTINGS.map((name) => [name, connection.db.pragma(name, { simple: true })])
  connection.close()
  writeFileSync(settings, JSON.stringify(Object.fromEntries(values)))

  const run = async (command: string[], library: string) => {
    const home = join(folder, library)
    mkdirSync(home)
    await finish([...command, runner, library, template, settings], home)
    return readResults(join(home, 'results.jsonl'))
  }
  const [ours, theirs] = await Promise.all([
    run([process.execPath], 'session-store'),
    run(modernNode(), 'better-sqlite3'),
  ])
  return { ours, theirs }
}

const runner = fileURLToPath(new URL('run.mjs', import.meta.url))

/** A Node.js that better-sqlite3 supports: this one, or one that npm brings as a package. */
export function modernNode(): string[] {
  if (Number.parseInt(process.versions.node, 10) >= 22) return [process.execPath]
  const platform = process.platform === 'win32' ? 'win' : process.platform
  return ['npx', '-y', '-p', `node-${platform}-${process.arch}@24`, '--', 'node']
}

async function finish([command = '', ...args]: string[], cwd: string): Promise<void> {
  const shell = process.platform === 'win32' && command === 'npx'
  const child = spawn(command, args, { cwd, shell, stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${signal ?? code}: ${stderr}`)
}

function readResults(path: string): Map<string, Result> {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const results = lines.map((line) => JSON.parse(line) as Result)
  return new Map(results.map((result) => [result.name, result]))
}
