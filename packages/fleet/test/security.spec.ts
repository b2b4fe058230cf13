// Who may do what, and who is believed.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import type { PushReport } from '@gsd/session-fleet'
import {
  all,
  differences,
  newCluster,
  newFleet,
  newMachine,
  newShipper,
  query,
  temporaryFolder,
} from './support.js'
import { Server } from './server.mjs'

const { generate } = createRequire(new URL('postgres/package.json', import.meta.url))('selfsigned')

/** A certificate for a name, by itself. */
function certificateFor(ip: string): Promise<{ cert: string; private: string }> {
  const altNames = [{ type: 7, ip }]
  return generate([{ name: 'commonName', value: 'a test' }], {
    extensions: [{ name: 'subjectAltName', altNames }],
  })
}

describe('an encrypted connection', () => {
  test('is made only to a server with the right certificate', async () => {
    const mine = await certificateFor('127.0.0.1')
    const server = await Server.start({}, mine)
    onTestFinished(() => server.stop())
    const to = await newCluster(server.url())
    const machine = newMachine()
    machine.create('one')
    machine.print('one', 10)
    const folder = temporaryFolder()
    const trusted = join(folder, 'trusted.crt')
    const other = join(folder, 'other.crt')
    writeFileSync(trusted, mine.cert)
    writeFileSync(other, (await certificateFor('127.0.0.1')).cert)
    const push = (parameters: string) =>
      newShipper({ file: machine.path, to: `${to}?sslmode=verify-full${parameters}`, patience: 0 })
        .push()
        .then(
          ({ outputs }) => outputs,
          (error: Error & { code?: string }) => error.code,
        )
    expect(await push('')).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/)
    expect(await push(`&sslrootcert=${other}`)).toMatch(
      /SELF_SIGNED|UNABLE_TO_VERIFY|CERT_SIGNATURE/,
    )
    expect(await push(`&sslrootcert=${trusted}`)).toBe(10)
  })
})

/** A role of the server that may connect to a database. */
async function newRole(to: string, name: string, statements: string): Promise<string> {
  const role = `${name}_${new URL(to).pathname.slice(1)}`
  await query(to, `CREATE ROLE ${role} LOGIN PASSWORD 'of the role'`)
  for (const statement of statements.replaceAll('$role', role).split(';\n'))
    await query(to, statement)
  const url = new URL(to)
  url.username = role
  url.password = 'of the role'
  return url.href
}

/** The statements of docs/fleet.md below a heading. */
function statementsOf(heading: string): string {
  const page = readFileSync(new URL('../../../docs/fleet.md', import.meta.url), 'utf8')
  const [, section = ''] = page.split(`### ${heading}\n`)
  const [, sql = ''] = /```sql\n(.*?);?\n```/s.exec(section) ?? []
  return sql
}

describe('the role of a shipper', () => {
  test('sends files of its own, and cannot change what others have sent, nor what it has', async () => {
    const to = await newCluster()
    for (const statement of statementsOf('A team, row by row').split(';\n'))
      await query(to, statement)
    const statements = statementsOf('A shipper')
    const [one, two] = [await newRole(to, 'one', statements), await newRole(to, 'two', statements)]
    const machines = [newMachine(), newMachine()] as const
    const sent: PushReport[] = []
    for (const [at, machine] of machines.entries()) {
      machine.create('one')
      machine.print('one', 3_000)
      const shipper = newShipper({ file: machine.path, to: at === 0 ? one : two, patience: 0 })
      await shipper.push()
      machine.print('one', 100)
      machine.sessions.update('one', { title: 'changed' })
      sent.push(await shipper.push())
    }
    const fleet = newFleet(to)
    expect(await differences(fleet, sent[0]?.store ?? '', machines[0])).toEqual([])
    expect(await differences(fleet, sent[1]?.store ?? '', machines[1])).toEqual([])
    const changed = async (sql: string) => {
      try {
        return (await query(one, `WITH changed AS (${sql} RETURNING 1) SELECT 1 FROM changed`))
          .length
      } catch (error) {
        return (error as { code?: string }).code
      }
    }
    const ofOthers = `store = '${sent[1]?.store}'`
    expect(await changed(`UPDATE gsd_fleet.cursors SET position = 1 WHERE ${ofOthers}`)).toBe(0)
    expect(await changed(`UPDATE gsd_fleet.stores SET changes = 0 WHERE ${ofOthers}`)).toBe(0)
    expect(await changed(`UPDATE gsd_fleet.sessions SET title = '' WHERE ${ofOthers}`)).toBe(0)
    expect(await changed(`UPDATE gsd_fleet.blocks SET block = '' WHERE ${ofOthers}`)).toBe(0)
    expect(await changed('DELETE FROM gsd_fleet.blocks')).toBe('42501')
    // Of its own, the last block alone.
    expect(await changed('UPDATE gsd_fleet.blocks SET bytes = bytes')).toBe(1)
    expect(await changed('UPDATE gsd_fleet.cursors SET position = position')).toBe(1)
    const copied = `SELECT started, '${sent[1]?.store}', session, first + 1, last, outputs, bytes, earliest, latest, block
      FROM gsd_fleet.blocks LIMIT 1`
    const columns = 'started, store, session, first, last, outputs, bytes, earliest, latest, block'
    expect(await changed(`INSERT INTO gsd_fleet.blocks (${columns}) ${copied}`)).toBe('42501')
  })
})

describe('the role of a reader', () => {
  test('reads all, and changes nothing', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    machine.print('one', 300)
    await newShipper({ file: machine.path, to }).push()
    const reader = await newRole(to, 'reader', statementsOf('A reader'))
    const fleet = newFleet(reader)
    expect(await fleet.count()).toBe(1)
    expect(await all(fleet.search('needle'))).not.toEqual([])
    expect((await fleet.status()).stores).toHaveLength(1)
    const wrong = await newShipper({ file: newMachine().path, to: reader, patience: 0 })
      .push()
      .catch((error: { code?: string }) => error.code)
    expect(wrong).toBe('42501')
    expect(inject('server')).not.toBe(reader)
  })
})
