// Until @gsd/session-store is published, its range is answered by the tarballs in vendor/, which
// `npm run pack:local` in the repository's root puts there. Without them the registry answers: once
// it is published, this file can go.
const { existsSync, readdirSync } = require('node:fs')
const { join } = require('node:path')

const PACKAGE = '@gsd/session-store'
const TARBALL = /^gsd-session-store(?<platform>-.+)?\.tgz$/
const vendor = join(__dirname, 'vendor')

/** Package name -> `file:` path, absolute: pnpm resolves a relative one against the dependent. */
const tarballs = Object.fromEntries(
  (existsSync(vendor) ? readdirSync(vendor) : []).flatMap((file) => {
    const match = TARBALL.exec(file)
    return match ? [[PACKAGE + (match.groups.platform ?? ''), `file:${join(vendor, file)}`]] : []
  }),
)

const { [PACKAGE]: main, ...platforms } = tarballs

function readPackage(manifest) {
  if (!main) return manifest
  if (manifest.dependencies?.[PACKAGE]) manifest.dependencies[PACKAGE] = main
  // Exactly the platforms that were packed: one without a tarball cannot be found anywhere yet.
  if (manifest.name === PACKAGE) manifest.optionalDependencies = platforms
  return manifest
}

module.exports = { hooks: { readPackage } }
