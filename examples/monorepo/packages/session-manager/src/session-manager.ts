import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Session, SessionEvents, SessionOutput } from '@gsd/core'
import { DatabaseConnection, OutputStore, SessionStore } from './db/index.js'
import { SessionProcess, type ProcessCommand, type ProcessEnd } from './session-process.js'

const SLOTS = [1, 2, 3] as const

/** {@link SessionEvents} by name: a listener of `'session:output'` gets an `output`. */
export type SessionEventMap = { [Event in SessionEvents as Event['type']]: [event: Event] }

/** Options of {@link SessionManager}. */
export interface SessionManagerOptions {
  /** Where sessions are kept. Default: `~/.gsd-harness/sessions.db`. */
  dbPath?: string
  /** How long `stop()` waits before it kills, in milliseconds. Default: 5000. */
  stopGraceMs?: number
}

/** Thrown by {@link SessionManager.start} while all slots are taken. */
export class NoFreeSlotError extends Error {
  override readonly name = 'NoFreeSlotError'

  constructor() {
    super(`All ${SLOTS.length} slots are taken: stop a session, or wait until one ends.`)
  }
}

interface RunningSession {
  slot: Session['slot']
  process: SessionProcess
  /** Settles when the end of the session is on disk. */
  finished: Promise<void>
}

/** Runs up to three sessions in parallel, and writes down what they do before it tells of it. */
export class SessionManager extends EventEmitter<SessionEventMap> {
  /** The open database: other stores run on its `db`. */
  readonly connection: DatabaseConnection
  /** What is known of every session, also of those that former managers ran. */
  readonly sessions: SessionStore
  /** What they printed. */
  readonly outputs: OutputStore

  readonly #running = new Map<string, RunningSession>()
  readonly #stopGraceMs: number
  #closing: Promise<void> | undefined

  constructor({ dbPath, stopGraceMs = 5000 }: SessionManagerOptions = {}) {
    super()
    this.connection = new DatabaseConnection(dbPath)
    this.sessions = new SessionStore(this.connection)
    this.outputs = new OutputStore(this.connection)
    this.#stopGraceMs = stopGraceMs
  }

  /**
   * Starts a process in the first free slot.
   *
   * A program that cannot be started throws nothing: its session ends as `failed`, and its stderr
   * says why.
   *
   * @throws {NoFreeSlotError} while three sessions run.
   */
  start(command: ProcessCommand): Session {
    if (this.#closing) throw new Error('SessionManager.start: the manager is closed.')
    const slot = this.#freeSlot()
    const id = randomUUID()
    const process = new SessionProcess(command, (type, data) =>
      this.#append({ sessionId: id, timestamp: new Date(), type, data }),
    )
    const session: Session = {
      id,
      slot,
      status: 'running',
      workingDir: command.workingDir,
      currentCommand: [command.command, ...(command.args ?? [])].join(' '),
      startedAt: new Date(),
      ...(process.pid !== undefined && { pid: process.pid }),
    }
    try {
      this.sessions.create(session)
    } catch (error) {
      // A process without a record could neither be found nor stopped.
      process.kill()
      throw error
    }
    const finished = process.ended.then((end) => this.#finish(id, end))
    this.#running.set(id, { slot, process, finished })
    this.emit('session:started', { type: 'session:started', session })
    return session
  }

  /**
   * Ends a session and resolves when its record says so. One that is not running is left as it is.
   *
   * A process that answers SIGTERM with exit code 0 has completed, any other has failed.
   */
  async stop(id: string): Promise<void> {
    const running = this.#running.get(id)
    await running?.process.stop(this.#stopGraceMs)
    await running?.finished
  }

  /**
   * Marks as failed what a crash left running or waiting, in one transaction. Sessions whose process is alive stay as they
   * are, those of this manager and of others.
   *
   * @returns these sessions as they are now. They end with their last output.
   */
  recover(): Session[] {
    return this.sessions.failOrphans()
  }

  /** The last lines that a session printed. Of a long session only its end is read. */
  lastLines(id: string, lines = 10): string {
    const { outputs } = this.outputs.tail(id, { lines })
    return outputs.map(({ data }) => data).join('')
  }

  /** Stops all sessions, then closes the database. Calling it again waits for the same end. */
  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown())
  }

  async #shutDown(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.stop(id)))
    this.connection.close()
  }

  #freeSlot(): Session['slot'] {
    const taken = new Set([...this.#running.values()].map(({ slot }) => slot))
    const slot = SLOTS.find((candidate) => !taken.has(candidate))
    if (slot === undefined) throw new NoFreeSlotError()
    return slot
  }

  #append(output: SessionOutput): void {
    this.outputs.append(output)
    this.emit('session:output', { type: 'session:output', output })
  }

  #finish(sessionId: string, end: ProcessEnd): void {
    const status = end.exitCode === 0 ? 'completed' : 'failed'
    const endedAt = new Date()
    this.#running.delete(sessionId)
    // Who found the process gone before, and said so, is not contradicted.
    this.sessions.update(
      sessionId,
      { status, endedAt, pid: null, ...end },
      { ifStatus: ['running', 'waiting_checkpoint'] },
    )
    this.emit('session:ended', { type: 'session:ended', sessionId, status, endedAt, ...end })
  }
}
