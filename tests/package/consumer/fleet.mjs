// The fleet as far as it goes without a server: both classes, the thread that sends, and what is said of a server that is not there.
import assert from 'node:assert'
import { Fleet, FleetError, Shipper } from '@gsd/session-fleet'
import { DatabaseConnection, SessionStore } from '@gsd/session-store'

const to = 'postgres://nobody:hidden@127.0.0.1:1/fleet'
const refused = (error) =>
  error instanceof FleetError && error.code === 'ECONNREFUSED' && !error.message.includes('hidden')

const connection = new DatabaseConnection('fleet.db')
new SessionStore(connection).create({
  id: 's-1',
  slot: 1,
  status: 'running',
  workingDir: '/',
  startedAt: new Date(),
})

const fleet = new Fleet({ to, patience: 0 })
await assert.rejects(fleet.list(), refused)
await fleet.close()

const shipper = new Shipper({ file: 'fleet.db', to, patience: 0 })
await assert.rejects(shipper.push(), refused)
await shipper.close()
connection.close()
console.log('done')
