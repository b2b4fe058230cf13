// The types of the package, written by hand.

import type {
  DatabaseConnection,
  FollowedChunk,
  OutputStore,
  RedactOptions,
  SearchAsyncOptions,
  SearchMatch,
  Session,
  SessionStatus,
  SessionStore,
} from '@gsd/session-store'

/** An error of this package, or of the cluster: its `code` tells which. Codes of five characters are those of PostgreSQL. */
export declare class FleetError extends Error {
  constructor(code: string, message: string, options?: ErrorOptions)
  name: 'FleetError'
  code: string
}

/** The options of `new Fleet()`. */
export interface FleetOptions {
  /**
   * The cluster: `postgres://user:password@host:port/database`, with several hosts (`host1,host2`) and the parameters of libpq. By
   * default `GSD_FLEET_URL`, or what `PGHOST` and the other variables of libpq say. TLS is on and verified for every host but those
   * of this machine, unless `sslmode` says otherwise.
   */
  to?: string | undefined
  /** For how long something that fails for a passing reason is tried again, in milliseconds; 30,000 by default. */
  patience?: number | undefined
  /** Ends whatever waits. */
  signal?: AbortSignal | undefined
}

/** A session of a machine. */
export interface FleetSession extends Session<number> {
  /** The machine. */
  host: string
  /** The file: a UUID. */
  store: string
  /** When the cluster was told that the machine had removed it; not there as long as it has not. */
  removedAt?: Date
}

/** Which sessions are meant. */
export interface FleetFilter {
  /** Only those of this machine. */
  host?: string | null | undefined
  /** Only those of this file. */
  store?: string | null | undefined
  /** Only those with this id. */
  id?: string | null | undefined
  /** Only those whose id begins so. */
  prefix?: string | null | undefined
  /** Only those in this state, or in one of these. */
  status?: SessionStatus | readonly SessionStatus[] | null | undefined
  /** Only those that worked in this folder or below it. */
  workingDir?: string | null | undefined
  /** Only those whose command or title has this in it, in any case. */
  command?: string | null | undefined
  /** Only those that started then or later. */
  since?: Date | null | undefined
  /** Only those that started then or earlier. */
  until?: Date | null | undefined
  /** Whether those that their machines have removed are there as well; `true` by default. */
  removed?: boolean | null | undefined
}

/** The options of `Fleet.list()`. */
export interface FleetListOptions extends FleetFilter {
  /** So many at most. */
  limit?: number | null | undefined
  /** Only those behind this one: the last of the page before. */
  before?: FleetSession | null | undefined
}

/** Which session is meant: its id, or its id and its machine or file. */
export type FleetSessionName =
  string | { id: string; host?: string | null | undefined; store?: string | null | undefined }

/** A session of a fleet as stores of this machine. */
export interface OpenedSession {
  /** Its id. */
  id: string
  /** A database with this session alone. */
  connection: DatabaseConnection
  /** Its stores. */
  sessions: SessionStore<number>
  outputs: OutputStore
  /** Closes the database, and removes it. */
  close(): void
}

/** The options of `Fleet.follow()`. */
export interface FleetFollowOptions {
  /** Only what comes behind this cursor; by default all. */
  after?: number | undefined
  /** Ends it. */
  signal?: AbortSignal | undefined
}

/** The options of `Fleet.search()`: those of `OutputStore.searchAsync()`, and where. */
export interface FleetSearchOptions extends Omit<SearchAsyncOptions, 'command'> {
  /** Only on this machine. */
  host?: string | null | undefined
  /** Only in this file. */
  store?: string | null | undefined
}

/** A line that matches, and where. */
export interface FleetMatch extends SearchMatch {
  /** The machine. */
  host: string
  /** The file: a UUID. */
  store: string
}

/** A file that was sent. */
export interface FleetStore {
  /** The UUID in the file. */
  store: string
  /** The machine, and the path of the file there. */
  host: string
  path: string
  /** A number that grows whenever somebody else begins to send as this file. */
  epoch: number
  /** How many sessions the cluster has of it. */
  sessions: number
  /** The file that it was a copy of. */
  copiedFrom: string | undefined
  /** When a push of it began last. */
  pushedAt: Date | undefined
}

/** What a cluster has. */
export interface FleetStatus {
  /** Its address, without a password. */
  address: string
  kind: 'postgresql' | 'citus' | 'cockroachdb' | 'yugabytedb'
  /** The version of its tables. */
  version: number
  /** Sessions that started before were pruned, and are not sent. */
  keptFrom: Date | undefined
  /** Up to which moment there are partitions: `gsd-fleet init` makes more. */
  partitionsUntil: Date | undefined
  stores: FleetStore[]
}

/** What was pruned, or would be. */
export interface FleetPruneReport {
  /** Sessions that started before this moment: the start of a month. */
  before: Date
  /** How many. */
  sessions: number
  /** The tables that were dropped. */
  dropped: string[]
}

