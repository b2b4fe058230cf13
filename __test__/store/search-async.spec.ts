// A search off the event loop: the matches of `search()`, as they are found.
import { describe, expect, test } from 'vitest'
import {
  DatabaseConnection,
  OutputStore,
  type SearchAsyncOptions,
  type SearchMatch,
} from '../../index.js'
import {
  at,
  openStores,
  outOfRange,
  rejectionOf,
  failureOf,
  sampleOutput,
  sampleSession,
  wrongType,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

/** Sessions that print at the same time, of which some are sealed. */
async function fill({ connection, sessions, outputs }: Stores): Promise<void> {
  const ids = ['one', 'two', 'three', 'four']
  for (const id of ids) sessions.create(sampleSession({ id, status: 'completed' }))
  for (let step = 0; step < 2_000; step++) {
    const sessionId = ids[step % ids.length] ?? ''
    const data = `${step} \u001b[3${step % 8}mbuild\u001b[0m module-${step % 97}${step % 3 === 0 ? '\r\n' : ' '}`
    outputs.append(sampleOutput({ sessionId, timestamp: at(step), data }))
  }
  await connection.seal({ sessionIds: ['one', 'three'] })
}

async function found(
  outputs: OutputStore,
  pattern: string,
  options?: SearchAsyncOptions,
): Promise<SearchMatch[]> {
  const all = []
  for await (const match of outputs.searchAsync(pattern, options)) all.push(match)
  return all
}

const byPlace = (all: SearchMatch[]) =>
  [...all].sort((a, b) => a.sessionId.localeCompare(b.sessionId) || a.lineNumber - b.lineNumber)

describe('a search on threads', () => {
  test.each<[string, string, SearchAsyncOptions]>([
    ['a text', 'module-5', {}],
    ['a text in its case, with context', 'build module-13', { caseSensitive: true, context: 2 }],
    ['a regular expression', String.raw`1\d+ build`, { regex: true }],
    ['one session', 'module', { sessionId: 'three' }],
    ['a time', 'module', { since: at(500), until: at(900) }],
    ['something absent', 'nothing of the kind', {}],
    ['a text too short for filters', '7', {}],
  ])('finds what a search finds: %s', async (_, pattern, options) => {
    const stores = openStores()
    await fill(stores)
    const { matches } = stores.outputs.search(pattern, { ...options, limit: 10_000 })
    expect(byPlace(await found(stores.outputs, pattern, options))).toEqual(byPlace(matches))
  })

  test('gives the lines of a session in their order, and sessions as they began', async () => {
    const stores = openStores()
    await fill(stores)
    const all = await found(stores.outputs, 'build')
    expect([...new Set(all.map(({ sessionId }) => sessionId))]).toEqual([
      'one',
      'two',
      'three',
      'four',
    ])
    const numbers = all
      .filter(({ sessionId }) => sessionId === 'two')
      .map((match) => match.lineNumber)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  })

  test('gives no more matches than its limit', async () => {
    const stores = openStores()
    await fill(stores)
    const all = await found(stores.outputs, 'build')
    expect(await found(stores.outputs, 'build', { limit: 7 })).toEqual(all.slice(0, 7))
  })

  test('gives every match of one long chunk', async () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: 'hit\n'.repeat(5_000) }))
    expect(await found(outputs, 'hit')).toHaveLength(5_000)
  })

  test('ends when its reader leaves, and the connection can be closed', async () => {
    const stores = openStores()
    await fill(stores)
    const first = []
    for await (const { line } of stores.outputs.searchAsync('build')) {
      first.push(line)
      break
    }
    expect(first).toHaveLength(1)
    stores.connection.close()
  })

  test('throws the reason of an abort, at once or in the middle', async () => {
    const stores = openStores()
    await fill(stores)
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(stores.outputs.searchAsync('build', { signal }).next()).rejects.toBe(reason)
    const controller = new AbortController()
    const matches = stores.outputs.searchAsync('build', { signal: controller.signal })
    expect(await matches.next()).toMatchObject({ done: false })
    controller.abort(reason)
    await expect(matches.next()).rejects.toBe(reason)
    expect(await matches.next()).toEqual({ done: true, value: undefined })
  })

  test('is ended by `return()`, also while it waits', async () => {
    const stores = openStores()
    await fill(stores)
    const matches = stores.outputs.searchAsync('nothing of the kind')
    const waiting = matches.next()
    expect(await matches.return()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
  })

  test('says so when the connection was closed', async () => {
    const stores = openStores()
    await fill(stores)
    const matches = stores.outputs.searchAsync('build')
    await matches.next()
    stores.connection.close()
    const rest = async () => {
      for await (const match of matches) expect(match.line).toContain('build')
    }
    expect(await rejectionOf(rest())).toMatchObject({ code: 'ERR_INVALID_STATE' })
  })

  test('sees what is queued, and not what an open transaction has not committed', async () => {
    const { connection } = openStores()
    const outputs = new OutputStore(connection, { writeBehind: true })
    outputs.append(sampleOutput({ data: 'queued line\n' }))
    expect(await found(outputs, 'line')).toHaveLength(1)
    connection.db.exec('BEGIN')
    outputs.append(sampleOutput({ data: 'second line\n' }))
    expect(await found(outputs, 'line')).toHaveLength(1)
    connection.db.exec('COMMIT')
    expect(await found(outputs, 'line')).toHaveLength(2)
  })

  test('finds the same in a database in memory, and lets others have the event loop', async () => {
    const outputs = new OutputStore(new DatabaseConnection(':memory:'))
    outputs.append(sampleOutput({ data: 'hit\nmiss\n'.repeat(500) }))
    let turns = 0
    const count = setInterval(() => turns++, 0)
    expect(await found(outputs, 'hit')).toHaveLength(500)
    expect(await found(outputs, 'hit', { limit: 3 })).toHaveLength(3)
    clearInterval(count)
    expect(turns).toBeGreaterThan(0)
  })
})

test('a wrong argument is told at once', () => {
  const { outputs } = openStores()
  const call = (pattern: unknown, options?: unknown) => () =>
    outputs.searchAsync(pattern as string, options as SearchAsyncOptions)
  expect(failureOf(call(7))).toEqual(wrongType('pattern', '7'))
  expect(failureOf(call('(', { regex: true }))).toEqual(outOfRange('pattern', '"("'))
  expect(failureOf(call('x', { limit: 0 }))).toEqual(outOfRange('options.limit', '0'))
  expect(failureOf(call('x', { signal: 1 }))).toEqual(wrongType('options.signal', '1'))
})
