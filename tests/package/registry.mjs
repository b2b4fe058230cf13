// A registry on this machine for the packed packages, so that they are installed by name, as from npm.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'

/** pnpm wants an integrity of every package, even of those that it will not fetch. */
const OF_NOTHING = `sha512-${createHash('sha512').digest('base64')}`

/**
 * Serves `packages`, each `{ manifest, tarball?, integrity? }`; those without a tarball are for other platforms,
 * and asking for their tarball fails. Gives `{ url, close }`.
 */
export async function startRegistry(packages) {
  const byName = new Map(packages.map((item) => [item.manifest.name, item]))
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url).slice(1)
    const base = `http://${request.headers.host}`
    const named = byName.get(path.replace(/\.tgz$/, ''))
    if (named && !path.endsWith('.tgz')) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(document(named, base)))
    } else if (named?.tarball) {
      response.end(readFileSync(named.tarball))
    } else {
      response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => server.close().closeAllConnections(),
  }
}

/** What a registry says of a package. */
function document({ manifest, integrity = OF_NOTHING }, base) {
  const { name, version } = manifest
  const dist = { tarball: `${base}/${name}.tgz`, integrity }
  const published = { ...manifest, _id: `${name}@${version}`, dist }
  return { name, 'dist-tags': { latest: version }, versions: { [version]: published } }
}
