import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  type NewSession,
  type Session,
  type SessionOutput,
  type SessionStatus,
  type SessionUpdateFields,
} from '../../index.js'
import { at, failureOf, temporaryPath } from '../support/support.js'

const IDS = ['a', 'b', 'c', 'ü🚀']

/** A session as it is read: every key is there. */
interface StoredSession extends Omit<Session, 'currentCommand' | 'endedAt' | 'pid'> {
  currentCommand: string | undefined
  endedAt: Date | undefined
  pid: number | undefined
}

/** What both stores promise, in plain JavaScript: rows in the order of their insertion. */
class Model {
  #sessions: StoredSession[] = []
  #outputs: SessionOutput[] = []

  /** The code of what it throws, if it does. */
  create(session: NewSession): string | undefined {
    if (this.has(session.id)) return 'SQLITE_CONSTRAINT_PRIMARYKEY'
    this.#sessions.push({
      id: session.id,
      slot: session.slot as 1 | 2 | 3,
      status: session.status,
      workingDir: session.workingDir,
      currentCommand: session.currentCommand ?? undefined,
      startedAt: session.startedAt,
      endedAt: session.endedAt ?? undefined,
      pid: session.pid ?? undefined,
    })
    return undefined
  }

  update(id: string, fields: SessionUpdateFields): void {
    const session = this.#sessions.find((candidate) => candidate.id === id)
    if (!session) return
    if (fields.status !== undefined) session.status = fields.status
    if (fields.currentCommand !== undefined)
      session.currentCommand = fields.currentCommand ?? undefined
    if (fields.endedAt !== undefined) session.endedAt = fields.endedAt ?? undefined
    if (fields.pid !== undefined) session.pid = fields.pid ?? undefined
  }

  delete(id: string, keepOutputs: boolean): void {
    this.#sessions = this.#sessions.filter((session) => session.id !== id)
    if (!keepOutputs) this.deleteBySession(id)
  }

  append(outputs: SessionOutput[]): void {
    this.#outputs.push(...outputs)
  }

  deleteBySession(sessionId: string): void {
    this.#outputs = this.#outputs.filter((output) => output.sessionId !== sessionId)
  }

  has(id: string): boolean {
    return this.#sessions.some((session) => session.id === id)
  }

  /** Newest start first, ties by latest insert first. */
  list(...statuses: SessionStatus[]): StoredSession[] {
    const latestFirst = [...this.#sessions].reverse()
    return latestFirst
      .filter(({ status }) => statuses.length === 0 || statuses.includes(status))
      .sort((one, other) => other.startedAt.getTime() - one.startedAt.getTime())
  }

  /** Oldest first, ties by insertion. */
  outputsOf(sessionId: string): SessionOutput[] {
    return this.#outputs
      .filter((output) => output.sessionId === sessionId)
      .sort((one, other) => one.timestamp.getTime() - other.timestamp.getTime())
  }
}

const anyId = fc.constantFrom(...IDS)
const anyTime = fc.integer({ min: 0, max: 3 }).map(at)
const anyText = fc.string({ unit: 'binary', maxLength: 12 })
const anyStatus = fc.constantFrom<SessionStatus>(
  'idle',
  'running',
  'waiting_checkpoint',
  'completed',
  'failed',
)
const anyOptional = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(value, fc.constant(null), fc.constant(undefined))

const anySession: fc.Arbitrary<NewSession> = fc.record(
  {
    id: anyId,
    slot: fc.integer({ min: 1, max: 3 }),
    status: anyStatus,
    workingDir: anyText,
    currentCommand: anyOptional(anyText),
    startedAt: anyTime,
    endedAt: anyOptional(anyTime),
    pid: anyOptional(fc.maxSafeInteger()),
  },
  { noNullPrototype: true },
)

const anyOutput: fc.Arbitrary<SessionOutput> = fc.record(
  {
    sessionId: anyId,
    timestamp: anyTime,
    type: fc.constantFrom('stdout', 'stderr'),
    data: anyText,
  },
  { noNullPrototype: true },
)

const anyFields: fc.Arbitrary<SessionUpdateFields> = fc.record(
  {
    status: fc.oneof(anyStatus, fc.constant(undefined)),
    currentCommand: anyOptional(anyText),
    endedAt: anyOptional(anyTime),
    pid: anyOptional(fc.maxSafeInteger()),
  },
  { requiredKeys: [], noNullPrototype: true },
)

