// Two files, as of two machines, in one cluster: each records a command, both are sent, and one search finds lines of both.
//
//   GSD_FLEET_URL=postgres://… node examples/fleet/two-machines.mjs
//
// It makes a schema of its own, and removes it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fleet, Shipper } from '@gsd/session-fleet'
import { record } from '@gsd/session-store'
import { Client } from 'pg'

const { GSD_FLEET_URL, PGHOST, PGDATABASE } = process.env
if (!GSD_FLEET_URL && !PGHOST && !PGDATABASE) {
  console.log(
    '\nWith a PostgreSQL (GSD_FLEET_URL=postgres://…), two files are sent to it here, and one search finds lines of both.',
  )
  process.exit(0)
}

const COMMANDS = {
  'build-1': ['git', '--no-pager', 'log', '--oneline', '--max-count=40'],
  'build-2': ['git', '--no-pager', 'log', '--stat', '--max-count=10'],
}
const WANTED = 'test'
const SHOWN = 6

const address = GSD_FLEET_URL || 'postgres://'
const schema = `gsd_fleet_example_${process.pid}`
const to = `${address}${address.includes('?') ? '&' : '?'}schema=${schema}`
const folder = mkdtempSync(join(tmpdir(), 'gsd-fleet-example-'))
const fleet = new Fleet({ to })

try {
  console.log(`\nTwo machines, one cluster (${fleet.address})\n`)
  const { statements } = await fleet.init()
  console.log(`  ${statements.length} statements made the tables`)
  for (const [id, [command, ...args]] of Object.entries(COMMANDS)) {
    const file = join(folder, `${id}.db`)
    await record(file, { id, command, args, stdin: 'none', stdout: 'none' }).exited
    const shipper = new Shipper({ file, to })
    const { outputs, bytes, sentBytes } = await shipper.push()
    console.log(`  ${id}: ${outputs} chunks, ${bytes} bytes as ${sentBytes}`)
    await shipper.close()
  }
  console.log(`\nLines with “${WANTED}” on both\n`)
  const found = new Map()
  for await (const { sessionId, lineNumber, line } of fleet.search(WANTED)) {
    const lines = found.get(sessionId) ?? []
    if (lines.push(`  ${sessionId}:${lineNumber}: ${line.trim()}`) <= SHOWN / 2)
      console.log(lines.at(-1))
    found.set(sessionId, lines)
  }
  for (const [id, lines] of found) console.log(`  ${id}: ${lines.length} lines`)
} finally {
  await fleet.close()
  const client = new Client({ connectionString: address })
  await client.connect()
  await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  await client.end()
  rmSync(folder, { recursive: true, force: true })
}
