import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Session, SessionEvents } from '@gsd/core'
import { record, type Recording } from '@gsd/session-store'
import { DatabaseConnection, OutputStore, SessionStore } from './db/index.js'

const SLOTS = [1, 2, 3] as const

/** What to start, and where. No shell reads it. */
export interface ProcessCommand {
  command: string
  args?: readonly string[]
  workingDir: string
  /** Whether it runs in a terminal. Default: on pipes, which tell output and errors apart. */
  terminal?: boolean
}

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
  recording: Recording
  /** Settles when all events of its output have been told; `undefined` where nobody has listened yet. */
  told?: Promise<void>
  /** Settles when the end of the session is on disk and has been told. */
  finished: Promise<void>
}

/** Runs up to three sessions in parallel. What they do is on disk before it tells of it. */
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
    // Without a listener no JavaScript runs for a chunk. One that comes late is told of everything, too.
    EventEmitter.prototype.on.call(this, 'newListener', (event) => {
      if (event !== 'session:output') return
      for (const running of this.#running.values()) this.#tell(running)
    })
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
    try {
      this.#run(id, slot, command)
    } catch (error) {
      if (!isOfStart(error)) throw error
      this.#fail(id, slot, command, error.message)
    }
    const session = this.sessions.get(id) as Session
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
    if (running === undefined) return
    running.recording.kill()
    const deadline = setTimeout(() => running.recording.kill('SIGKILL'), this.#stopGraceMs)
    await running.finished
    clearTimeout(deadline)
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

  #run(id: string, slot: Session['slot'], command: ProcessCommand): void {
    const { command: program, args = [], workingDir, terminal = false } = command
    const recording = record(this.connection, {
      command: program,
      args: [...args],
      cwd: workingDir,
      terminal,
      stdin: 'none',
      id,
      slot,
    })
    const running: RunningSession = {
      slot,
      recording,
      finished: recording.exited.then(() => this.#finish(running)),
    }
    this.#running.set(id, running)
    if (this.listenerCount('session:output') > 0) this.#tell(running)
  }

  /** Tells of everything that a session prints, from its start on. */
  #tell(running: RunningSession): void {
    running.told ??= (async () => {
      for await (const { sessionId, timestamp, type, data } of running.recording) {
        this.emit('session:output', {
          type: 'session:output',
          output: { sessionId, timestamp, type, data },
        })
      }
    })()
  }

  async #finish(running: RunningSession): Promise<void> {
    const { id } = running.recording
    await running.told
    this.#running.delete(id)
    this.#ended(id)
  }

  /** Keeps a session whose program could not be started. */
  #fail(id: string, slot: Session['slot'], command: ProcessCommand, error: string): void {
    const { workingDir } = command
    const currentCommand = [command.command, ...(command.args ?? [])].join(' ')
    const now = new Date()
    this.connection.db.transaction(() => {
      this.sessions.create({
        ...{ id, slot, workingDir, currentCommand, error },
        ...{ status: 'failed', startedAt: now, endedAt: now },
      })
      this.outputs.append({ sessionId: id, timestamp: now, type: 'stderr', data: error })
    })()
    setImmediate(() => this.#ended(id))
  }

  #ended(sessionId: string): void {
    const session = this.sessions.get(sessionId)
    // Somebody may have removed it.
    if (session === undefined) return
    const { status, exitCode = null, signal = null, error = null, endedAt = new Date() } = session
    this.emit('session:ended', {
      type: 'session:ended',
      sessionId,
      status: status === 'completed' ? status : 'failed',
      ...{ endedAt, exitCode, signal, error },
    })
  }
}

/** Whether a program could not be started, and nothing else is wrong. */
function isOfStart(error: unknown): error is NodeJS.ErrnoException {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'EACCES' || code === 'ERR_SPAWN'
}
