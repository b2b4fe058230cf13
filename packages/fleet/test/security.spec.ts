// Who may do what, and who is believed.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import type { PushReport } from '@gsd/session-fleet'
import {
  all,
  contentOfStore,
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

/** A key as a cloud has it, made for this file. */
const KEY = `AKIA${'Q7XW3ZK2M5P4R6TN'}`

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

describe('redaction before sending', () => {
  /** Whether a text is anywhere in a cluster, as rows and as what readers get. */
  async function isAnywhere(to: string, text: string) {
    const tables = ['stores', 'sessions', 'cursors']
    const rows = await Promise.all(
      tables.map((name) => query(to, `SELECT * FROM gsd_fleet.${name}`)),
    )
    const fleet = newFleet(to)
    const contents = await Promise.all(
      (await fleet.status()).stores.map(async ({ store }) => contentOfStore(fleet, store)),
    )
    const outputs = contents.flatMap((content) => [...content.values()])
    return JSON.stringify([rows, outputs]).includes(text)
  }

  test('leaves no secret in what is sent, and the file as it is', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one', { title: `use ${KEY}`, currentCommand: `login ${KEY}` })
    machine.print('one', 50)
    machine.print('one', 1, () => `the key is ${KEY.slice(0, 7)}`)
    machine.print('one', 1, () => `${KEY.slice(7)} and a word\r\n`)
    const shipper = newShipper({ file: machine.path, to, redact: { literals: ['a word'] } })
    const { store } = await shipper.push()
    machine.sessions.update('one', { status: 'failed', error: `refused: ${KEY}` })
    await shipper.push()
    expect(await isAnywhere(to, KEY)).toBe(false)
    expect(await isAnywhere(to, 'a word')).toBe(false)
    const content = (await contentOfStore(newFleet(to), store)).get('one')
    expect(content.session).toMatchObject({
      title: 'use [REDACTED:aws-access-key]',
      currentCommand: 'login [REDACTED:aws-access-key]',
      error: 'refused: [REDACTED:aws-access-key]',
    })
    expect(content.outputs).toHaveLength(52)
    expect(machine.outputs.text('one')).toContain(`${KEY} and a word`)
    expect(machine.sessions.get('one')?.title).toBe(`use ${KEY}`)
  })

  test('holds back the start of a secret, and sends it once it is known', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    const append = (data: string) =>
      machine.outputs.append({ sessionId: 'one', timestamp: new Date(), type: 'stdout', data })
    append('the key is ')
    append(KEY.slice(0, 9))
    const shipper = newShipper({ file: machine.path, to, redact: true })
    expect(await shipper.push()).toMatchObject({ outputs: 1 })
    append(`${KEY.slice(9)} and more `)
    const { store, outputs } = await shipper.push()
    expect(outputs).toBe(3)
    expect(await isAnywhere(to, KEY.slice(0, 9))).toBe(false)
    append(KEY.slice(0, 9))
    await shipper.push()
    machine.sessions.update('one', { status: 'completed' })
    expect(await shipper.push()).toMatchObject({ outputs: 4 })
    // Another shipper knows the file again, with a chunk whose text it was not told.
    machine.print('one', 10)
    const again = await newShipper({ file: machine.path, to, redact: true }).push()
    expect(again).toMatchObject({ store, outputs: 10 })
  })

  test('that begins in the middle of a block cuts no chunk twice', async () => {
    const to = await newCluster()
    const machine = newMachine()
    machine.create('one')
    const literal = 'x'.repeat(4)
    const text = (at: number) => `${literal} ${at} ${'lorem ipsum '.repeat(40)}\r\n`
    machine.print('one', 170, text)
    await newShipper({ file: machine.path, to }).push()
    const redact = { literals: [literal], marker: '*'.repeat(60) }
    for (let round = 0; round < 5; round++) {
      machine.print('one', 20, text)
      const report = await newShipper({ file: machine.path, to, redact }).push()
      const content = (await contentOfStore(newFleet(to), report.store)).get('one')
      const cursors = content.outputs.map(({ cursor }: { cursor: number }) => cursor)
      expect(cursors).toEqual([...machine.outputs.iterate('one')].map(({ cursor }) => cursor))
    }
  })

  test('is refused with options that are none', async () => {
    const options = { file: newMachine().path, to: await newCluster() }
    expect(() => newShipper({ ...options, redact: 'all' as never })).toThrow(
      'Shipper: options.redact must be a boolean or an object; received "all"',
    )
    const wrong = newShipper({ ...options, redact: { marker: KEY } }).push()
    await expect(wrong).rejects.toThrow('options.redact.marker must be')
  })
})
