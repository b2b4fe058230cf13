// The types of the package, written by hand.

declare global {
  // As TypeScript has it since 5.2, for programs that are compiled without `ESNext.Disposable`.
  interface SymbolConstructor {
    readonly dispose: unique symbol
  }
}

/** What a session is doing. */
export type SessionStatus = 'idle' | 'running' | 'waiting_checkpoint' | 'completed' | 'failed'

/** What a session has beyond the plan's fields. */
export interface SessionDetails {
  /** What people call it. */
  title?: string
  /** The code with which its process ended, any integer that a double holds exactly. */
  exitCode?: number
  /** The signal that ended its process, by its name, such as `'SIGTERM'`. */
  signal?: string
  /** Why it failed, in words. */
  error?: string
  /**
   * Whether it has a terminal, whose lines end with CR LF. Where that is `false` or unknown, a line feed alone begins a line.
   */
  terminal?: boolean
  /** The width of the terminal, in cells. */
  columns?: number
  /** Its height. */
  rows?: number
}

/** The size of a terminal, in cells. */
export interface TerminalSize {
  /** From 1 to 65,535. */
  columns: number
  /** From 1 to 65,535. */
  rows: number
}

/**
 * A session as it is read: every key is present, `undefined` where SQL has NULL. Those of `SessionDetails` are there
 * where the session has any of them.
 *
 * @typeParam Slot The slots of the harness, such as `1 | 2 | 3 | 4`.
 */
export interface Session<Slot extends number = 1 | 2 | 3> extends SessionDetails {
  /** Its unique name. */
  id: string
  /** The slot of the harness that it runs in. */
  slot: Slot
  status: SessionStatus
  /** The folder it works in. */
  workingDir: string
  currentCommand?: string
  startedAt: Date
  endedAt?: Date
  /** The process it runs in. */
  pid?: number
}

/** A process that answers for sessions. */
export interface SessionOwner {
  /** From 1. When it started is read from the system as it is stored, so that no later process is taken for it. */
  pid: number
}

/** A session to be stored. */
export interface NewSession {
  /** A unique name. */
  id: string
  /** An integer from 1 to the number of slots that the file accepts. */
  slot: number
  status: SessionStatus
  workingDir: string
  currentCommand?: string | null | undefined
  /** In the years 0 to 9999, stored to the millisecond. */
  startedAt: Date
  /** In the years 0 to 9999, stored to the millisecond. */
  endedAt?: Date | null | undefined
  /** Any integer that a double holds exactly. */
  pid?: number | null | undefined
  /** What people call it. */
  title?: string | null | undefined
  /** The code with which its process ended, any integer that a double holds exactly. */
  exitCode?: number | null | undefined
  /** The signal that ended its process, by its name, such as `'SIGTERM'`. */
  signal?: string | null | undefined
  /** Why it failed, in words. */
  error?: string | null | undefined
  /** Whether it has a terminal, whose lines end with CR LF. */
  terminal?: boolean | null | undefined
  /** The width of the terminal in cells, from 1 to 65,535. */
  columns?: number | null | undefined
  /** Its height. */
  rows?: number | null | undefined
  /**
   * The process that answers for the session: once it is gone, `failOrphans()` marks the session as failed. By
   * default the process that calls; `null` for none. Known on Linux only.
   */
  owner?: SessionOwner | null | undefined
}

/** Changes to a session: `undefined` leaves a field alone, `null` clears it. */
export interface SessionUpdateFields {
  status?: SessionStatus | undefined
  currentCommand?: string | null | undefined
  endedAt?: Date | null | undefined
  pid?: number | null | undefined
  title?: string | null | undefined
  exitCode?: number | null | undefined
  signal?: string | null | undefined
  error?: string | null | undefined
  terminal?: boolean | null | undefined
  /** As `resize()`. */
  columns?: number | null | undefined
  rows?: number | null | undefined
  /** By default the process that calls, where `pid` is given and not `null`. */
  owner?: SessionOwner | null | undefined
}

/** When a session is changed. */
export interface UpdateOptions {
  /**
   * Only if it has this status, or one of these, at the moment of the change: so that late news does not wake a session
   * that is over.
   */
  ifStatus?: SessionStatus | readonly SessionStatus[] | null | undefined
}

/** A chunk of what a session's terminal printed. */
export interface SessionOutput {
  /** The session that printed it. */
  sessionId: string
  /** When it was printed, in the years 0 to 9999, stored to the millisecond. */
  timestamp: Date
  /** The stream it came from. */
  type: 'stdout' | 'stderr'
  /** The text, kept to the byte; a lone surrogate becomes U+FFFD. */
  data: string
}

/** A stored chunk of output. */
export interface OutputChunk extends SessionOutput {
  /** The place behind it, from which `read()` goes on. */
  cursor: number
}

/** Which of the lines that stayed. */
export interface TextOptions {
  /** Only this number of the last lines. */
  lines?: number | null | undefined
  /** Only this number of the last characters, in UTF-16 code units. */
  characters?: number | null | undefined
  /** Only lines that were written to behind this cursor. */
  from?: number | null | undefined
  /** As they were after the chunk with this cursor. */
  to?: number | null | undefined
  /** Only the output of the command with this number; see `commands()`. */
  command?: number | null | undefined
  /** The width of the terminal. Default: what it was, or 80. */
  columns?: number | null | undefined
  /** The height of the terminal. Default: what it was, or 24. */
  rows?: number | null | undefined
}

/** Which screen of a session. */
export interface ScreenOptions {
  /** After the chunk with this cursor. Default: at the end. */
  at?: number | null | undefined
  /** The width of the terminal. Default: what it was, or 80. */
  columns?: number | null | undefined
  /** The height of the terminal. Default: what it was, or 24. */
  rows?: number | null | undefined
}

/** A colour: a number of the palette of 256, of which the first 16 are the terminal's own, or `#rrggbb`. */
export type TerminalColor = number | string

/** A text in one style. What is not set has no key. */
export interface TerminalRun {
  text: string
  /** By default the terminal's own. */
  foreground?: TerminalColor
  /** By default the terminal's own. */
  background?: TerminalColor
  bold?: true
  dim?: true
  italic?: true
  underline?: true
  /** With both colours swapped. */
  inverse?: true
  strikethrough?: true
  /** Not to be seen, as a password. */
  hidden?: true
  /** Where it leads: a program may name any place. */
  link?: string
}

/** A command of a shell that marks its prompts. */
export interface ShellCommand {
  /** Its number in the session, from 1. */
  number: number
  /** What was typed; `''` where that is not known. */
  text: string
  /** When its output began. */
  startedAt: Date
  /** When it was over. `undefined` for one that still runs. */
  endedAt?: Date
  /** The code with which it ended, if the shell told it. */
  exitCode?: number
  /** The cursor of the chunk in which its output begins. */
  from: number
  /** The cursor of the chunk in which it ends. `undefined` for one that still runs. */
  to?: number
}

/** A line of a terminal. */
export interface TerminalLine {
  text: string
  /** The number of the line, from 1. */
  number: number
  /** The cursor that was given for what it begins with, or 0. */
  cursor: number
  /** The moment that was given for what it begins with, or an invalid date. */
  timestamp: Date
}

/** Options of `Terminal`. */
export interface TerminalOptions {
  /** Its width, from 1 to 65,535. Default: 80. */
  columns?: number | null | undefined
  /** Its height, from 1 to 65,535. Default: 24. */
  rows?: number | null | undefined
  /** Whether the program has a terminal, which ends lines with CR LF. By default a line feed alone begins a line. */
  terminal?: boolean | null | undefined
  /** Whether the texts of lines have the sequences that set their colours, and nothing else. Default: `false`. */
  colors?: boolean | null | undefined
}

/** From where output is that a `Terminal` is given. */
export interface TerminalWriteOptions {
  cursor?: number | null | undefined
  timestamp?: Date | null | undefined
}

/**
 * A terminal that shows output as it comes. With one row, a line is over at its end; with more, a program may still go
 * back to it, and it is over once it leaves the screen at the top.
 */
export declare class Terminal {
  /** @throws {TypeError | RangeError} For an option of the wrong type or value. */
  constructor(options?: TerminalOptions | null)
  /** Shows more output. Returns the lines that are over. */
  write(data: string, options?: TerminalWriteOptions | null): TerminalLine[]
  /** Gives it another size. @throws {TypeError | RangeError} For a size of the wrong type or value. */
  resize(size: TerminalSize): void
  /** The lines that are still on the screen, at the end of the output. */
  end(): TerminalLine[]
  /** What it shows now. */
  screen(): TerminalScreen
}

/** What the screen of a session showed. */
export interface TerminalScreen extends TerminalSize {
  /** Its rows with `\n` between them, without blanks at their ends and without blank rows at the end. */
  text: string
  /** Every row, from the top. */
  lines: { text: string; runs: TerminalRun[] }[]
  /** From 0, at the top on the left. */
  cursor: { column: number; row: number; visible: boolean }
  /** The title of the window, if the program has set one. */
  title?: string
  /** Whether it is the page of full-screen programs, of which nothing stays. */
  alternate: boolean
}

/** What to read. */
export interface ReadOptions {
  /** The cursor to go on from; everything from the start by default. */
  after?: number | null | undefined
  /** How many chunks to read at most, from 1. Default 1000. */
  limit?: number | null | undefined
}

/** Some chunks of a session, in the order of `append`. */
export interface OutputPage {
  outputs: OutputChunk[]
  /** Where to go on: behind the last chunk, or where it started if there was none. */
  cursor: number
  /** Whether there was more to read. */
  more: boolean
  /** Whether the chunk that `after` stands behind is gone, and perhaps later ones as well. */
  gap: boolean
}

