// A process of the torture: opens the file and does its part until it is told to end, or killed.

import { writeSync } from 'node:fs'
import { DatabaseConnection } from '../../../index.js'
import { Journal } from '../lib/journal.mjs'
import { Random } from '../lib/random.mjs'
import { Writer } from './writer.mjs'

const JOURNAL = 3

const job = JSON.parse(process.argv[2])
const { run } = await import(`./${job.role}.mjs`)
const journal = new Journal(JOURNAL)
const random = new Random(job.seed, job.life)

// An error of write-behind ends the process. Otherwise its rows would be reported as lost, and only much later.
const { writeBehind } = job.store ?? {}
if (writeBehind) {
  writeBehind.onError = (error) => {
    throw error
  }
}

const control = { stopping: false }
process.on('SIGTERM', () => (control.stopping = true))

const connection = new DatabaseConnection(job.file, job.options)
const writer = new Writer({ job, connection, journal, random })
writeSync(1, 'ready\n')
await run({ job, connection, journal, random, writer, control })

journal.begin('close')
connection.close()
journal.done()
