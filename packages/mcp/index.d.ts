// The types of the package, written by hand.

import type { McpServer } from '@modelcontextprotocol/server'

/** Where sessions stand: a file, or a fleet. */
export interface HistoryOptions {
  /** The path of the file. */
  db?: string | undefined
  /** The address of a fleet instead: `postgres://…`. It needs the package `@gsd/session-fleet`. */
  fleet?: string | undefined
}

/** The sessions of a file or of a fleet, opened for reading. */
export interface History {
  /** What it is. */
  readonly kind: 'file' | 'fleet'
  /** The path of the file, or the address of the fleet without a password. */
  readonly where: string
  /** Closes it. */
  close(): Promise<void>
}

/**
 * Opens the sessions of a file, or of a fleet where one is named.
 *
 * @throws {Error} Where there is no such file, or no package for fleets.
 */
export declare function openHistory(options: HistoryOptions): Promise<History>

/** A server for these sessions, to be connected with a transport: one for each connection, or each request. */
export declare function serverFor(history: History): McpServer

/** A server that listens. */
export interface HttpServer {
  /** Its address. */
  readonly url: string
  /** Ends it. */
  close(): Promise<void>
}

/**
 * Serves these sessions over HTTP, on the loopback address. A request needs the token as a bearer, a `Host` of this machine, and an
 * `Origin` of it or none.
 *
 * @param options `port`: 0, by default, takes a free one.
 */
export declare function serveHttp(
  history: History,
  options: { port?: number | undefined; token: string },
): Promise<HttpServer>