/** What to follow. */
export interface FollowOptions {
  /** The cursor to go on from; by default only what comes after the call. */
  after?: number | null | undefined
  /** Ends it. */
  signal?: AbortSignal | null | undefined
}

/** A chunk that a follower gets. */
export interface FollowedChunk extends OutputChunk {
  /** Whether the chunk that the reading went on from is gone, and perhaps some behind it as well. */
  gap: boolean
}

/** What `connection.watch()` tells. */
export interface SessionChange {
  /** The ids of the sessions that were stored, changed or removed, or have more output. */
  sessions: string[]
  /** With the option `tables`: those of them whose rows are others than before. */
  tables?: string[]
}

/** What `connection.watch()` looks at beside sessions. */
export interface WatchOptions {
  /**
   * Tables of others in the same file, by name, but no views and no virtual tables. One that there is not is told when its
   * first row comes. They are read whole at every look, for at most a twentieth of the time.
   */
  tables?: readonly string[] | null | undefined
}

/** Which changes of sessions are wanted. */
export interface ChangesOptions {
  /** The cursor to go on from; every session by default. */
  after?: number | null | undefined
  /** How many sessions to give at most, from 1. Default 1000. */
  limit?: number | null | undefined
}

/** Sessions that have changed. */
export interface SessionChanges {
  /** Each session once, in the order of their last changes; `removed` where it is not stored any more. */
  changes: { id: string; removed: boolean }[]
  /** Where to go on: behind the last change, or where it started if there was none. */
  cursor: number
  /** Whether there is more. */
  more: boolean
}

/** How much of the end of a session's output is wanted: lines or chunks, 10 lines by default. */
export interface TailOptions {
  /** So many lines, from 1. The first chunk is cut where they start; the last line need not have an end. */
  lines?: number | null | undefined
  /** So many chunks, from 1. */
  chunks?: number | null | undefined
}

/** The end of a session's output. */
export interface OutputTail {
  /** In the order of `append`. */
  outputs: OutputChunk[]
  /** The cursor behind the last chunk; 0 if there is none. */
  cursor: number
}

/** Where to search, and how. */
export interface SearchOptions {
  /** Only in this session. By default in all that have output. */
  sessionId?: string | null | undefined
  /** Whether the pattern is a regular expression, in the syntax of Rust's `regex`, rather than a text. Default `false`. */
  regex?: boolean | null | undefined
  /** Whether upper and lower case differ. Default `false`. */
  caseSensitive?: boolean | null | undefined
  /**
   * Whether what was drawn over, erased or shown by a full-screen program is searched as well, each text once. Default
   * `false`.
   */
  drawnOver?: boolean | null | undefined
  /** Only matches that were printed then or later. */
  since?: Date | null | undefined
  /** Only matches that were printed then or earlier. */
  until?: Date | null | undefined
  /** How many matches to give at a time, from 1. Default 100. */
  limit?: number | null | undefined
  /** How many lines to give before and after each match, 0 to 100. Default 0. */
  context?: number | null | undefined
  /** After how many milliseconds to stop for now, from 1. It is looked at between lines. */
  timeLimit?: number | null | undefined
  /** Only in the output of the commands with this number in their sessions; see `commands()`. */
  command?: number | null | undefined
}

/** How to search off the event loop. */
export interface SearchAsyncOptions extends Omit<SearchOptions, 'limit' | 'timeLimit'> {
  /** How many matches to give at most, from 1. All by default. */
  limit?: number | null | undefined
  /** Ends the search. */
  signal?: AbortSignal | null | undefined
}

/** A line that matches, as it was seen. */
export interface SearchMatch {
  sessionId: string
  /** Its text. */
  line: string
  /** Which line of the session it is, from 1; 0 for one that was drawn over. */
  lineNumber: number
  /** When the chunk was printed in which the match begins. */
  timestamp: Date
  /** The cursor behind that chunk: `read(sessionId, { after: cursor - 1 })` starts with it. */
  cursor: number
  /** Where the first match in the line begins, in UTF-16 code units as strings count them. */
  start: number
  /** Where it ends. */
  end: number
  /** The lines before it, oldest first. */
  before: string[]
  /** The lines after it. */
  after: string[]
  /** That it was drawn over and did not stay. Nothing is before or after it. */
  drawnOver?: true
}

/** What a search has found so far. */
export interface SearchResult {
  /** In the order in which their lines ended, with the lines after them; at the end those that have no end yet. */
  matches: SearchMatch[]
  /** Whether everything was looked at, and nothing more is found. */
  complete: boolean
  /** What stopped it before that. */
  stoppedBy: 'limit' | 'timeLimit' | null
  /**
   * Goes on where the search stopped, with the same options, and gives what comes then: nothing, once it is
   * complete. Each call goes on, whichever result it is called on.
   */
  next: () => SearchResult
}

/** Which sessions are meant: those that meet every condition. */
export interface SessionFilter {
  /** Only those of this status, or of one of these. */
  status?: SessionStatus | readonly SessionStatus[] | null | undefined
  /** Only those in this slot. */
  slot?: number | null | undefined
  /** Only those that work in exactly this folder. */
  workingDir?: string | null | undefined
  /** Only those whose `currentCommand` is exactly this. */
  command?: string | null | undefined
  /** Only those that started then or later. */
  since?: Date | null | undefined
  /** Only those that started then or earlier. */
  until?: Date | null | undefined
}

/** Which sessions to list. */
export interface ListOptions extends SessionFilter {
  /** So many at most. */
  limit?: number | null | undefined
  /**
   * Only those behind this one, the last of the page before. Where it is gone, those that started with it
   * may come again, but none is left out.
   */
  before?: Pick<Session<number>, 'id' | 'startedAt'> | null | undefined
}

/** A rule that finds secrets, beside those that are built in. */
export interface RedactRule {
  /** What the marker calls it: 1 to 64 letters, digits, `_`, `.` or `-`. */
  name: string
  /**
   * What a secret looks like. It has to begin with a text of at least 3 characters, or with one of a few. A group called
   * `secret` is what is replaced; without one, all of it. Letters and classes are those of ASCII; a string has the syntax of
   * [Rust's regex](https://docs.rs/regex).
   */
  pattern: RegExp | string
}

/** A secret that was replaced. */
export interface RedactedSecret {
  /** The session in whose output it was. */
  sessionId: string
  /** The stream that it was in. */
  type: 'stdout' | 'stderr'
  /** The name of the rule, or of the value. */
  rule: string
  /** How long it is, in bytes, as far as it is known yet. */
  length: number
}

/** Which secrets are replaced before they are stored, and how. */
export interface RedactOptions {
  /** Whether the rules that are built in are looked for. Default `true`. */
  builtin?: boolean | null | undefined
  /** Rules of your own. */
  rules?: readonly RedactRule[] | null | undefined
  /** Values that are secrets, each of at least 4 characters, or names with such values: the marker calls them by these. */
  literals?: readonly string[] | Record<string, string> | null | undefined
  /**
   * Whether the values of environment variables are looked for whose names say that they are secrets, such as `API_KEY`: those
   * of at least 8 characters that look random. Default `true`.
   */
  environment?: boolean | null | undefined
  /** The names of more such variables. */
  names?: readonly string[] | null | undefined
  /** What stands in the place of a secret; `{rule}` in it is the name of the rule. Default `'[REDACTED:{rule}]'`. */
  marker?: string | null | undefined
  /** How many milliseconds the possible start of a secret is held back at most, 1 to 10,000. Default 20. */
  maxDelay?: number | null | undefined
  /** Told of every secret that is replaced in output that is appended. */
  onRedact?: ((found: RedactedSecret) => void) | null | undefined
}

/** How a database is opened. */
export interface DatabaseOptions {
  /**
   * Seal sessions by themselves once they are over for so many milliseconds, as `seal({ olderThan })` does: looked for every tenth of that
   * time, at least once an hour, as long as the connection is open. From 0 to 8.64e12; none unless it is given.
   */
  sealAfter?: number | null | undefined
  /**
   * Replace secrets in everything that the stores of this connection are given, before anything of it is queued or
   * written. Default `false`.
   */
  redact?: boolean | RedactOptions | null | undefined
  /**
   * Open an existing file for reading only. SQLite still keeps its `-wal` and `-shm` files beside it.
   * Default `false`.
   */
  readonly?: boolean | null | undefined
  /** Throw where the file does not exist, rather than create it. Default `false`. */
  fileMustExist?: boolean | null | undefined
  /** How many milliseconds a call waits for another connection's lock. Default 5000. */
  timeout?: number | null | undefined
  /**
   * When a commit waits for the disk: `'normal'` at checkpoints, so that a power loss may undo the
   * latest commits but a killed process loses nothing; `'full'` at every commit. Default `'normal'`.
   */
  synchronous?: 'normal' | 'full' | null | undefined
  /** Have SQLite enforce foreign keys. Default `false`: the stores cascade by hand. */
  foreignKeys?: boolean | null | undefined
  /**
   * How many slots the harness has, 1 to 1000. A file that accepts fewer is widened, a file that
   * accepts more stays as it is. Default 3.
   */
  slots?: number | null | undefined
  /**
   * Bytes of write-ahead log after which it is made to start over while somebody writes without a
   * pause, from 1 MiB. From half as much again on a commit waits for that, so that the log stays below
   * twice the limit, unless a reader pins it. Default 64 MiB.
   */
  walLimit?: number | null | undefined
}

/** How SQLite keeps a change all or nothing, in its own words. */
export type JournalMode = 'wal' | 'delete' | 'truncate' | 'persist' | 'memory' | 'off'

