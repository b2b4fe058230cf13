// A cluster of PostgreSQL servers that Patroni and etcd of Debian keep: in a temporary folder, on the loopback address.

import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, installation, ordinaryUser, ownedFolder } from '../server.mjs'

const LONGEST = 120_000

/** Waits until something is there. */
export async function until(what, find, longest = LONGEST) {
  for (const end = performance.now() + longest; ; await sleep(200)) {
    const found = await find()
    if (found) return found
    if (performance.now() > end) throw new Error(`after ${longest / 1000} s there is no ${what}`)
  }
}

/** What a server of HTTP answers; undefined if it does not. */
async function answerOf(url) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    return { ok: answer.ok, body: await answer.json().catch(() => undefined) }
  } catch {
    return undefined
  }
}

/** What a server of the cluster is told. It is written as JSON, which is YAML. */
function settingsOf({ name, etcd, rest, port, data, programs }) {
  return {
    scope: 'fleet',
    name,
    restapi: { listen: `127.0.0.1:${rest}`, connect_address: `127.0.0.1:${rest}` },
    etcd3: { host: `127.0.0.1:${etcd}` },
    bootstrap: {
      dcs: {
        ttl: 20,
        loop_wait: 2,
        retry_timeout: 5,
        synchronous_mode: true,
        synchronous_mode_strict: true,
        postgresql: { use_pg_rewind: true },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
    },
    postgresql: {
      listen: `127.0.0.1:${port}`,
      connect_address: `127.0.0.1:${port}`,
      data_dir: data,
      bin_dir: join(programs, 'bin'),
      pgpass: `${data}.pgpass`,
      parameters: { unix_socket_directories: '', wal_log_hints: 'on' },
      pg_hba: [
        'host all all 127.0.0.1/32 scram-sha-256',
        'host replication all 127.0.0.1/32 scram-sha-256',
      ],
      authentication: {
        superuser: { username: 'owner', password: 'secret' },
        replication: { username: 'replicator', password: 'secret' },
        rewind: { username: 'rewinder', password: 'secret' },
      },
    },
  }
}

export class Patroni {
  #nodes = []
  #etcd

  constructor(folder) {
    this.folder = folder
  }

  /** Starts so many servers, one of which leads. */
  static async start(count) {
    for (const program of ['/usr/bin/patroni', '/usr/bin/etcd']) {
      if (!existsSync(program)) {
        throw new Error(
          `there is no ${program}: apt-get install --no-install-recommends patroni etcd-server postgresql`,
        )
      }
    }
    const folder = mkdtempSync(join(tmpdir(), 'gsd-failover-'))
    chmodSync(folder, 0o755)
    const cluster = new Patroni(folder)
    try {
      await cluster.#start(count)
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  async #start(count) {
    const [etcd, peers] = [await freePort(), await freePort()]
    const [clientUrl, peerUrl] = [etcd, peers].map((port) => `http://127.0.0.1:${port}`)
    this.#etcd = this.#run('/usr/bin/etcd', 'etcd', [
      ...['--name', 'one', '--data-dir', ownedFolder(join(this.folder, 'etcd'))],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `one=${peerUrl}`],
    ])
    await until('etcd', async () => (await answerOf(`${clientUrl}/health`))?.ok)
    const programs = installation({ ofSystem: true })
    for (let at = 1; at <= count; at++) {
      const name = `node${at}`
      const [port, rest] = [await freePort(), await freePort()]
      // Patroni makes the folder of the data, and files beside it.
      const data = join(ownedFolder(join(this.folder, name)), 'data')
      const file = join(this.folder, `${name}.yml`)
      const settings = settingsOf({ name, etcd, rest, port, data, programs })
      writeFileSync(file, JSON.stringify(settings), { mode: 0o644 })
      const node = { name, port, rest, data, file }
      this.#nodes.push(node)
      this.#startNode(node)
      // The first one leads.
      if (at === 1) await this.leader()
    }
    await this.whole()
  }

  #startNode(node) {
    node.child = this.#run('/usr/bin/patroni', node.name, [node.file])
  }

  #run(program, name, args) {
    const child = spawn(program, args, {
      ...ordinaryUser(this.folder),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.logs ??= new Map()
    const log = this.logs.get(name) ?? []
    this.logs.set(name, log)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => log.push(data.toString()) > 400 && log.shift())
    }
    return child
  }

  /** The address of a database: of whichever server takes writes. */
  url(database) {
    const hosts = this.#nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
    return `postgres://owner:secret@${hosts}/${database}?target_session_attrs=read-write`
  }

  /** The address of a database of one server. */
  urlOf({ port }, database) {
    return `postgres://owner:secret@127.0.0.1:${port}/${database}`
  }

  /** The server that leads, once there is one. */
  leader() {
    return until('leader', async () => {
      for (const node of this.#nodes) {
        if (node.child && (await answerOf(`http://127.0.0.1:${node.rest}/leader`))?.ok) return node
      }
    })
  }

  /** Waits until every server is there, and one is a synchronous standby. */
  whole() {
    return until('whole cluster', async () => {
      const [node] = this.#nodes
      const members = (await answerOf(`http://127.0.0.1:${node.rest}/cluster`))?.body?.members ?? []
      const runs = members.filter(({ state }) => ['running', 'streaming'].includes(state))
      const isSafe = members.some(({ role }) => role === 'sync_standby')
      return runs.length === this.#nodes.length && isSafe
    })
  }

  /** Ends a server and what keeps it as a power failure does. */
  async kill(node) {
    const { child, data } = node
    node.child = undefined
    const postmaster = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    process.kill(postmaster, 'SIGKILL')
    await ended
  }

  /** Starts a server again that was killed. */
  revive(node) {
    this.#startNode(node)
  }

  /** Ends all of them, and removes what they stored. */
  async stop() {
    const children = this.#nodes.flatMap(({ child }) => child ?? [])
    const ended = children.map((child) => once(child, 'exit'))
    for (const child of children) child.kill('SIGTERM')
    await Promise.race([Promise.all(ended), sleep(30_000)])
    if (this.#etcd) {
      const end = once(this.#etcd, 'exit')
      this.#etcd.kill('SIGTERM')
      await end
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}
