// An open database as in stores.mjs, with a table of the project's own.
const { connection } = await import('./stores.mjs').then(() => globalThis)
connection.db.exec('CREATE TABLE notes (session_id TEXT, text TEXT)')
