// Runs every form on one of the two libraries: `node run.mjs <library> <template> <settings>`. Works in
// the folder that it is started in, and writes a line of JSON per form, so that a form that ends the
// process can be identified.
import { appendFileSync, copyFileSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { forms } from './forms.mjs'
import { outcomeOf, takeMisuses } from './normalise.mjs'

const require = createRequire(import.meta.url)

const [library, template, settings] = process.argv.slice(2)

const openers = {
  'better-sqlite3': (file, options) => {
    const Database = require('better-sqlite3')
    const db = new Database(file, options)
    // The settings that this package opens every database with.
    const values = JSON.parse(readFileSync(settings, 'utf8'))
    for (const [name, value] of Object.entries(values)) db.pragma(`${name} = ${value}`)
    if (options?.timeout !== undefined) db.pragma(`busy_timeout = ${options.timeout}`)
    return db
  },
  'session-store': (file, options) => {
    const { DatabaseConnection } = require('../../../index.js')
    return new DatabaseConnection(file, options).db
  },
}

const open = openers[library]

for (const [index, { name, run }] of forms.entries()) {
  const file = resolve(`${index}.db`)
  copyFileSync(template, file)
  const db = open(file)
  const tools = {
    openMemory: () => open(':memory:'),
    openAgain: (options) => open(file, options),
  }
  const outcome = outcomeOf(() => run(db, tools))
  appendFileSync('results.jsonl', `${JSON.stringify({ name, outcome, misuses: takeMisuses() })}\n`)
  // A form may leave an iterator open, and a database that is iterated does not close.
  outcomeOf(() => db.close())
  if (!db.open) rmSync(file)
}
