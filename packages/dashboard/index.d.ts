// The types of the package, written by hand.

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

/** How a dashboard is served. */
export interface DashboardOptions {
  /** What a browser has to show: at least 16 random characters of letters, digits, `-` and `_`. */
  token: string
  /** The port; 0, by default, takes a free one. */
  port?: number | undefined
  /** The address under which a proxy shows it. */
  publicUrl?: string | undefined
  /** What the page may do beside reading; nothing by default. */
  rights?: { delete?: boolean | undefined; prune?: boolean | undefined } | undefined
}

/** A dashboard that is served. */
export interface Dashboard {
  /** Its address, with the token behind `#`, which no server sees. */
  readonly url: string
  /** The port that it listens on. */
  readonly port: number
  /** Ends it. */
  close(): Promise<void>
}

/**
 * Serves a dashboard on the loopback address.
 *
 * @throws {RangeError} For a token that is too short, or has other characters.
 */
export declare function serveDashboard(
  history: History,
  options: DashboardOptions,
): Promise<Dashboard>
