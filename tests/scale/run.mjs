// Checks at scale: reading, searching, exporting and pruning must be right, with limited memory, on large files.
//
//   npm run scale -- --help
//
// Three parts, each with a file of its own: a million rows, a session of two gigabytes, a hundred thousand sessions.
// Every row follows from its number, so that everything that is read is compared with what was stored, row by row.

import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseConnection, OutputStore, SessionStore } from '../../index.js'
import { bytes } from './lib/bytes.mjs'
import { Checks } from './lib/checks.mjs'
import { readOptions } from './lib/options.mjs'
import { rows } from './lib/rows.mjs'
import { sessions } from './lib/sessions.mjs'

/** Each part with the free space that it takes, in bytes. */
const PARTS = {
  rows: { run: rows, space: 1e9 },
  bytes: { run: bytes, space: 6e9 },
  sessions: { run: sessions, space: 0.5e9 },
}

const { only, scale, dir } = readOptions(Object.keys(PARTS))
const checks = new Checks()
const skipped = []

/** Runs one part in a folder of its own, which is removed afterwards. */
async function runPart(name) {
  const { run, space } = PARTS[name]
  const { bavail, bsize } = statfsSync(dir)
  if (bavail * bsize < space * scale) {
    console.log(`\n${name}: skipped, for ${dir} has less than ${(space * scale) / 1e9} GB free`)
    skipped.push(name)
    return
  }
  console.log(`\n${name}`)
  const folder = mkdtempSync(join(dir, `session-store-scale-${name}-`))
  const connection = new DatabaseConnection(join(folder, 'sessions.db'))
  const stores = {
    connection,
    sessions: new SessionStore(connection),
    outputs: new OutputStore(connection),
  }
  try {
    await run({ ...stores, folder, scale, check: checks.run.bind(checks) })
  } finally {
    connection.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  for (const name of only) await runPart(name)
  const but = skipped.length > 0 ? ` Skipped: ${skipped.join(', ')}.` : ''
  console.log(`\nEverything was there, once, and ${checks.summary()}.${but}`)
} catch (error) {
  console.error(`\nFAILED: ${error.stack}`)
  process.exitCode = 1
}