/** The sessions of all machines. */
export declare class Fleet {
  /** @throws {FleetError} `ERR_NO_CLUSTER` where no cluster is named; `ERR_OUT_OF_RANGE` for an address that is none. */
  constructor(options?: FleetOptions)
  /** The address, without a password. */
  readonly address: string
  /**
   * Makes the tables, or what they lack: partitions for the months to come. Nothing else changes the schema.
   *
   * @returns The statements; with `dryRun` none of them was run.
   */
  init(options?: {
    dryRun?: boolean | undefined
  }): Promise<Pick<FleetStatus, 'address' | 'kind'> & { statements: string[] }>
  /**
   * The sessions of all machines, newest first.
   *
   * @throws {FleetError} `ERR_NO_TABLES` for a cluster without tables, `ERR_NEWER` for one with newer ones.
   */
  list(options?: FleetListOptions): Promise<FleetSession[]>
  /** How many sessions meet a filter. */
  count(options?: FleetFilter): Promise<number>
  /** The newest session with an id, of all machines or of one. */
  get(
    id: string,
    where?: { host?: string | undefined; store?: string | undefined },
  ): Promise<FleetSession | undefined>
  /**
   * Gets a session with all that it printed, as stores of this machine: every call of these gives what it gives on the machine that
   * recorded it. They stand in memory, or from some size on in a private temporary file.
   *
   * @throws {FleetError} `ERR_NO_SESSION` for one that is not there.
   */
  open(session: FleetSession | FleetSessionName): Promise<OpenedSession>
  /** What a session prints, as it arrives, until it is over. */
  follow(
    session: FleetSession | FleetSessionName,
    options?: FleetFollowOptions,
  ): AsyncGenerator<Omit<FollowedChunk, 'gap'>, void, undefined>
  /**
   * Finds the lines in which a pattern stands on all machines: the matches that `OutputStore.searchAsync()` finds in their files, session by
   * session, the one that started first before the others. The cluster sends only blocks in which something may match.
   */
  search(pattern: string, options?: FleetSearchOptions): AsyncGenerator<FleetMatch, void, undefined>
  /** What the cluster has, and from whom. */
  status(): Promise<FleetStatus>
  /** Removes the sessions that started before the month of a moment: their tables are dropped. They are not sent again. */
  prune(options: { olderThan: Date; dryRun?: boolean | undefined }): Promise<FleetPruneReport>
  /** Ends the connections. */
  close(): Promise<void>
}

/** What was sent. */
export interface PushReport {
  /** The UUID in the file. */
  store: string
  /** Sessions that were stored, changed or removed. */
  sessions: number
  /** Chunks that were sent, and bytes of their texts. */
  outputs: number
  bytes: number
  /** The blocks that they were sent in, and their bytes: a block that was not full is sent again with what has come. */
  blocks: number
  sentBytes: number
  /** Sessions whose output no block can hold, and why. */
  failed: { session: string; reason: string }[]
}

/** How far sending is. */
export interface PushProgress extends Omit<PushReport, 'store'> {
  /** Sessions with output that are done, parts of them as fractions. */
  done: number
  /** Sessions with output that are to be sent. */
  total: number
}

/** The options of `new Shipper()`. */
export interface ShipperOptions {
  /** The path of the file. */
  file: string
  /** The cluster, as for `new Fleet()`. */
  to?: string | undefined
  /** What becomes of the output of sessions that are removed from the file: it is kept, by default, or removed as well. */
  removals?: 'keep' | 'follow' | undefined
  /**
   * Replace secrets before anything is sent: in output, and in the fields of sessions. What may be the start of one, at the end of a
   * session that is not over, waits for what follows, ten seconds at most. `false` by default.
   */
  redact?: boolean | Omit<RedactOptions, 'maxDelay' | 'onRedact'> | undefined
  /** The pause between two looks at the file, in milliseconds; 500 by default. */
  interval?: number | undefined
  /** For how long something that fails for a passing reason is tried again by a `push()`, in milliseconds; 30,000 by default. */
  patience?: number | undefined
  onProgress?: ((progress: PushProgress) => void) | undefined
  /** Called when `watch()` has sent something. */
  onPush?: ((report: PushReport) => void) | undefined
  /** Called with what made `watch()` fail. It tries again. */
  onError?: ((error: FleetError) => void) | undefined
}

/** Sends the sessions of a file to a cluster, from a thread of its own. It reads the file as any other program does. */
export declare class Shipper {
  /** @throws {FleetError} For options of the wrong type or value. */
  constructor(options: ShipperOptions)
  /** Sends all that the file has and the cluster has not. */
  push(): Promise<PushReport>
  /** Sends that, and what comes, until the shipper is closed. */
  watch(): Promise<void>
  /** Ends the thread, behind what it is just sending. */
  close(): Promise<void>
}