/** The state of the write-ahead log. */
export interface WalStatus {
  /**
   * The size of its file in bytes. It is kept, and written anew, when the log starts over. After something was removed the
   * file is cut to nothing, once no reader needs it.
   */
  size: number
  /** Pages that were written since it last started over. */
  frames: number
  /** Those of them that are not in the database file yet. */
  framesLeft: number
  /**
   * What kept the log from starting over when that was last tried: a read transaction that needs an
   * older part of it, a writer that left no moment, or another checkpoint that was under way.
   * `'replaced'` is told at once: the file, its `-wal` or its `-shm` was moved, removed or replaced
   * while it was open. Writes throw `SQLITE_READONLY_DBMOVED` then, until it is back.
   */
  blockedBy: 'reader' | 'writer' | 'checkpointer' | 'replaced' | null
}

/** What was found in a file. */
export interface VerifyReport {
  /** Whether there are no problems. */
  ok: boolean
  /** What is wrong, in words. Of damaged pages and of faulty rows at most a hundred each are named. */
  problems: string[]
  /** Chunks whose session is not stored. They are no problem: output may come before its session. */
  orphanedOutputs: number
  /** The version of the schema; 0 for a file of the better-sqlite3 version that is opened for reading. */
  schemaVersion: number
}

/** What came of salvaging a file. */
export interface SalvageReport {
  /** Sessions in the new file. */
  sessions: number
  /** Chunks of output in the new file. */
  outputs: number
  /**
   * What is known to be gone: rows that an index names or that a page holds in part, and pages that others
   * lead to and that cannot be read. More may be, where what told of it is gone as well. Where nothing at all
   * could be read, `outputs` counts all rows of which nobody knows what they were.
   */
  lost: { sessions: number; outputs: number; pages: number }
  /** What was wrong, in words. Of rows that could not be stored at most a hundred are named. */
  problems: string[]
}

/** What came of restoring a backup. */
export interface RestoreReport {
  /** The pages of the database. */
  totalPages: number
  /** Where the old database is now; `null` where there was none. */
  kept: string | null
}

/** How far a backup is. */
export interface BackupProgress {
  /** The pages that are to be copied. */
  totalPages: number
  /** Those of them that are not copied yet. */
  remainingPages: number
}

