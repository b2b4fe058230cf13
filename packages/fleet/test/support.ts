// What the specs share: databases in the cluster, files of machines, and an oracle that compares both.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { Client, type QueryResultRow } from 'pg'
import { inject, onTestFinished } from 'vitest'
import {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  type NewSession,
  type SearchAsyncOptions,
} from '@gsd/session-store'
import {
  Fleet,
  Shipper,
  type FleetMatch,
  type FleetSession,
  type ShipperOptions,
} from '@gsd/session-fleet'

declare module 'vitest' {
  interface ProvidedContext {
    server: string
  }
}

/** A folder that is removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gsd-fleet-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Runs one statement. */
export async function query<Row extends QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** An empty database of the server of the specs. */
export async function emptyDatabase(server: string = inject('server')): Promise<string> {
  const name = `fleet_${randomUUID().replaceAll('-', '')}`
  await query(server, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

/** The address of a cluster with tables. */
export async function newCluster(server?: string): Promise<string> {
  const url = await emptyDatabase(server)
  const fleet = new Fleet({ to: url })
  await fleet.init()
  await fleet.close()
  return url
}

/** The start of every session of the specs. */
export const START = Date.parse('2026-10-01T10:00:00.000Z')

/** A file as a harness has it, with the stores that write to it. */
export function newMachine(path: string = join(temporaryFolder(), 'sessions.db')) {
  const connection = new DatabaseConnection(path)
  onTestFinished(() => connection.close())
  const sessions = new SessionStore(connection)
  const outputs = new OutputStore(connection)
  let chunk = 0
  return {
    path,
    connection,
    sessions,
    outputs,
    create(id: string, fields: Partial<NewSession> = {}) {
      const startedAt = new Date(START + chunk)
      sessions.create({ id, slot: 1, status: 'running', workingDir: '/srv', startedAt, ...fields })
    },
    /** Appends so many chunks, each with a text of its own. */
    print(sessionId: string, count: number, text: (at: number) => string = lineOf) {
      const chunks = Array.from({ length: count }, () => ({
        sessionId,
        timestamp: new Date(START + chunk),
        type: 'stdout' as const,
        data: text(chunk++),
      }))
      outputs.appendMany(chunks)
    },
  }
}

export type Machine = ReturnType<typeof newMachine>

/** A line of a build, some of which are drawn over. */
export function lineOf(at: number): string {
  const colour = `\u001b[3${at % 8}m`
  const text = `${at} ${colour}compiled\u001b[0m module-${(at * 7919) % 1009} in ${at % 37} ms`
  if (at % 97 === 0) return `${text} needle-${at}\r\n`
  return at % 5 === 0 ? `\r${text}` : `${text}\r\n`
}

/** A shipper that is closed when the test is over. */
export function newShipper(options: ShipperOptions): Shipper {
  const shipper = new Shipper(options)
  onTestFinished(() => shipper.close())
  return shipper
}

/** A fleet that is closed when the test is over. */
export function newFleet(to: string): Fleet {
  const fleet = new Fleet({ to })
  onTestFinished(() => fleet.close())
  return fleet
}

/** All that a fleet has of a session: its fields, and each chunk. */
export async function contentOf(fleet: Fleet, session: FleetSession) {
  const stores = await fleet.open(session)
  try {
    const { host: _host, store: _store, removedAt: _removedAt, ...fields } = session
    return { session: defined(fields), outputs: [...stores.outputs.iterate(session.id)] }
  } finally {
    stores.close()
  }
}

const defined = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** The sessions of a file with each chunk, by their ids. */
export function contentOfFile({ sessions, outputs }: Pick<Machine, 'sessions' | 'outputs'>) {
  return new Map(
    sessions.list().map((session) => {
      const content = { session: defined(session), outputs: [...outputs.iterate(session.id)] }
      return [session.id, content]
    }),
  )
}

/** The sessions of a store in the fleet with each chunk, by their ids. */
export async function contentOfStore(fleet: Fleet, store: string) {
  const content = new Map()
  for (const session of await fleet.list({ store })) {
    content.set(session.id, await contentOf(fleet, session))
  }
  return content
}

/** The sessions that differ between the fleet, under the store of a file, and the file, with both. */
export async function differences(fleet: Fleet, store: string, machine: Machine) {
  const [sent, stored] = [await contentOfStore(fleet, store), contentOfFile(machine)]
  const ids = new Set([...sent.keys(), ...stored.keys()])
  const both = [...ids].map((id) => [id, sent.get(id), stored.get(id)] as const)
  return both.filter(([, one, other]) => !isDeepStrictEqual(one, other))
}

/** Everything that an asynchronous iterable gives. */
export async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const given: T[] = []
  for await (const one of iterable) given.push(one)
  return given
}

/** What a search finds in a fleet and in a file, in one order. */
export async function found(
  where: Fleet | OutputStore,
  pattern: string,
  options: SearchAsyncOptions = {},
) {
  const matches =
    where instanceof Fleet
      ? (await all(where.search(pattern, options))).map(ofFile)
      : await all(where.searchAsync(pattern, options))
  return matches.sort((one, other) => one.cursor - other.cursor || one.start - other.start)
}

function ofFile({ host: _host, store: _store, ...match }: FleetMatch) {
  return match
}
