// A release that publishes nothing: `npm run release:dry`. Checks the versions, stages the packages with the binaries
// that are there, installs and uses them, and runs npm publish as a dry run. Neither the tree nor the registry changes.

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