/** How a backup is made. */
export interface BackupOptions {
  /**
   * Told how far the backup is every 512 pages, less often while the event loop is busy, and once all
   * pages are copied. What it throws stops the backup and rejects its promise.
   */
  onProgress?: ((progress: BackupProgress) => void) | null | undefined
  /** Once it is aborted the backup stops, and rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined
}

/** What a session's output can be exported as. */
export type ExportFormat = 'raw' | 'text' | 'html' | 'ndjson' | 'asciicast'

/** A size of the terminal of a session. */
export interface SessionSize extends TerminalSize {
  /** The cursor of the chunk behind which it came; 0 for the first size. */
  after: number
}

/** How a session's output is exported. */
export interface ExportOptions {
  /**
   * `'raw'`: the bytes as they were printed, with nothing between the chunks. `'text'`: what a person saw, without
   * escape sequences and what was drawn over. `'html'`: the same as a page of its own, in its colours.
   * `'ndjson'`: a JSON object a line for every chunk. `'asciicast'`: a recording that asciinema plays, of version 2.
   */
  format: ExportFormat
  /**
   * Told how far the export is, every 4096 chunks or 2 MiB, less often while the event loop is busy, and once
   * everything is written. What it throws stops the export and rejects its promise.
   */
  onProgress?: ((progress: ExportProgress) => void) | null | undefined
  /** Once it is aborted the export stops, and rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined
  /** The width of the terminal, 1 to 65,535 characters. By default that which is stored with the session, or 80. */
  columns?: number | null | undefined
  /** The height of the terminal, 1 to 65,535 lines. By default that which is stored with the session, or 24. */
  rows?: number | null | undefined
  /**
   * Whether a page (`'html'`) also has a player above its lines, which plays the session without a network. It needs
   * the package `asciinema-player`, installed beside this one, and makes the page some 250 kB larger. Default false.
   */
  player?: boolean | null | undefined
  /**
   * Replace secrets in what is written, also in what a page or a recording tells of the session. What is stored stays as
   * it is. Default `false`.
   */
  redact?: boolean | Omit<RedactOptions, 'maxDelay' | 'onRedact'> | null | undefined
}

/** How far an export is. */
export interface ExportProgress {
  /** The chunks that are written. */
  outputs: number
  /** The chunks of the session. */
  totalOutputs: number
  /** The bytes of the file so far. */
  bytes: number
}

/**
 * What to remove. At least one of `olderThan`, `maxBytes`, `keepLast` and `orphans` must say so. A session's age
 * is that of the latest of its moments: `startedAt`, `endedAt`, and the timestamp of its last output.
 */
export interface PruneOptions {
  /** Remove sessions that were over, and printed their last, before this moment. */
  olderThan?: Date | null | undefined
  /**
   * Remove sessions, oldest first, until so many bytes of the database file are in use at most: its size once
   * all free space is given back, without the write-ahead log.
   */
  maxBytes?: number | null | undefined
  /** Keep so many of the newest, whatever the other options say; alone, remove all others. */
  keepLast?: number | null | undefined
  /** Which sessions may go. Default `['completed', 'failed']`. */
  statuses?: readonly ('idle' | 'completed' | 'failed')[] | null | undefined
  /**
   * Remove output whose session is not stored: with `olderThan`, what was printed before, otherwise all of it.
   * Default `false`.
   */
  orphans?: boolean | null | undefined
  /**
   * Also overwrite every byte of the file that is not in use, whoever left something there. It may stand alone. What this
   * call removes is overwritten in any case. Default `false`.
   */
  scrub?: boolean | null | undefined
  /** Only tell what would go; how much `maxBytes` takes is then an estimate. Default `false`. */
  dryRun?: boolean | null | undefined
  /** Told after every transaction, less often while the event loop is busy. What it throws stops the work. */
  onProgress?: ((progress: PruneProgress) => void) | null | undefined
  /** Once it is aborted the work stops, and rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined
}

/** How far pruning is. */
export interface PruneProgress {
  /** Sessions that are gone. */
  sessions: number
  /** Chunks of output that are gone. */
  outputs: number
  /** Bytes of their text, as UTF-8. */
  bytes: number
  /** The size of the database file, once the write-ahead log is moved into it. */
  fileBytes: number
  /** Those of its bytes that hold nothing. */
  freeBytes: number
  /** Bytes of the pages that were searched for what is not in use, to overwrite it. */
  scannedBytes: number
}

/** A session that was to be removed or sealed and stays, or output without one. */
export interface KeptSession {
  /** The id of the session. */
  id: string
  /** Why it stays, in words: which rows of others refer to it, or what SQLite or a trigger of the file said. */
  reason: string
}

/** What was removed, or with `dryRun` would be. */
export interface PruneReport {
  /** The ids of the sessions, in the order in which they went. */
  sessions: string[]
  /** Those that were to go and stay, since rows or triggers of others keep them. */
  kept: KeptSession[]
  /** Chunks of output, those of sessions that were left alone half-way included. */
  outputs: number
  /** Bytes of their text, as UTF-8. */
  bytes: number
  /** The size of the database file before, in bytes. */
  fileBytesBefore: number
  /** Its size now, once the write-ahead log is moved into it. */
  fileBytes: number
  /** Those of its bytes that hold nothing and are used again. */
  freeBytes: number
  /**
   * Whether free space of this file is given back to the disk. It is not for a file that was not made by this
   * package, until `PRAGMA auto_vacuum = INCREMENTAL` and a `VACUUM`, with nobody else at it, make it so.
   */
  givesSpaceBack: boolean
  /** How many pages had something that was not in use, and was overwritten. */
  cleanedPages: number
}

/** What `stats()` counts. */
export interface StatsOptions {
  /** How many sessions `largest` names at most. Default 10. */
  sessions?: number | null | undefined
  /** The length of a period of `periods`, in milliseconds, at least 60,000. Default: nothing is counted by time. */
  every?: number | null | undefined
}

/** Some output. */
export interface OutputAmount {
  /** How many chunks. */
  outputs: number
  /** Bytes of their text, as UTF-8. */
  bytes: number
  /** The first of their timestamps; `undefined` where there are none. */
  oldest: Date | undefined
  /** The last of their timestamps. */
  newest: Date | undefined
}

/** How much a database holds, all output by `outputs`, `bytes`, `oldest` and `newest`. */
export interface DatabaseStats extends OutputAmount {
  /** How many sessions there are of each status. */
  sessions: Record<SessionStatus, number>
  /** How many of them are pinned. */
  pinned: number
  /** Chunks whose session is not stored. */
  orphanedOutputs: number
  /** The sessions with the most bytes of output, stored or not, largest first. */
  largest: (OutputAmount & { sessionId: string })[]
  /**
   * The output of each period that has some, by its start, a multiple of `every` since 1970, oldest first. Sealed output counts in
   * the period in which its block of up to 64 KiB begins. Empty without `every`.
   */
  periods: (OutputAmount & { start: Date })[]
  /** How many secrets were replaced, by the name of the rule. */
  redactions: Record<string, number>
  /** The size of the database file, once the write-ahead log is moved into it. */
  fileBytes: number
  /** Those of its bytes that hold nothing and are used again. */
  freeBytes: number
  /** The size of the write-ahead log beside it. */
  walBytes: number
}

/**
 * Which sessions `connection.seal()` takes: all that are over, unless an option says otherwise. A session's age is that of the latest
 * of its moments, as for `prune()`.
 */
export interface SealOptions {
  /** Only sessions that were over, and printed their last, before this moment. */
  olderThan?: Date | null | undefined
  /** Only these sessions. `kept` tells those that are not over, or not stored. */
  sessionIds?: readonly string[] | null | undefined
  /** Leave so many of the newest that are over as they are. */
  keepLast?: number | null | undefined
  /**
   * Seal a file all the same in which other programs notice that rows go: a trigger on `session_outputs`, rows that refer to it by a
   * foreign key, or a column of theirs in it, whose values are lost. Default `false`.
   */
  force?: boolean | null | undefined
  /** Change nothing; only report. The sizes of the file are those of now. Default `false`. */
  dryRun?: boolean | null | undefined
  /** Told after every transaction, less often while the event loop is busy. What it throws stops the work. */
  onProgress?: ((progress: SealProgress) => void) | null | undefined
  /** Once it is aborted the work stops, and rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined
}

/** Which sessions `connection.unseal()` brings back: either of the first two options is needed. */
export interface UnsealOptions {
  /** These sessions. Those that are not sealed are left alone. */
  sessionIds?: readonly string[] | null | undefined
  /** All of them. Older versions of this package can open the file then. */
  all?: boolean | null | undefined
  /** Told after every transaction, less often while the event loop is busy. What it throws stops the work. */
  onProgress?: ((progress: SealProgress) => void) | null | undefined
  /** Once it is aborted the work stops, and rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined
}

/** How far sealing is, or bringing back. */
export interface SealProgress {
  /** Sessions that are done. */
  sessions: number
  /** Chunks of theirs. */
  outputs: number
  /** Bytes of their text, as UTF-8. */
  bytes: number
  /** The size of the database file, once the write-ahead log is moved into it. */
  fileBytes: number
}

/** What was sealed or brought back, or with `dryRun` would be. */
export interface SealReport {
  /** The ids of the sessions, in their order. */
  sessions: string[]
  /** Those that stay as they are: what was printed cannot be sealed, or has changed meanwhile. */
  kept: KeptSession[]
  /** Chunks of output. */
  outputs: number
  /** Bytes of their text, as UTF-8. */
  bytes: number
  /** The size of the database file before, in bytes. */
  fileBytesBefore: number
  /** Its size now, once the write-ahead log is moved into it. */
  fileBytes: number
}

/** Where `connection.redact()` looks, and for what. */
export interface RedactStoredOptions extends Omit<RedactOptions, 'maxDelay' | 'onRedact'> {
  /** Only this session. An unknown one has nothing. */
  sessionId?: string | null | undefined
  /** Only output with a timestamp from this moment on, and the fields of sessions that began then. */
  since?: Date | null | undefined
  /** Change nothing; only report. Default `false`. */
  dryRun?: boolean | null | undefined
  /** Told how far it is, between two transactions. What it throws stops the work and rejects its promise. */
  onProgress?: ((progress: RedactProgress) => void) | null | undefined
  /** Once it is aborted the work stops, and rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined
}

/** How far `connection.redact()` is. */
export interface RedactProgress {
  /** The sessions that were looked at. */
  sessions: number
  /** The sessions to look at, those of which only output is stored included. */
  totalSessions: number
  /** The chunks that were looked at. */
  outputs: number
  /** The secrets that were found. */
  redactions: number
}

/** What `connection.redact()` has replaced, or would. */
export interface RedactReport {
  /** The sessions that were looked at. */
  sessions: number
  /** The chunks with secrets. */
  outputs: number
  /** How many secrets were found, by the name of the rule. */
  redactions: Record<string, number>
  /** Where, at most 10,000 of them. */
  found: StoredSecret[]
}

/** Where a secret was stored. The value itself is nowhere. */
export interface StoredSecret {
  /** Its session. */
  sessionId: string
  /** The stream, for one in output. */
  type?: 'stdout' | 'stderr'
  /** The cursor of the chunk in which it begins, for one in output. */
  cursor?: number
  /** The field of the session, for one that is not in output. */
  field?: 'workingDir' | 'currentCommand' | 'title' | 'error'
  /** The name of the rule, or of the value. */
  rule: string
  /** How long it is, in bytes. */
  length: number
}

/** A table of others with rows that refer to a session. */
export interface SessionReference {
  /** Its name. */
  table: string
  /** What they refer to: the session itself, or a chunk of its output. */
  to: 'session' | 'output'
}

/** How sessions are marked that nobody answers for any more. */
export interface FailOrphansOptions {
  /** Change nothing; return the sessions as they are. Default `false`. */
  dryRun?: boolean | null | undefined
  /**
   * First end the processes that such sessions still run in, which takes up to 2.5 seconds. A session whose process may
   * be alive after that is left as it is, and not returned. Default `false`.
   */
  kill?: boolean | null | undefined
}

/** How a session is deleted. */
export interface DeleteOptions {
  /** Leave the session's output in place. Default `false`. */
  keepOutputs?: boolean | null | undefined
}

/** A block of the output of a session: consecutive chunks, compressed; docs/block-format.md describes it to the byte. */
export interface OutputBlock {
  /** The cursor of its first chunk. */
  first: number
  /** The cursor of its last chunk. */
  last: number
  /** How many chunks it has. */
  outputs: number
  /** Bytes of their texts, as UTF-8. */
  bytes: number
  /** The earliest of their times. */
  earliest: Date
  /** The latest of their times. */
  latest: Date
  /** The block. */
  block: Buffer
  /** How many lines of the session end before it; `undefined` where that is not known. */
  lines: number | undefined
  /** What a search knows of the lines that end in it without reading it; `undefined` where that is not known. */
  filter: Buffer | undefined
  /**
   * The state of the terminal before it: reading can go on from there. `undefined` where there is none. Another version of this
   * package may not be able to read it, and then reads what is before.
   */
  state: Buffer | undefined
}

/** The options of `OutputStore.blocks()`. */
export interface BlocksOptions {
  /** Only chunks behind this cursor; by default all. */
  after?: number | null | undefined
  /**
   * The state of the terminal behind that chunk. Without it, blocks behind the first chunk of a session have no `lines`, no `filter`
   * and no `state`.
   */
  state?: Uint8Array | null | undefined
  /** About so many blocks, from 1 to 256; 16 by default. */
  limit?: number | null | undefined
  /**
   * Replace secrets in the blocks. What is stored stays as it is. What stands at the end of a session that is not over, and may be the
   * start of a secret, is left out until it goes on, or is ten seconds old. An object that is given again is not read again: to make
   * out what it says takes as long as some blocks. Default `false`.
   */
  redact?: boolean | Omit<RedactOptions, 'maxDelay' | 'onRedact'> | null | undefined
}

/** Some of the blocks of a session. */
export interface BlockPage {
  /** The blocks, in their order. */
  blocks: OutputBlock[]
  /**
   * Where to go on, with `state`. The last block of a session is not full: the next page begins with it once more, and perhaps with
   * those before it. `undefined` stands for the start.
   */
  after: number | undefined
  /** The state of the terminal behind that chunk. */
  state: Buffer | undefined
  /** Whether there are more. */
  more: boolean
}

/** A block to be stored. */
export interface PutBlock {
  /** The cursor of its first chunk. */
  first: number
  /** The cursor of its last chunk. */
  last: number
  /** The block. One that is left out is taken for damaged by whoever reads it. */
  block?: Uint8Array | null | undefined
  /** As in {@link OutputBlock}. */
  lines?: number | null | undefined
  /** As in {@link OutputBlock}. It counts only with `lines`. */
  filter?: Uint8Array | null | undefined
  /** As in {@link OutputBlock}. It counts only with `lines` and `filter`. */
  state?: Uint8Array | null | undefined
}

/** The options of `OutputStore.putBlocks()`. */
export interface PutBlocksOptions {
  /** The sizes that the terminal of the session had, as `sizes()` gives them. Filters and states that are stored already are dropped. */
  sizes?: readonly SessionSize[] | null | undefined
}

/** Which blocks a search reads: the options of `search()` that matter for it. */
export interface SearchedBlocksOptions extends Omit<SearchOptions, 'limit' | 'timeLimit'> {}

/** The options of `OutputStore.searchTerms()`. */
export interface SearchTermsOptions extends Pick<SearchOptions, 'regex' | 'caseSensitive'> {}

/**
 * What a filter must know of a block in which a pattern can match: all of some terms, one of some terms, or a trigram. A trigram is
 * known if the bits `(start + k * step) % bits` of the filter are set for `k` of 0, 1 and 2.
 */
export type SearchTerm =
  { all: SearchTerm[] } | { one: SearchTerm[] } | { start: number; step: number }

/** How an `OutputStore` stores. */
export interface OutputStoreOptions {
  /**
   * Queue what is appended and have a thread commit it in groups: `append` takes about a microsecond
   * rather than a commit. Default `false`.
   *
   * What was appended through a connection is seen by every later call on it that reads output, and no later write
   * overtakes it. Where it cannot be committed (another process keeps a lock, the disk is full), such calls, `BEGIN`,
   * `flush()` and `close()` throw; a further `append` succeeds, and throws only when the queue is full.
   * `flush()`, `close()`, the end of a Worker, `process.exit()` and an uncaught exception commit it.
   * **A process that is killed (SIGKILL, or a signal without a handler) loses what it appended during
   * the last `maxDelay`,** and the time that a commit takes, which is longer where the disk is slow or other
   * processes write without a pause. A database in memory is written directly. The stores of one connection that
   * write behind share one queue; the options are those of the first.
   */
  writeBehind?: boolean | WriteBehindOptions | null | undefined
  /** Replace secrets in what this store is given, by these options in the place of those of the connection. */
  redact?: boolean | RedactOptions | null | undefined
}

/** How output is written behind. */
export interface WriteBehindOptions {
  /**
   * After how many milliseconds output is on its way to the file, 1 to 60,000: what a killed process may lose,
   * beside the time of a commit. Default 10.
   */
  maxDelay?: number | null | undefined
  /** How many bytes may be queued before `append` waits, 64 KiB to 2 GiB. Default 64 MiB. */
  maxBytes?: number | null | undefined
  /**
   * Called when a group could not be committed (a full disk, a lock that another process does not give
   * up), once until it could: the rows stay queued and are tried again. And with every chunk that SQLite
   * refuses for what it is (a foreign key, a trigger of your own), which is not stored; where there is no
   * `onError`, the next `flush()` throws that.
   */
  onError?: ((error: SqliteError) => void) | null | undefined
}

/** How a session's output is joined. */
export interface FullOutputOptions {
  /**
   * What stands between two chunks. Default `'\n'`; `''` is right for chunks that bring their own
   * newlines, as those of a terminal do.
   */
  separator?: string | null | undefined
  /**
   * In which order the chunks stand: `'time'`, by their timestamps, or `'append'`, as they were appended, which is what
   * a terminal showed, whatever the clock did. Default `'time'`.
   */
  order?: 'time' | 'append' | null | undefined
}

/** The sessions of a database: what ran in which slot, and how it went. */
export declare class SessionStore<Slot extends number = 1 | 2 | 3> {
  /**
   * The sessions of `db`: a `DatabaseConnection` or its `db`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything else, `ERR_INVALID_STATE` for a closed
   * connection.
   */
  constructor(db: Database | DatabaseConnection)
  /**
   * Stores a session.
   *
   * @throws {SqliteError} `SQLITE_CONSTRAINT_PRIMARYKEY` if its id exists already.
   * @throws {TypeError | RangeError} For a field of the wrong type or value; nothing is stored.
   */
  create(session: NewSession): void
  /** The session with this id, or `undefined`. */
  get(id: string): Session<Slot> | undefined
  /**
   * Changes the given fields of a session: `undefined` leaves a field alone, `null` clears it. An
   * unknown id changes nothing.
   *
   * @returns Whether there was such a session, and it was written: `false` for no fields, and where `ifStatus` was not met.
   * @throws {TypeError | RangeError} For a field or an option of the wrong type or value; nothing is changed.
   */
  update(id: string, fields: SessionUpdateFields, options?: UpdateOptions | null): boolean
  /**
   * Says that the terminal of a session has another size from here on, in the order of its output: whoever shows the
   * session lays the lines out anew there.
   *
   * @returns Whether there is such a session.
   * @throws {TypeError | RangeError} For a size of the wrong type or value.
   */
  resize(id: string, size: TerminalSize): boolean
  /**
   * Removes a session and its output in one transaction. An unknown id removes nothing but output
   * that was stored under it.
   *
   * @throws {SqliteError} `SQLITE_CONSTRAINT_FOREIGNKEY` on a connection that enforces foreign keys, for
   * `keepOutputs` if there is output, and where rows of others refer to the session;
   * `SQLITE_CONSTRAINT_TRIGGER` where a trigger of the file keeps it. Then everything stays.
   */
  delete(id: string, options?: DeleteOptions | null): void
  /**
   * The sessions, newest `startedAt` first, ties by latest insert first: all of them, or a page.
   *
   * @throws {TypeError | RangeError} For an option of the wrong type or value.
   */
  list(options?: ListOptions | null): Session<Slot>[]
  /**
   * How many sessions there are: all of them, or those that are meant.
   *
   * @throws {TypeError | RangeError} For an option of the wrong type or value.
   */
  count(options?: SessionFilter | null): number
  /**
   * The sessions that were stored, changed or removed since a cursor, whoever did it, in whatever process and by
   * whatever program. The cursor stays good across restarts. Output alone is no change of its session. A cursor
   * that the file has not reached, since an older copy took its place, starts again; after `restore()` every session is
   * told again.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a cursor that is no integer from 0, a limit that is none from 1.
   * @throws {SqliteError} `SQLITE_ERROR` for a file of an older version that is opened for reading only.
   */
  changes(options?: ChangesOptions | null): SessionChanges
  /**
   * The sessions with this status, in the order of `list()`.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a status that there is not.
   */
  listByStatus(status: SessionStatus): Session<Slot>[]
  /** The sessions that are `'running'` or `'waiting_checkpoint'`, in the order of `list()`. */
  findRunning(): Session<Slot>[]
  /**
   * Marks as `'failed'` the sessions that are `'running'` or `'waiting_checkpoint'` and that nobody answers for any
   * more, as after a crash, in one transaction. Those whose owner is gone, whether or not their own process lives.
   * Those of this process, and those without a known owner, where no process has their `pid`, or (on Linux) one that
   * started after the session was last changed; or where they have no `pid`, and were stored or last changed more than
   * a minute ago. Sessions of other owners that live stay as they are. `endedAt`, where there is none, becomes the
   * timestamp of the last output, or `startedAt` if that is later.
   *
   * On Linux, sessions of other containers stay as they are. Elsewhere pids are those of this system: do not call it
   * for a file that another machine works on.
   *
   * @returns These sessions as they are then, in the order of `list()`.
   */
  failOrphans(options?: FailOrphansOptions | null): Session<Slot>[]
  /**
   * Has `connection.prune()` leave a session alone, whatever it is asked for, until `unpin()`. The pin is
   * stored, counts for every process, and goes with the session when that is deleted. Does nothing for
   * one that is pinned already.
   *
   * @returns Whether there is such a session; an unknown id is not pinned.
   */
  pin(id: string): boolean
  /** Has `connection.prune()` treat a session as any other. Says whether it was pinned. */
  unpin(id: string): boolean
  /** Whether a session is pinned. */
  isPinned(id: string): boolean
  /** How many secrets were replaced in a session, by the name of the rule; none for an unknown id. */
  redactions(id: string): Record<string, number>
  /**
   * The tables of others whose rows refer to a session, or to its output, by a foreign key that the file declares;
   * none for an unknown id. Whether the connection enforces foreign keys makes no difference.
   */
  referencedBy(id: string): SessionReference[]
}

/**
 * The output of the sessions of a database: every chunk that their terminals printed, in order.
 *
 * What shows a session as its terminal did (`read`, `tail`, `iterate`, `follow`, `search`, `exportTo`) goes by the order
 * of `append`, whatever the clock did. `getBySession`, `getBySessionSince` and `getFullOutput` go by time; chunks
 * with equal timestamps keep the order in which they were appended.
 */
export declare class OutputStore {
  /**
   * The output in `db`: a `DatabaseConnection` or its `db`.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for anything else, `ERR_INVALID_STATE` for a closed
   * connection.
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for an option out of range.
   */
  constructor(db: Database | DatabaseConnection, options?: OutputStoreOptions | null)
  /**
   * Stores one chunk. It is committed when the call returns, unless a transaction is open, which
   * decides, or the store writes behind: see `WriteBehindOptions`. The session need not exist.
   *
   * @returns The cursor of the chunk, from which `read()` and `follow()` go on. `undefined` where the chunk is only
   * queued (write-behind, outside a transaction), where a trigger of the file left it out, and beyond
   * `Number.MAX_SAFE_INTEGER`.
   * @throws {TypeError} `ERR_INVALID_STATE` while a statement that writes is iterated.
   * @throws {TypeError | RangeError} For a field of the wrong type or value; nothing is stored.
   */
  append(output: SessionOutput): number | undefined
  /**
   * Stores all chunks in one transaction, or none: some thirty times less writing than one by one.
   *
   * @returns The cursor of the last chunk that was stored, also with write-behind; `undefined` where there is none.
   * @throws {TypeError | RangeError} For a field of the wrong type or value, and for more than 1 GiB of chunks, each
   * counted as its texts and 128 bytes; nothing is stored.
   */
  appendMany(outputs: readonly SessionOutput[]): number | undefined
  /**
   * The chunks of a session, newest first; the newest `limit` of them if a limit is given.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a limit that is no integer from 0 up.
   */
  getBySession(sessionId: string, limit?: number | null): SessionOutput[]
  /**
   * The chunks of a session that are strictly newer than `since`, oldest first; the oldest `limit` of them if a limit
   * is given.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for an invalid date, and for a limit that is no integer from 0 up.
   */
  getBySessionSince(sessionId: string, since: Date, limit?: number | null): SessionOutput[]
  /**
   * Everything that a session printed, by time or in the order of `append`, with a separator between the chunks; `''`
   * if there is nothing.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a text longer than JavaScript's longest string, and for an order that
   * there is not.
   */
  getFullOutput(sessionId: string, options?: FullOutputOptions | null): string
  /**
   * The lines of a session that stayed on its terminal, with `\n` between them: without escape sequences, without what
   * was drawn over, and without what the alternate screen showed. A line that did not fit into a row is one line.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number out of range, and for a text longer than JavaScript's longest
   * string.
   */
  text(sessionId: string, options?: TextOptions | null): string
  /**
   * The screen of a session, at the end or after one of its chunks.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number out of range.
   */
  screen(sessionId: string, options?: ScreenOptions | null): TerminalScreen
  /**
   * The sizes that the terminal of a session had, in their order: the first one, with `after: 0`, and each later one with
   * the cursor of the chunk behind which it came. 80 by 24 where none is stored.
   */
  sizes(sessionId: string): SessionSize[]
  /**
   * The commands of a session whose shell marks its prompts (OSC 133, or OSC 633 of Visual Studio Code), at most 100,000.
   */
  commands(sessionId: string): ShellCommand[]
  /**
   * The chunks of a session behind a cursor, in the order of `append`. Reading on from the cursor that it
   * gives skips nothing and repeats nothing, whatever the timestamps, in whatever process, at any later time.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a cursor that is no integer from 0, a limit that is none from 1.
   */
  read(sessionId: string, options?: ReadOptions | null): OutputPage
  /**
   * The last lines or chunks of a session.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a number that is no integer from 1, or for both.
   */
  tail(sessionId: string, options?: TailOptions | null): OutputTail
  /**
   * The chunks of a session in the order of `append`, one by one, in bounded memory. What is appended meanwhile comes
   * last.
   */
  iterate(sessionId: string): Generator<OutputChunk, void, undefined>
  /**
   * The chunks of a session as they come, from whatever process, some 20 ms after they are committed, in the
   * order of `append`. It ends when the session is `'completed'` or `'failed'` (or removed) and everything was given,
   * when `signal` aborts, or when the connection is closed. A session that is not stored is waited for. `return()`
   * and `throw()` end it at once, and every `next()` that waits.
   *
   * While nothing comes it costs a few microseconds every 20 ms.
   *
   * @throws {TypeError | RangeError} For an argument of the wrong type or value, at once.
   */
  follow(
    sessionId: string,
    options?: FollowOptions | null,
  ): AsyncGenerator<FollowedChunk, void, undefined>
  /**
   * Finds the lines of what sessions printed in which `pattern` stands, as a person saw them: without escape
   * sequences, across the borders of chunks, and with what was drawn over gone. docs/search.md tells what is found.
   * The time grows with what is stored, and so may block the event loop: set a `timeLimit`, and go on with `next()`.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a pattern that is empty, too large or no regular expression, or an
   * option out of range.
   */
  search(pattern: string, options?: SearchOptions | null): SearchResult
  /**
   * Finds the same lines as `search()`, off the event loop, on as many threads as there are cores. They come session by session,
   * in the order in which these began, and in the order of their lines in each; always in the same order. What is committed when
   * a session is looked at is searched: an open transaction of this connection is not. A database in memory, which no thread can
   * read, is searched in turns of some 10 ms on the event loop.
   *
   * Leaving the loop ends the threads, as do `return()` and an abort of `signal`, of which `next()` throws the reason.
   *
   * @throws {TypeError | RangeError} For an argument of the wrong type or value, at once.
   */
  searchAsync(
    pattern: string,
    options?: SearchAsyncOptions | null,
  ): AsyncGenerator<SearchMatch, void, undefined>
  /**
   * The output of a session as blocks, whether it stands in rows or in blocks: for an archive, or for another machine. Blocks have up
   * to 64 KiB of text. The call takes some 8 ms for a megabyte: make it off the event loop of who cannot wait.
   *
   * @throws {TypeError | RangeError} For an argument of the wrong type or value.
   * @throws {SqliteError} `SQLITE_MISMATCH` for a row of another program that no block can hold.
   */
  blocks(sessionId: string, options?: BlocksOptions | null): BlockPage
  /**
   * Stores the output of a session from blocks, all or none. They follow each other, and what the session has in blocks already. The
   * file has sealed output then.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for blocks in another order, for one that says something else than its content, and where
   * rows have cursors from the first to the last one, or the session has output in rows.
   * @throws {SqliteError} `SQLITE_CORRUPT_VTAB` for a block that cannot be read.
   */
  putBlocks(sessionId: string, blocks: readonly PutBlock[], options?: PutBlocksOptions | null): void
  /**
   * The blocks that a search reads, by the cursors of their first chunks: those in which the pattern may match, and those that have the
   * lines around. Who has stored only what is known of blocks finds out by it which ones to get.
   *
   * @throws {TypeError | RangeError} As `search()`.
   */
  searchedBlocks(pattern: string, options?: SearchedBlocksOptions | null): number[]
  /**
   * What the filter of a block must know for a pattern to match in it; `undefined` where filters tell nothing.
   *
   * @throws {TypeError | RangeError} As `search()`.
   */
  searchTerms(pattern: string, options?: SearchTermsOptions | null): SearchTerm | undefined
  /**
   * Writes what a session printed to a file, in the order of `append`, and resolves when the file is whole and on the
   * disk. What was appended before the call is in it, what comes later is not. A thread does the work,
   * in bounded memory; neither the event loop nor writers wait for it. The write-ahead log cannot start over
   * meanwhile and grows by what is written.
   *
   * The file is readable by its owner only, and takes the place of `file` in one step at the end: until then, and
   * after a failure, `file` is what it was. Missing folders are created. A link stays one, and what it leads to is
   * replaced; what is no plain file, and a link to nothing, is refused. A session without output, or one that is not
   * known, gives a file without chunks. Closing the connection does not stop an export; the end of the process does,
   * and leaves at worst a file `.….tmp` beside `file`. A database in memory is first copied in memory, before the
   * call returns.
   *
   * The promise rejects with a `TypeError` or `RangeError` for a wrong argument (`file` must not be the database
   * itself), with a `SqliteError` for what SQLite or the file system says, with what `onProgress` throws, and with
   * the reason of an aborted `signal`.
   */
  exportTo(sessionId: string, file: string, options: ExportOptions): Promise<ExportProgress>
  /**
   * Commits what is queued. Does nothing for a store that does not write behind, and nothing inside a transaction, whose
   * commit covers what was appended before it and in it.
   *
   * @throws {SqliteError} What SQLite says, such as `SQLITE_FULL`; it stays queued. Or why SQLite refused a chunk,
   * where no `onError` was told.
   */
  flush(): void
  /** Removes the output of a session. */
  deleteBySession(sessionId: string): void
}

/** What SQLite says. */
export declare class SqliteError extends Error {
  constructor(message: string, code: string)
  name: 'SqliteError'
  /** SQLite's extended result code by its name, such as `'SQLITE_CONSTRAINT_PRIMARYKEY'`. */
  code: string
}

/** What `run()` did. */
export interface RunResult {
  /** How many rows the statement inserted, changed or removed; triggers and cascades do not count. */
  changes: number
  /** The rowid of the last insert of the connection; a bigint where integers are safe. */
  lastInsertRowid: number | bigint
}

/** A column of a result. */
export interface ColumnDefinition {
  /** Its name in the result. */
  name: string
  /** The column that it comes from, `null` for an expression. */
  column: string | null
  table: string | null
  /** `'main'`, `'temp'` or the name of an attached database. */
  database: string | null
  /** The declared type of the column that it comes from. */
  type: string | null
}

/** How `pragma()` answers. */
export interface PragmaOptions {
  /** Only the first column of the first row. Default `false`. */
  simple?: boolean | null | undefined
}

/**
 * A prepared statement.
 *
 * Parameters are given one by one, in arrays, or by name in one plain object (without the `@`, `:` or
 * `$`). A number binds as REAL, a bigint as INTEGER, `undefined` as NULL, a Buffer as BLOB. Every call
 * throws a `TypeError` with `ERR_INVALID_ARG_TYPE` for a value that SQLite has no type for, a
 * `RangeError` with `ERR_OUT_OF_RANGE` for too many, too few or a missing one, a `SqliteError` for
 * what SQLite says, and a `TypeError` with `ERR_INVALID_STATE` once the connection is closed.
 */
export interface PreparedStatement<BindParameters extends unknown[] = unknown[], Result = unknown> {
  /** The handle that it was prepared on. */
  readonly database: Database
  /** Its SQL. */
  readonly source: string
  /** Whether it returns rows. */
  readonly reader: boolean
  /** Whether it leaves the database as it is. */
  readonly readonly: boolean
  /** Whether it is being iterated. */
  readonly busy: boolean

