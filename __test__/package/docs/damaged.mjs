// A database whose first page is gone, as ./damaged.db.
import { closeSync, openSync, writeSync } from 'node:fs'
await import('./stores.mjs')

const { connection } = globalThis
await connection.backup('./damaged.db')
const file = openSync('./damaged.db', 'r+')
writeSync(file, Buffer.alloc(4096), 0, 4096, 0)
closeSync(file)
connection.close()
