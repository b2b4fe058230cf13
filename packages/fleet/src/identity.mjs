// Which file this is: a UUID in the file, and where the file stood when it was last sent from.
//
// A copy has the UUID of the original, and stands elsewhere. A backup that was copied over the original stands where that stood, but
// what it holds is not what was sent. Either gets a UUID of its own before anything is sent, so that what two files hold is never mixed.

import { randomUUID } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { DatabaseConnection } from '@gsd/session-store'

const TABLE = 'gsd_fleet_store'

/** What a system calls itself, and keeps over restarts. */
function machineId() {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(file, 'utf8').trim()
      if (id !== '') return id
    } catch {
      // Other systems have none.
    }
  }
  return hostname()
}

/** Where a file stands. */
export function placeOf(path) {
  const { dev, ino, birthtimeNs, ctimeNs } = statSync(path, { bigint: true })
  // A file system that knows no birth may give another moment for it. A new file can have the number of one that was removed.
  const birth = birthtimeNs > 0n && birthtimeNs !== ctimeNs ? String(birthtimeNs) : ''
  return { machine: machineId(), device: String(dev), inode: `${ino}.${birth}` }
}

/** Whether two places are the same. A birth that is not known is that of any. */
export function isSamePlace(one, other) {
  const [[inode, birth], [otherInode, otherBirth]] = [one, other].map((place) =>
    place.inode.split('.'),
  )
  return (
    one.machine === other.machine &&
    one.device === other.device &&
    inode === otherInode &&
    (birth === otherBirth || birth === '' || otherBirth === '')
  )
}

/** The UUID in a file; undefined in one that was never sent. */
export function storeOf(connection) {
  const { db } = connection
  const isThere = db
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
    .pluck()
  if (isThere.get(TABLE) === undefined) return undefined
  return db.prepare(`SELECT store FROM ${TABLE}`).pluck().get()
}

/** Gives a file a UUID in the place of one, or of none, unless somebody else has done so. Returns the one that it has. */
export function giveStore(path, before) {
  const connection = new DatabaseConnection(path, { fileMustExist: true })
  try {
    const { db } = connection
    return db
      .transaction(() => {
        db.exec(`CREATE TABLE IF NOT EXISTS ${TABLE} (store TEXT NOT NULL)`)
        const now = storeOf(connection)
        if (now !== before) return now
        const store = randomUUID()
        if (now === undefined) db.prepare(`INSERT INTO ${TABLE} (store) VALUES (?)`).run(store)
        else db.prepare(`UPDATE ${TABLE} SET store = ?`).run(store)
        return store
      })
      .immediate()
  } finally {
    connection.close()
  }
}

/**
 * Says to a cluster which file will be sent: gives its row of `stores`. A file that is a copy of one that the cluster knows gets a new
 * UUID first. `isCopied` tells whether what was sent is something else than what the file holds.
 */
export async function register(cluster, path, connection, { isCopied }) {
  const place = placeOf(path)
  let copiedFrom
  let store = storeOf(connection) ?? giveStore(path, undefined)
  for (;;) {
    const row = await rowOf(cluster, store, { path, place, copiedFrom })
    const is = isSamePlace(place, row)
    if (is && !(await isCopied(row))) return { ...row, copiedFrom }
    if (is) {
      // Whoever still sends as this store is told by its epoch.
      await cluster.query(
        `UPDATE ${cluster.schema}.stores SET epoch = $3 WHERE store = $1 AND epoch = $2`,
        [store, row.epoch, await nextEpoch(cluster)],
      )
    }
    copiedFrom = store
    store = giveStore(path, store)
  }
}

/** A new epoch. */
async function nextEpoch(cluster) {
  const sequence = `${cluster.schema}.epochs`.replaceAll("'", "''")
  const [{ epoch }] = await cluster.query(`SELECT nextval('${sequence}') AS epoch`)
  return epoch
}

/** The row of a store, which is made where there is none. */
async function rowOf(cluster, store, { path, place, copiedFrom }) {
  const { schema } = cluster
  const find = () => cluster.query(`SELECT * FROM ${schema}.stores WHERE store = $1`, [store])
  const [found] = await find()
  if (found !== undefined) return found
  const { machine, device, inode } = place
  const epoch = await nextEpoch(cluster)
  await cluster.query(
    `INSERT INTO ${schema}.stores (store, epoch, host, path, machine, device, inode, copied_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (store) DO NOTHING`,
    [store, epoch, hostname(), path, machine, device, inode, copiedFrom ?? null],
  )
  const [made] = await find()
  return made
}