  /** Runs it, and says what changed. */
  run(...params: BindParameters): RunResult
  /** Its first row, or `undefined`. */
  get(...params: BindParameters): Result | undefined
  /** All its rows. */
  all(...params: BindParameters): Result[]
  /**
   * Its rows one by one, in bounded memory. Until the iterator has ended, by itself, by `break` or by
   * `return()`, the handle refuses to write and to close, and the statement refuses all other calls.
   */
  iterate(...params: BindParameters): IterableIterator<Result>
  /** Have rows be the value of the first column. */
  pluck(toggle?: boolean): this
  /** Have rows be arrays of values. */
  raw(toggle?: boolean): this
  /** Have rows be objects by table, `$` for expressions. */
  expand(toggle?: boolean): this
  /** Gives the parameters their values for good; possible once. */
  bind(...params: BindParameters): this
  /** The columns of its result. */
  columns(): ColumnDefinition[]
  /** Have integers be bigints. */
  safeIntegers(toggle?: boolean): this
  /** Its SQL, with the values that are bound for good. */
  toString(): string
}

/** A prepared statement by its parameters, an array of them or one object, and its row. */
export type Statement<
  BindParameters extends unknown[] | {} = unknown[],
  Result = unknown,
> = BindParameters extends unknown[]
  ? PreparedStatement<BindParameters, Result>
  : PreparedStatement<[BindParameters], Result>

/** A function that runs in a transaction, and its variants by the way that the transaction begins. */
export interface Transaction<F extends (...params: never[]) => unknown> {
  (...params: Parameters<F>): ReturnType<F>
  default(...params: Parameters<F>): ReturnType<F>
  /** Takes locks when they are needed: the default. */
  deferred(...params: Parameters<F>): ReturnType<F>
  /** Takes the write lock first: right for a transaction that reads before it writes. */
  immediate(...params: Parameters<F>): ReturnType<F>
  /** Keeps readers out as well, except in WAL mode. */
  exclusive(...params: Parameters<F>): ReturnType<F>
  /** The handle that it runs on. */
  readonly database: Database
}

/**
 * The handle `connection.db`: SQL on the SQLite of the stores, after the conventions of better-sqlite3.
 *
 * What it does in a transaction and what the stores do is one transaction.
 */
interface Database {
  /** The path that the connection was opened with. */
  readonly name: string
  readonly open: boolean
  readonly inTransaction: boolean
  readonly readonly: boolean
  readonly memory: boolean

