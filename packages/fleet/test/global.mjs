// One server for all specs. Each of them has databases of its own in it.

import { Server } from './server.mjs'

export default async function start({ provide }) {
  const server = await Server.start({ max_connections: 200 })
  provide('server', server.url())
  return () => server.stop()
}
