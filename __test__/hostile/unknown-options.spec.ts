import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore } from '../../index.js'
import { failureOf, openStores, temporaryFolder } from '../support/support.js'

// What TypeScript would refuse.
const given = (options: Record<string, unknown>) => options as never

const stores = openStores.bind(undefined, ':memory:')

const CALLS: [
  call: string,
  options: Record<string, unknown>,
  message: string,
  run: () => unknown,
][] = [
  [
    'new DatabaseConnection',
    { readOnly: true },
    'DatabaseConnection: options has no "readOnly"; did you mean readonly?',
    () => new DatabaseConnection(join(temporaryFolder(), 'new.db'), given({ readOnly: true })),
  ],
  [
    'new OutputStore',
    { write_behind: true },
    'OutputStore: options has no "write_behind"; did you mean writeBehind?',
    () => new OutputStore(stores().connection, given({ write_behind: true })),
  ],
  [
    'new OutputStore, write-behind',
    { writeBehind: { delay: 5 } },
    'OutputStore: options.writeBehind has no "delay"; there are maxDelay, maxBytes, onError',
    () => new OutputStore(stores().connection, given({ writeBehind: { delay: 5 } })),
  ],
  [
    'new OutputStore, redaction',
    { redact: { rule: [] } },
    'OutputStore: options.redact has no "rule"; did you mean rules?',
    () => new OutputStore(stores().connection, given({ redact: { rule: [] } })),
  ],
  [
    'sessions.delete',
    { keepOutput: true },
    'SessionStore.delete: options has no "keepOutput"; did you mean keepOutputs?',
    () => stores().sessions.delete('s-1', given({ keepOutput: true })),
  ],
  [
    'sessions.list',
    { order: 'asc' },
    'SessionStore.list: options has no "order"; there are status, slot, workingDir, command, since, until, limit, before',
    () => stores().sessions.list(given({ order: 'asc' })),
  ],
  [
    'sessions.failOrphans',
    { dryrun: true },
    'SessionStore.failOrphans: options has no "dryrun"; did you mean dryRun?',
    () => stores().sessions.failOrphans(given({ dryrun: true })),
  ],
  [
    'outputs.getFullOutput',
    { seperator: '' },
    'OutputStore.getFullOutput: options has no "seperator"; there are separator, order',
    () => stores().outputs.getFullOutput('s-1', given({ seperator: '' })),
  ],
  [
    'outputs.read',
    { afterCursor: 1 },
    'OutputStore.read: options has no "afterCursor"; did you mean after?',
    () => stores().outputs.read('s-1', given({ afterCursor: 1 })),
  ],
  [
    'outputs.tail',
    { line: 1 },
    'OutputStore.tail: options has no "line"; did you mean lines?',
    () => stores().outputs.tail('s-1', given({ line: 1 })),
  ],
  [
    'outputs.follow',
    { Signal: 1 },
    'OutputStore.follow: options has no "Signal"; did you mean signal?',
    () => stores().outputs.follow('s-1', given({ Signal: 1 })),
  ],
  [
    'outputs.search',
    { ignoreCase: true },
    'OutputStore.search: options has no "ignoreCase"; there are sessionId, regex, caseSensitive, ' +
      'drawnOver, since, until, limit, context, command, timeLimit',
    () => stores().outputs.search('x', given({ ignoreCase: true })),
  ],
  [
    'outputs.searchAsync',
    { timeLimit: 5 },
    'OutputStore.searchAsync: options has no "timeLimit"; there are sessionId, regex, caseSensitive, ' +
      'drawnOver, since, until, limit, context, command, signal',
    () => stores().outputs.searchAsync('x', given({ timeLimit: 5 })),
  ],
  [
    'outputs.blocks',
    { before: 5 },
    'OutputStore.blocks: options has no "before"; there are after, state, limit, redact',
    () => stores().outputs.blocks('a', given({ before: 5 })),
  ],
  [
    'outputs.putBlocks',
    { columns: 80 },
    'OutputStore.putBlocks: options has no "columns"; there is sizes',
    () => stores().outputs.putBlocks('a', [], given({ columns: 80 })),
  ],
  [
    'outputs.searchedBlocks',
    { limit: 5 },
    'OutputStore.searchedBlocks: options has no "limit"; there are sessionId, regex, caseSensitive, ' +
      'drawnOver, since, until, context, command',
    () => stores().outputs.searchedBlocks('x', given({ limit: 5 })),
  ],
  [
    'outputs.searchTerms',
    { context: 5 },
    'OutputStore.searchTerms: options has no "context"; there are regex, caseSensitive',
    () => stores().outputs.searchTerms('x', given({ context: 5 })),
  ],
  [
    'connection.stats',
    { session: 3 },
    'DatabaseConnection.stats: options has no "session"; did you mean sessions?',
    () => stores().connection.stats(given({ session: 3 })),
  ],
]

describe('an option that there is not', () => {
  test.each(CALLS)('is refused by %s: %o', (_, __, message, run) => {
    expect(failureOf(run)).toEqual({ type: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message })
  })

  test('rejects the promise of backup, prune, redact and exportTo', async () => {
    const { connection, outputs } = stores()
    const file = join(temporaryFolder(), 'file')
    const calls = [
      connection.backup(file, given({ onprogress: () => undefined })),
      connection.prune(given({ olderThen: new Date() })),
      outputs.exportTo('s-1', file, given({ format: 'raw', width: 80 })),
      connection.redact(given({ session: 's-1' })),
    ]
    const reasons = await Promise.allSettled(calls)
    expect(reasons.map((result) => String((result as PromiseRejectedResult).reason))).toEqual([
      'TypeError: ' +
        'DatabaseConnection.backup: options has no "onprogress"; did you mean onProgress?',
      'TypeError: ' +
        'DatabaseConnection.prune: options has no "olderThen"; there are olderThan, maxBytes, ' +
        'keepLast, statuses, orphans, scrub, dryRun, onProgress, signal',
      'TypeError: ' +
        'OutputStore.exportTo: options has no "width"; there are format, columns, rows, player, redact, onProgress, signal',
      'TypeError: ' +
        'DatabaseConnection.redact: options has no "session"; did you mean sessionId?',
    ])
  })

  test('that is undefined says nothing, and is taken', () => {
    expect(stores().sessions.list(given({ order: undefined }))).toEqual([])
  })

  test('an option whose name has no letters is refused with the names that there are', () => {
    const message =
      'SessionStore.list: options has no "1"; there are status, slot, workingDir, command, since, until, limit, before'
    expect(failureOf(() => stores().sessions.list(given({ 1: true })))).toMatchObject({ message })
  })

  test('is taken by pragma(), as by better-sqlite3', () => {
    const { db } = stores().connection
    expect(db.pragma('user_version', given({ simple: true, other: 1 }))).toBe(2)
  })
})

describe('Symbol.dispose', () => {
  test('closes a connection', () => {
    const connection = new DatabaseConnection(':memory:')
    connection[Symbol.dispose]()
    expect(connection.isOpen).toBe(false)
    connection[Symbol.dispose]()
  })

  test('closes the connection of a handle', () => {
    const connection = new DatabaseConnection(':memory:')
    connection.db[Symbol.dispose]()
    expect(connection.isOpen).toBe(false)
  })
})
