// The statements are those that every cluster takes, as far as its documentation tells: no such cluster is asked here.
import { expect, onTestFinished, test } from 'vitest'
import { Fleet } from '@gsd/session-fleet'
import {
  all,
  differences,
  emptyDatabase,
  newFleet,
  newMachine,
  newShipper,
  query,
  START,
  temporaryFolder,
} from './support.js'
import { newProxy } from './proxy.js'
import { join } from 'node:path'

/** What some cluster refuses, by its name. */
const REFUSED: [string, RegExp][] = [
  ['COPY', /^\s*COPY\b/i],
  ['a trigger', /\bTRIGGER\b/i],
  ['an extension', /CREATE\s+EXTENSION/i],
  ['an advisory lock', /pg_(try_)?advisory/i],
  ['a volatile function where something is changed', /^\s*(INSERT|UPDATE|DELETE)\b.*\bnextval/is],
  ['INSERT of a SELECT without a table of its own', /^\s*INSERT\b(?!.*\bVALUES\b)/is],
  ['a change inside WITH', /\bWITH\b[^;]*\b(DELETE|UPDATE|INSERT)\b/is],
  ['a subquery beside OR', /\bOR\s+(NOT\s+)?EXISTS\b/i],
  ['an outer join', /\b(LEFT|RIGHT|FULL)\s+(OUTER\s+)?JOIN\b/i],
  ['a lock of rows', /\bFOR\s+(UPDATE|SHARE)\b/i],
  ['a change by a subquery', /^\s*(UPDATE|DELETE)\b.*\bSELECT\b/is],
  ['LIMIT where something is changed', /^\s*(UPDATE|DELETE)\b.*\bLIMIT\b/is],
]

/** Does everything that the package does with a cluster. Returns the statements. */
async function everything() {
  const proxy = await newProxy(await emptyDatabase())
  const fleet = new Fleet({ to: proxy.url })
  onTestFinished(() => fleet.close())
  await fleet.init()
  const machine = newMachine()
  machine.create('one', { columns: 80, rows: 24 })
  machine.create('two', { startedAt: new Date(0) })
  machine.print('one', 3_000)
  machine.print('two', 10)
  const shipper = newShipper({ file: machine.path, to: proxy.url, removals: 'follow' })
  await shipper.push()
  const path = join(temporaryFolder(), 'copy.db')
  await machine.connection.backup(path)
  machine.sessions.resize('one', { columns: 100, rows: 30 })
  machine.print('one', 10)
  machine.sessions.update('one', { status: 'completed' })
  machine.sessions.delete('two')
  const { store } = await shipper.push()
  // Another file in the place of this one.
  await newShipper({ file: path, to: proxy.url }).push()
  const other = newMachine(path)
  other.print('one', 10)
  await newShipper({ file: path, to: proxy.url }).push()
  const [first] = await fleet.list({ limit: 1 })
  await fleet.list({
    host: first?.host,
    store,
    status: ['running', 'completed'],
    workingDir: '/srv',
    command: 'x',
    since: new Date(0),
    until: new Date(),
    id: 'one',
    prefix: 'o',
    removed: false,
    before: first,
  })
  await fleet.count()
  await all(fleet.search('needle', { host: first?.host, since: new Date(0), context: 2 }))
  await all(fleet.search('need[l]e-\\d', { regex: true, store, sessionId: 'one' }))
  await all(fleet.follow({ id: 'one', store }))
  ;(await fleet.open({ id: 'one', store })).close()
  await fleet.status()
  await fleet.prune({ olderThan: new Date(START - 40 * 86_400_000) })
  return [...proxy.statements]
}

test('no statement has what some cluster refuses', async () => {
  const statements = await everything()
  expect(statements.length).toBeGreaterThan(60)
  const found = REFUSED.flatMap(([name, pattern]) =>
    statements.filter((sql) => pattern.test(sql)).map((sql) => [name, sql]),
  )
  expect(found).toEqual([])
})

test('sessions of months without a partition are there, and move into one that is made', async () => {
  const to = await emptyDatabase()
  const fleet = newFleet(to)
  await fleet.init()
  await query(to, 'DROP TABLE gsd_fleet.sessions_2026_10')
  await query(to, 'DROP TABLE gsd_fleet.blocks_2026_10')
  const machine = newMachine()
  machine.create('one')
  machine.create('old', { startedAt: new Date('2001-01-01T00:00:00.000Z') })
  machine.print('one', 3_000)
  machine.print('old', 30)
  const shipper = newShipper({ file: machine.path, to })
  const { store } = await shipper.push()
  const count = async (table: string) =>
    (await query(to, `SELECT 1 FROM gsd_fleet.${table}`)).length
  expect(await count('sessions_other')).toBe(2)
  await fleet.init()
  expect([await count('sessions_other'), await count('sessions_2026_10')]).toEqual([1, 1])
  expect([await count('blocks_other'), await count('blocks_2026_10')]).toEqual([1, 2])
  machine.print('one', 30)
  await shipper.push()
  expect(await differences(fleet, store, machine)).toEqual([])
})