const anyOperation = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), session: anySession }),
  fc.record({ kind: fc.constant('update' as const), id: anyId, fields: anyFields }),
  fc.record({ kind: fc.constant('delete' as const), id: anyId, keepOutputs: fc.boolean() }),
  fc.record({ kind: fc.constant('append' as const), output: anyOutput }),
  fc.record({
    kind: fc.constant('appendMany' as const),
    outputs: fc.array(anyOutput, { maxLength: 5 }),
  }),
  fc.record({
    kind: fc.constant('appendMany with a wrong one' as const),
    outputs: fc.array(anyOutput, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('deleteBySession' as const), id: anyId }),
  fc.record({ kind: fc.constant('reopen' as const) }),
)

type Operation = typeof anyOperation extends fc.Arbitrary<infer T> ? T : never

/** The package under test: both stores on one file. */
class Subject {
  #path = temporaryPath()
  connection = new DatabaseConnection(this.#path)
  sessions = new SessionStore(this.connection)
  outputs = new OutputStore(this.connection)

  reopen(): void {
    this.connection.close()
    this.connection = new DatabaseConnection(this.#path)
    this.sessions = new SessionStore(this.connection)
    this.outputs = new OutputStore(this.connection.db)
  }
}

/** Performs `operation` on both and gives the code of the failure of each. */
function perform(operation: Operation, subject: Subject, model: Model) {
  let expected: string | undefined
  const failure = failureOf(() => {
    switch (operation.kind) {
      case 'create':
        expected = model.create(operation.session)
        subject.sessions.create(operation.session)
        break
      case 'update':
        model.update(operation.id, operation.fields)
        subject.sessions.update(operation.id, operation.fields)
        break
      case 'delete':
        if (!model.has(operation.id)) break
        model.delete(operation.id, operation.keepOutputs)
        subject.sessions.delete(operation.id, { keepOutputs: operation.keepOutputs })
        break
      case 'append':
        model.append([operation.output])
        subject.outputs.append(operation.output)
        break
      case 'appendMany':
        model.append(operation.outputs)
        subject.outputs.appendMany(operation.outputs)
        break
      case 'appendMany with a wrong one':
        expected = 'ERR_INVALID_ARG_TYPE'
        subject.outputs.appendMany([
          ...operation.outputs,
          { ...operation.outputs[0], data: 5 },
        ] as never)
        break
      case 'deleteBySession':
        model.deleteBySession(operation.id)
        subject.outputs.deleteBySession(operation.id)
        break
      case 'reopen':
        subject.reopen()
        break
    }
  })
  return { actual: failure?.code, expected }
}

/** Everything that the stores can be asked. */
function answersOf({ sessions, outputs }: Subject) {
  return {
    list: sessions.list(),
    running: sessions.findRunning(),
    idle: sessions.listByStatus('idle'),
    byId: IDS.map((id) => ({
      session: sessions.get(id),
      newest: outputs.getBySession(id),
      newestTwo: outputs.getBySession(id, 2),
      since: outputs.getBySessionSince(id, at(1)),
      full: outputs.getFullOutput(id),
    })),
  }
}

/** What the model answers to the same. */
function answersOfModel(model: Model) {
  const list = model.list()
  return {
    list,
    running: model.list('running', 'waiting_checkpoint'),
    idle: model.list('idle'),
    byId: IDS.map((id) => {
      const oldestFirst = model.outputsOf(id)
      const newestFirst = [...oldestFirst].reverse()
      return {
        session: list.find((session) => session.id === id),
        newest: newestFirst,
        newestTwo: newestFirst.slice(0, 2),
        since: oldestFirst.filter(({ timestamp }) => timestamp > at(1)),
        full: oldestFirst.map(({ data }) => data).join('\n'),
      }
    }),
  }
}

test('the stores give the same results as the model after any sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(anyOperation, { maxLength: 40 }), (operations) => {
      const subject = new Subject()
      const model = new Model()
      try {
        for (const operation of operations) {
          const { actual, expected } = perform(operation, subject, model)
          expect(actual).toBe(expected)
          expect(answersOf(subject)).toStrictEqual(answersOfModel(model))
        }
      } finally {
        subject.connection.close()
      }
    }),
    { numRuns: 100 },
  )
})
