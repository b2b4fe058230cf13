// A release without its end: `npm run release:dry`. Checks the versions, stages what would be published from the
// binaries that are there, installs and uses it, and has npm go through publishing it. Neither the tree nor the
// registry changes.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './files.mjs'

const out = mkdtempSync(join(tmpdir(), 'session-store-release-dry-'))
const run = (script, ...args) =>
  execFileSync(process.execPath, [join(root, 'scripts/release', script), ...args], {
    stdio: 'inherit',
  })
try {
  run('check.mjs')
  run('stage.mjs', '--out', out, '--partial', ...process.argv.slice(2))
  run('smoke.mjs', out)
  run('publish.mjs', '--from', out, '--dry-run')
} finally {
  rmSync(out, { recursive: true, force: true })
}
