// Child processes for the specs. The work is a function. The child gets its source, so it may use only its parameters:
// the tools and JSON arguments.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import { describeFailure, temporaryFolder, type Failure } from './support.js'

type Package = typeof import('../../index.js')

/** What the work in a child process gets as its first parameter. */
export interface ChildTools {
  /** The package under test. */
  pkg: Package
  require: NodeJS.Require
  failureOf: (action: () => unknown) => Failure | undefined
  /** How many threads and descriptors the process has; nothing where there is no /proc. */
  countResources: typeof countResources
  /** Tells the parent `word` and waits for the parent's {@link Child.resume}. */
  meet: (word: string) => Promise<void>
}

export interface ChildOptions {
  env?: Record<string, string>
  cwd?: string
  /** Options of `node` itself, such as `--expose-gc`. */
  nodeOptions?: string[]
  /** Milliseconds after which the process counts as hanging and is killed. */
  timeout?: number
}

/** How a process ended, and what it wrote. */
export interface Outcome {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
}

/** A child process that is at work. */
export interface Child<T> {
  /** Waits until the child meets its parent with `word`. */
  met: (word: string) => Promise<void>
  /** Lets a child that met its parent go on. */
  resume: () => void
  /** Kills it. */
  end: () => void
  /** How it ended. */
  outcome: Promise<Outcome>
  /** What the work returned, through JSON; an exit other than 0 rejects. */
  result: Promise<T>
}

/** The file that users import. */
export const packagePath = fileURLToPath(new URL('../../index.js', import.meta.url))

/** The same as a URL, for `import` in a program of a test. */
export const packageUrl = pathToFileURL(packagePath).href

/** Stands alone, as {@link describeFailure} does. */
function countResources(): { threads: number; descriptors: number } {
  const { existsSync, readFileSync, readdirSync, readlinkSync } =
    process.getBuiltinModule('node:fs')
  const isPlainNode =
    process.release.name === 'node' && !('Deno' in globalThis || 'Bun' in globalThis)
  const count = (what: string, isCounted: (path: string) => boolean) => {
    const folder = `/proc/self/${what}`
    if (!existsSync(folder)) return 0
    return readdirSync(folder).filter((name) => {
      try {
        return isCounted(`${folder}/${name}`)
      } catch {
        return false
      }
    }).length
  }
  // A thread stays in /proc for a moment after it was joined; its flags (PF_EXITING, 4) tell.
  const isExiting = (path: string) => {
    const [, afterName = ''] = readFileSync(`${path}/stat`, 'utf8').split(') ')
    return (Number(afterName.split(' ')[6]) & 4) !== 0
  }
  // Other runtimes start and end threads and descriptors of their own at any time.
  return {
    threads: count(
      'task',
      (path) =>
        !isExiting(path) &&
        (isPlainNode ||
          /^(wal-checkpoint|write-behind)/.test(readFileSync(`${path}/comm`, 'utf8'))),
    ),
    descriptors: count('fd', (path) => isPlainNode || /\.db(-wal|-shm)?$/.test(readlinkSync(path))),
  }
}

/** Starts `work` in a process of its own. */
export function startChild<A extends unknown[], T>(
  work: (tools: ChildTools, ...args: A) => T | Promise<T>,
  args: readonly [...A],
  options: ChildOptions = {},
): Child<T> {
  const program = `
    const pkg = require(${JSON.stringify(packagePath)})
    const failureOf = (action) => (${describeFailure.toString()})(pkg.SqliteError, action)
    const countResources = ${countResources.toString()}
    const meet = (word) => new Promise((resume) => {
      process.once('message', () => resume())
      process.send(word)
    })
    const work = ${work.toString()}
    Promise.resolve(work({ pkg, require, failureOf, countResources, meet }, ...${JSON.stringify(args)}))
      .then((value) => process.stdout.write(JSON.stringify(value ?? null)))`
  const child = startNode(['-e', program], options)
  const outcome = outcomeOf(child)
  // Some runtimes drop messages that arrive while nobody listens.
  const said: unknown[] = []
  child.on('message', (word) => said.push(word))
  const hear = async () => {
    await once(child, 'message')
    return said.shift()
  }
  return {
    met: async (word) => {
      const next = said.length > 0 ? said.shift() : await Promise.race([hear(), outcome])
      if (next !== word) throw new Error(`instead of '${word}': ${JSON.stringify(next)}`)
    },
    resume: () => void child.send('resume'),
    end: () => void child.kill('SIGKILL'),
    outcome,
    get result() {
      return outcome.then((ended) => parseResult<T>(ended))
    },
  }
}

/** Runs `work` in a process of its own and gives what it returned. */
export function inChild<A extends unknown[], T>(
  work: (tools: ChildTools, ...args: A) => T | Promise<T>,
  args: readonly [...A],
  options?: ChildOptions,
): Promise<T> {
  return startChild(work, args, options).result
}

/** Runs an ES module given as text. */
export function runModule(source: string, options?: ChildOptions): Promise<Outcome> {
  // In a file, as not every runtime takes `--input-type`.
  const file = join(temporaryFolder(), 'program.mjs')
  writeFileSync(file, source)
  return outcomeOf(startNode([file], options))
}

/** Runs a script of these tests in a process of its own. */
export function runScript(
  path: string,
  args: readonly string[],
  options?: ChildOptions,
): Promise<Outcome> {
  return outcomeOf(startNode([path, ...args], options))
}

function startNode(
  args: string[],
  { env = {}, cwd, nodeOptions = [], timeout }: ChildOptions = {},
): ChildProcess {
  const child = spawn(process.execPath, [...nodeOptions, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(timeout === undefined ? {} : { timeout, killSignal: 'SIGKILL' }),
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const written = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (written.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (written.stderr += text))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { code, signal, ...written }
}

function parseResult<T>({ code, signal, stdout, stderr }: Outcome): T {
  if (code !== 0) throw new Error(`the child ended with ${signal ?? code}: ${stderr.slice(-2_000)}`)
  return JSON.parse(stdout) as T
}