  /**
   * Prepares one statement.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for SQL without a statement, or with more than one.
   * @throws {SqliteError} For SQL that SQLite does not understand.
   */
  prepare<BindParameters extends unknown[] | {} = unknown[], Result = unknown>(
    source: string,
  ): Statement<BindParameters, Result>
  /**
   * A function that runs `fn` in a transaction: committed when it returns, rolled back when it throws,
   * and the throw passed on. Called inside a transaction it is a savepoint of it.
   */
  transaction<F extends (...params: never[]) => unknown>(fn: F): Transaction<F>
  /** Runs every statement in `source`, one after the other. */
  exec(source: string): this
  /** Runs `PRAGMA source` and gives its rows. */
  pragma(source: string, options?: PragmaOptions | null): unknown
  /** Have the integers of statements that are prepared from now on be bigints. */
  defaultSafeIntegers(toggle?: boolean): this
  /** Closes the connection, for the stores as well; a second call does nothing. */
  close(): this
  /** Closes the connection, at the end of the block of a `using` declaration. */
  [Symbol.dispose](): void
}

/** How `new Database()` of `@gsd/session-store/compat` opens a file: as `DatabaseConnection` does, but for `foreignKeys`. */
interface CompatOptions extends DatabaseOptions {
  /** Have SQLite enforce foreign keys. Default `true`, as in better-sqlite3. */
  foreignKeys?: boolean | null | undefined
  /** Not supported: a function is refused. */
  verbose?: null | undefined
  /** Does nothing: it names a binary of better-sqlite3. */
  nativeBinding?: unknown
}

/** The constructor that `@gsd/session-store/compat` exports, for clients that open a file themselves. */
interface DatabaseConstructor {
  /**
   * Opens a database as `new DatabaseConnection(path, options)` does, and gives its `db`. Without a path, and for an empty one,
   * it is a private database in memory.
   *
   * @throws What `new DatabaseConnection()` throws.
   */
  new (path?: string | null, options?: CompatOptions | null): Database
  (path?: string | null, options?: CompatOptions | null): Database
  /** Every handle is an instance, that of a `DatabaseConnection` as well. */
  readonly prototype: Database
  readonly SqliteError: typeof SqliteError
}

/** The types of the handle by the names that they have in `@types/better-sqlite3`. */
declare namespace Database {
  export type {
    ColumnDefinition,
    DatabaseConstructor,
    CompatOptions as Options,
    PragmaOptions,
    RunResult,
    SqliteError,
    Statement,
    Transaction,
    Handle as Database,
  }
}

type Handle = Database

// As types only: there is no value of that name, which TypeScript would take the namespace for.
export type { Database }

/**
 * An open database file with the schema of sessions and outputs.
 *
 * Every call is synchronous. A connection belongs to the thread that opened it; a Worker opens its
 * own. Other connections, of this process or another, may use the same file at the same time.
 */
export declare class DatabaseConnection {
  /**
   * Opens a database, creates what is missing, and brings its schema up to date.
   *
   * @param dbPath The file, by default that of the environment variable `GSD_SESSIONS_DB`, or
   * `~/.gsd-harness/sessions.db` where it is not set or empty; `':memory:'` for a private database in memory. Missing folders are created. What is created is readable by its owner only.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for an argument of the wrong type.
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for an empty path, a path with NUL, a `file:` URI, or an
   * option out of range.
   * @throws {SqliteError} `SQLITE_CANTOPEN` for a file that cannot be opened or be in WAL mode, is of a
   * newer version, holds tables of somebody else's, or has a `-wal`, `-shm` or `-journal` beside it that may be;
   * `SQLITE_NOTADB` for a file that is no database;
   * `SQLITE_READONLY` for one that may only be read, without `readonly`; `SQLITE_FULL` on a full disk;
   * `SQLITE_BUSY` where another process keeps it locked for longer than the timeout. The file stays
   * as it was.
   */
  constructor(dbPath?: string | null, options?: DatabaseOptions | null)
  /** The handle that stores take, and other SQL of the process uses. The same object every time. */
  get db(): Database
  /** The path that the connection was opened with. Preferred to `getPath()`. */
  get path(): string
  /** The same as `path`, for programs that were written for the better-sqlite3 version. */
  getPath(): string
  /** Whether the connection is open. */
  get isOpen(): boolean
  /**
   * How the file keeps a change all or nothing: `'wal'` for every file that is open for writing,
   * `'memory'` for a database in memory, and whatever it has for a file that is only read.
   *
   * @throws {TypeError} `ERR_INVALID_STATE` once the connection is closed.
   */
  get journalMode(): JournalMode
  /**
   * The state of the write-ahead log: how long it is, and what keeps it from starting over.
   *
   * @throws {TypeError} `ERR_INVALID_STATE` once the connection is closed.
   */
  walStatus(): WalStatus
  /**
   * Calls `callback` whenever sessions have changed or have more output, whoever wrote it, with their ids; at
   * most every 20 ms. Removing output alone is not told. Gives a function that ends it, as closing the
   * connection does; until then the process stays alive.
   *
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for what is no function, `ERR_INVALID_STATE` once the
   * connection is closed.
   */
  watch(callback: (change: SessionChange) => void, options?: WatchOptions | null): () => void
  /**
   * Closes the connection; a second call does nothing. Every other call on it, on `db` and on the
   * stores made from it throws from then on.
   *
   * @throws {TypeError} `ERR_INVALID_STATE` in the middle of a query of the same connection.
   */
  close(): void
  /** Closes the connection, at the end of the block of a `using` declaration. */
  [Symbol.dispose](): void
  /**
   * Looks whether the file is sound: its pages and indexes, the schema, and the values of every row of
   * sessions and output. Damage is told in `problems`; only a file of which nothing can be read throws.
   *
   * It sees one state of the file, whoever writes meanwhile. It is synchronous and reads the whole file,
   * which takes some three seconds for a million chunks: run it in a Worker where nobody may wait.
   *
   * @throws {TypeError} `ERR_INVALID_STATE` once the connection is closed.
   * @throws {SqliteError} Where SQLite reads nothing at all: `SQLITE_NOTADB` without a header,
   * `SQLITE_CORRUPT` for a file that is shorter than its header says, `SQLITE_BUSY` behind a lock.
   */
  verify(): VerifyReport
  /**
   * Copies the database into another file while it is in use, and resolves when that file is whole
   * and on the disk. What was appended before the call is in it, what comes later is not. A thread
   * does the work; neither the event loop nor writers wait for it. The write-ahead log cannot start
   * over meanwhile and grows by what is written.
   *
   * The copy is one file, readable by its owner only, in rollback mode, so that it opens anywhere. It
   * takes the place of `path` in one step at the end: until then, and after a failure, `path` is what
   * it was. Missing folders are created. A link stays one, and what it leads to is replaced; what is no plain
   * file, and a link to nothing, is refused. Closing the connection does not stop a backup; the end of the
   * process does, and leaves at worst a file `.….tmp` beside `path`.
   *
   * A database in memory is first copied in memory, before the call returns.
   *
   * The promise rejects with a `TypeError` or `RangeError` for a wrong argument (`path` must not be the
   * database itself), with a `SqliteError` for what SQLite or the file system says, with what
   * `onProgress` throws, and with the reason of an aborted `signal`.
   */
  backup(path: string, options?: BackupOptions | null): Promise<BackupProgress>
  /**
   * How much the database holds: sessions by status, chunks and bytes of output, the sessions with the most of
   * it, and the size of the file. All of one moment, and exact.
   *
   * It is synchronous and reads every row of output, though of long text only the length: some 0.6 s for a
   * million chunks that the system has in memory. Call it in a Worker where nobody may wait.
   *
   * @throws {TypeError | RangeError} For a wrong option, and `ERR_INVALID_STATE` once the connection is closed.
   */
  stats(options?: StatsOptions | null): DatabaseStats
  /**
   * Removes whole sessions that are over, with their output, the oldest first, and gives the space back to the
   * disk. Only what is asked for goes, never a session that is `'running'` or `'waiting_checkpoint'`, and never
   * one that is pinned. `docs/retention.md` tells how the options work together.
   *
   * A session to which rows of other tables refer by a foreign key stays whole, and `kept` says why, unless this
   * connection enforces foreign keys and SQLite lets it go. The same holds where a trigger of the file refuses.
   *
   * A thread does the work in transactions of some milliseconds, between which others write. A session's
   * output goes from its start, and the session with the last of it. One that starts anew or is pinned
   * meanwhile is left with what it still has. A database in memory is pruned before the call returns.
   *
   * The promise rejects with a `TypeError` or `RangeError` for a wrong option, and where no option says what to
   * remove; with a `SqliteError` for what SQLite says; with what `onProgress` throws, and with the reason of an
   * aborted `signal`. What is removed by then stays so, and the next call goes on with it.
   */
  prune(options: PruneOptions): Promise<PruneReport>
  /**
   * Puts the output of sessions that are over into compressed blocks, which takes about a tenth of the space, and gives the space back
   * to the disk. Every method reads it as before, with the same cursors. SQL finds it in the virtual table `session_outputs_all`, and no
   * longer in `session_outputs`. A session that is appended to again has its new output in rows, until it is sealed again.
   *
   * The first call makes the file unreadable for versions of this package without `seal()`, until `unseal({ all: true })`.
   *
   * A thread does the work in transactions of some milliseconds, between which others write. A session is sealed wholly or not at all,
   * even where the process is killed. A database in memory is sealed before the call returns.
   *
   * The promise rejects with a `TypeError` or `RangeError` for a wrong option, and for a file in which other programs would notice,
   * unless `force` is set; with a `SqliteError` for what SQLite says; with what `onProgress` throws, and with the reason of an aborted
   * `signal`. What is sealed by then stays so.
   */
  seal(options?: SealOptions | null): Promise<SealReport>
  /**
   * Brings sealed sessions back into rows, as they were.
   *
   * The promise rejects as that of `seal()`; with the code `SQLITE_CORRUPT_VTAB` for a damaged block, whose session stays sealed.
   */
  unseal(options: UnsealOptions): Promise<SealReport>
  /**
   * Replaces secrets in what is stored: in output, and in `currentCommand`, `workingDir`, `title` and `error` of sessions. It
   * looks for what the options say; without any, for what the connection redacts; else for all built-in rules and the secrets of the
   * environment. Chunks keep their cursors; one that was within a secret is empty then.
   *
   * A thread does the work in short transactions, between which others write. A secret that is cut into chunks is replaced in
   * all of them at once. Then all that the file does not use is overwritten, and its log is cut off. A database in memory is
   * done before the call returns.
   *
   * The promise rejects with a `TypeError` or `RangeError` for a wrong option; with a `SqliteError` for what SQLite says; with
   * what `onProgress` throws, and with the reason of an aborted `signal`. What is replaced by then stays so, and is overwritten
   * by the next call that finds something, or by `prune({ scrub: true })`.
   */
  redact(options?: RedactStoredOptions | null): Promise<RedactReport>
}

/**
 * Closes the connection that `getDatabase()` opened. Does nothing if there is none, or it is closed.
 *
 * @throws {TypeError} `ERR_INVALID_STATE` in the middle of a query of that connection.
 */
export declare function closeDatabase(): void

/**
 * The connection that a process shares: opened by the first call, the same one for every later call, and a new one after
 * it was closed. The call that opens it decides on the path and the options, by the rules of `new DatabaseConnection()`.
 *
 * @throws {TypeError} `ERR_INVALID_STATE` for another path or another value of an option than it is open with.
 * @throws {TypeError | RangeError | SqliteError} As `new DatabaseConnection()` does.
 */
export declare function getDatabase(
  dbPath?: string | null,
  options?: DatabaseOptions | null,
): DatabaseConnection

/** How a command is recorded. */
export interface RecordOptions {
  /** The program. Without a `/` in it, it is looked for in the folders of `PATH`. */
  command: string
  /** Its arguments. */
  args?: readonly string[] | null | undefined
  /** The folder in which it runs. Default: that of this process. */
  cwd?: string | null | undefined
  /** All of its environment. Default: that of this process. In a terminal `TERM` is `xterm-256color` where it is not set. */
  env?: Readonly<Record<string, string | undefined>> | null | undefined
  /** The width of its terminal, 1 to 65,535 characters. Default 80, or that of this process's terminal with `stdin: 'inherit'`. */
  columns?: number | null | undefined
  /** The height of its terminal, 1 to 65,535 lines. Default 24, or as `columns`. */
  rows?: number | null | undefined
  /**
   * Whether it runs in a pseudo-terminal. Default `true`, and `false` on Windows. Without one it has pipes: its output
   * and its errors are told apart, and come in the order of their arrival.
   */
  terminal?: boolean | null | undefined
  /** The id of its session. Default: a new UUID. */
  id?: string | null | undefined
  /** The slot of its session, from 1. Default 1. */
  slot?: number | null | undefined
  /** The title of its session. */
  title?: string | null | undefined
  /**
   * Where its input comes from: from `write()` (`'pipe'`, the default), from that of this process (`'inherit'`; if that is
   * a terminal, it is in raw mode meanwhile, and `^Z` stops this process too), or from nowhere (`'none'`).
   */
  stdin?: 'inherit' | 'pipe' | 'none' | null | undefined
  /** Whether what it prints is also printed by this process (`'inherit'`) or not (`'none'`, the default). */
  stdout?: 'inherit' | 'none' | null | undefined
  /**
   * Where the database is given by its path: told why something cannot be stored, or not yet; once until it is another
   * reason.
   */
  onError?: ((error: Error & { code?: string }) => void) | null | undefined
  /**
   * Replace secrets before anything of them is stored. Those of `env` are known by the names of its variables. Default: as the
   * connection does.
   */
  redact?: boolean | Omit<RedactOptions, 'onRedact'> | null | undefined
}

/** How a recorded command ended. */
export interface RecordingEnd {
  /** Its exit code; `undefined` where a signal ended it. */
  exitCode: number | undefined
  /** The name of the signal that ended it, such as `'SIGKILL'`. */
  signal: string | undefined
  /** Where the database was given by its path: whether everything is stored. */
  stored?: boolean
  /** The file beside the database in which the rest waits for the next recording, which takes it in. */
  spoolFile?: string | undefined
  /** Bytes of output for which there was no room anywhere. A mark in the output tells where they are missing. */
  lostBytes?: number
}

/** A command that is recorded. `record()` makes it. */
export interface Recording extends AsyncIterable<FollowedChunk> {
  /** The id of its session. */
  readonly id: string
  /** The id of its process. */
  readonly pid: number
  /**
   * Resolves when the command is over and everything that it printed is stored: to the end of the terminal, or until a
   * second of quiet where a process that it left behind holds it. It never rejects.
   */
  readonly exited: Promise<RecordingEnd>
  /**
   * Types something. What is not read yet waits, up to 64 MiB of it.
   *
   * @returns Whether it will be read: not if the command is over, its input has ended, or too much waits.
   */
  write(data: string): boolean
  /** Ends its input: a pipe for good, a terminal by its character for that (`^D`). */
  end(): void
  /**
   * Gives its terminal another size, which it is told by `SIGWINCH`, and stores the size for what is printed from now on.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a size out of range.
   */
  resize(size: TerminalSize): void
  /**
   * Sends it a signal, by name or number from 0 to 64; `'SIGTERM'` by default, and 0 sends none. Once it is over, this
   * gives up what processes that it left behind still print.
   *
   * @throws {RangeError} `ERR_OUT_OF_RANGE` for a signal that there is not.
   */
  kill(signal?: string | number): void
  /**
   * With `stdin: 'inherit'`: takes the terminal of this process into raw mode again and passes its size on. To be called
   * when this process was told `SIGCONT` or `SIGWINCH`.
   */
  attach(): void
  /** Its chunks from the first one on, as `OutputStore.follow()` gives them, until it is over. */
  [Symbol.asyncIterator](): AsyncGenerator<FollowedChunk, void, undefined>
}

/**
 * Runs a command and stores what it prints, in a session of its own. A thread takes the output and queues it as
 * write-behind does: no JavaScript runs for a chunk, unless somebody iterates over the recording. The session has the
 * command, the folder, the pid and the size, and ends with the exit code or the signal: `completed` for 0, else `failed`.
 *
 * A connection must stay open until `exited` resolves; what comes later is lost. While its database is locked or full,
 * output waits in the queue; where that is full (64 MiB), so does the command.
 *
 * With the path of a database, the recording opens it itself, as soon as it can be, and again where it was moved, removed
 * or replaced. Output waits in memory (64 MiB) and then in a file beside the database (1 GiB) meanwhile, and never holds up the
 * command. What cannot be stored within 4 seconds of its end is left in that file, which the next recording takes in.
 *
 * @throws {TypeError | RangeError} For an option of the wrong type or value.
 * @throws {SqliteError} `SQLITE_CONSTRAINT_PRIMARYKEY` for an id that exists, `SQLITE_READONLY`.
 * @throws {Error} With the code `ENOENT`, `EACCES` or `ERR_SPAWN` where the program cannot be run, and `ENOTSUP` where there
 * are no pseudo-terminals. Then, as after every other error, nothing runs, and nothing is stored.
 */
export declare function record(
  db: Database | DatabaseConnection | string,
  options: RecordOptions,
): Recording

/**
 * Stores whatever sessions and output a damaged file still gives in a new file, and resolves with what
 * came of it. A thread does the work.
 *
 * Rows are read from the pages of the file, of its write-ahead log and of the journal of a transaction that
 * was interrupted, without SQLite's help, so that neither a damaged header, nor a lost schema, nor a broken
 * tree keeps the rest back. Texts in UTF-16 become UTF-8. Rows that were deleted stay so, as far as the file
 * still tells, and new chunks get ids beyond every one that was ever given. Tables of others, and their
 * columns in ours, are not salvaged. A value that is damaged itself is kept as it reads; `verify()` of the new
 * file names those that make no sense.
 *
 * Nothing is written to `path` or beside it, and nobody else should write to it meanwhile. `newPath` must
 * not exist. It appears when it is whole, readable by its owner only.
 *
 * The promise rejects with a `TypeError` or `RangeError` for a wrong argument, and with a `SqliteError`:
 * `SQLITE_NOTADB` where nothing in the file looks like a database, `SQLITE_CANTOPEN` where `path` cannot
 * be read or has a file beside it that may be somebody else's, or `newPath` exists, cannot be made, or has a log
 * beside it that would be taken for its own.
 */
export declare function salvage(path: string, newPath: string): Promise<SalvageReport>

/**
 * Puts a copy of `backup` in the place of the database `path`, in one step, and keeps the old one beside it, as
 * `….before-restore`. What the old one's log holds is moved into it; where it is damaged, its log is kept beside it, so
 * that `salvage()` finds it. The new file has the mode of the old one, or else is readable by its owner only.
 *
 * `backup` must be a sound session store. It is only read. `path` need not exist, and may be damaged. Nobody may have it
 * open, in this process or another.
 *
 * The promise rejects with a `TypeError` or `RangeError` for a wrong argument, with what `onProgress` throws, with the
 * reason of an aborted `signal`, and with a `SqliteError`: `SQLITE_BUSY` where somebody has `path` open, `SQLITE_CORRUPT`
 * or `SQLITE_NOTADB` where `backup` is damaged, `SQLITE_CANTOPEN` where it is no session store, or `path` is the backup
 * itself, no plain file, or cannot be made. Then `path` is what it was.
 */
export declare function restore(
  backup: string,
  path: string,
  options?: BackupOptions | null,
): Promise<RestoreReport>
