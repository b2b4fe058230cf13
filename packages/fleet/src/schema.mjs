// The tables of a cluster: how they are made, and what they are like where.

import { FleetError } from './errors.mjs'

/** @import { FleetStatus } from '../index.js' */
/** @import { Cluster } from './cluster.mjs' */

/** The version of the tables. A reader or a shipper refuses what it does not know. */
export const VERSION = 1

/** Months that have partitions of their own before this one and behind it. */
const BEFORE = 12
const AHEAD = 24

/** The tables that are partitioned by the start of a session. */
const PARTITIONED = ['sessions', 'blocks']

/**
 * What kind of cluster answers, by what it says of itself.
 *
 * @param {Cluster} cluster
 * @returns {Promise<FleetStatus['kind']>}
 */
export async function kindOf(cluster) {
  const [{ version }] = await cluster.query('SELECT version() AS version')
  if (version.includes('CockroachDB')) return 'cockroachdb'
  if (version.includes('-YB-')) return 'yugabytedb'
  const [citus] = await cluster.query("SELECT 1 AS found FROM pg_extension WHERE extname = 'citus'")
  return citus ? 'citus' : 'postgresql'
}

/** A month as a number, from a date. */
const monthOf = (date) => date.getUTCFullYear() * 12 + date.getUTCMonth()

/** The first moment of a month, and its name. */
const startOf = (month) => new Date(Date.UTC(Math.floor(month / 12), month % 12)).toISOString()
const nameOf = (month) => startOf(month).slice(0, 7).replace('-', '_')

/** The settings of a partition of blocks: what is searched first, the filters, stands in the rows, and the blocks beside them. */
const WITH = { sessions: '', blocks: ' WITH (toast_tuple_target = 8160)' }

/** The statements that make the tables that every cluster has; `isThere` tells which it has already. */
function tables(schema, kind, isThere) {
  const isSharded = kind === 'cockroachdb'
  // Where rows are spread by their keys, a key that begins with a moment would have one place written to.
  const byHash = isSharded ? ' USING HASH' : ''
  const partitioned = isSharded ? '' : ' PARTITION BY RANGE (started)'
  return [
    `CREATE SCHEMA IF NOT EXISTS ${schema}`,
    `CREATE TABLE IF NOT EXISTS ${schema}.settings (
  name text PRIMARY KEY,
  value text NOT NULL
)`,
    `CREATE SEQUENCE IF NOT EXISTS ${schema}.epochs`,
    `CREATE TABLE IF NOT EXISTS ${schema}.stores (
  store uuid PRIMARY KEY,
  epoch bigint NOT NULL,
  role text NOT NULL DEFAULT current_user,
  host text NOT NULL,
  path text NOT NULL,
  machine text NOT NULL,
  device text NOT NULL,
  inode text NOT NULL,
  copied_from uuid,
  changes bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  pushed_at timestamptz
)`,
    `CREATE TABLE IF NOT EXISTS ${schema}.sessions (
  started timestamptz NOT NULL,
  store uuid NOT NULL,
  session text NOT NULL,
  changed bigint NOT NULL,
  status text NOT NULL,
  ended timestamptz,
  working_dir text NOT NULL,
  command text,
  title text,
  details text NOT NULL,
  stale bigint NOT NULL DEFAULT 0,
  removed timestamptz,
  PRIMARY KEY (started, store, session)${byHash}
)${partitioned}`,
    `CREATE TABLE IF NOT EXISTS ${schema}.blocks (
  started timestamptz NOT NULL,
  store uuid NOT NULL,
  session text NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  outputs bigint NOT NULL,
  bytes bigint NOT NULL,
  earliest timestamptz NOT NULL,
  latest timestamptz NOT NULL,
  lines bigint,
  filter bytea,
  state bytea,
  block bytea NOT NULL,
  PRIMARY KEY (started, store, session, first)${byHash}
)${partitioned}`,
    `CREATE TABLE IF NOT EXISTS ${schema}.cursors (
  store uuid NOT NULL,
  session text NOT NULL,
  started timestamptz NOT NULL,
  position bigint NOT NULL,
  before bigint NOT NULL,
  epoch bigint NOT NULL,
  mark text NOT NULL,
  PRIMARY KEY (store, session)
)`,
    `CREATE INDEX IF NOT EXISTS sessions_by_session ON ${schema}.sessions (store, session)`,
    `CREATE INDEX IF NOT EXISTS blocks_by_session ON ${schema}.blocks (store, session, last)`,
    ...((kind === 'postgresql' || kind === 'citus') && !isThere.has('blocks')
      ? ['block', 'filter', 'state'].map(
          (column) => `ALTER TABLE ${schema}.blocks ALTER COLUMN ${column} SET STORAGE EXTERNAL`,
        )
      : []),
  ]
}

/** The statements that spread the tables of Citus: what belongs to a session stands on one node. Each once. */
async function distribution(cluster) {
  const of = (table) => `'${cluster.schema.replaceAll("'", "''")}.${table}'`
  const statements = {
    settings: `SELECT create_reference_table(${of('settings')})`,
    stores: `SELECT create_reference_table(${of('stores')})`,
    cursors: `SELECT create_distributed_table(${of('cursors')}, 'session')`,
  }
  for (const table of PARTITIONED) {
    statements[table] =
      `SELECT create_distributed_table(${of(table)}, 'session', colocate_with => ${of('cursors')})`
  }
  const left = []
  for (const [table, sql] of Object.entries(statements)) {
    const [found] = await cluster.query(
      `SELECT 1 AS found FROM pg_dist_partition WHERE logicalrel = to_regclass(${of(table)})`,
    )
    if (!found) left.push(sql)
  }
  return left
}

/** The tables that there are. */
async function tablesOf(cluster) {
  const { schemaName } = cluster
  const rows = await cluster.query(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1',
    [schemaName],
  )
  return rows.map(({ name }) => name)
}

/** The partitions that there should be: each month around now, and one for all other moments. */
function partitions({ schema }, kind, now, isThere) {
  const options = (table) => (kind === 'postgresql' || kind === 'citus' ? WITH[table] : '')
  const statements = []
  for (const table of PARTITIONED) {
    const parent = `${schema}.${table}`
    const others = `${table}_other`
    if (!isThere.has(others)) {
      statements.push(
        `CREATE TABLE IF NOT EXISTS ${schema}.${others} PARTITION OF ${parent} DEFAULT${options(table)}`,
      )
    }
    for (let month = monthOf(now) - BEFORE; month <= monthOf(now) + AHEAD; month++) {
      const name = `${table}_${nameOf(month)}`
      if (isThere.has(name)) continue
      const [from, to] = [startOf(month), startOf(month + 1)]
      const range = `FOR VALUES FROM ('${from}') TO ('${to}')`
      if (isThere.has(others)) {
        // What came for this month already moves, and nothing comes meanwhile.
        const moved = `${schema}.${others} WHERE started >= '${from}' AND started < '${to}'`
        statements.push(
          `CREATE TABLE ${schema}.${name} (LIKE ${parent} INCLUDING ALL)${options(table)};
LOCK TABLE ${schema}.${others} IN EXCLUSIVE MODE;
INSERT INTO ${schema}.${name} SELECT * FROM ${moved};
DELETE FROM ${moved};
ALTER TABLE ${parent} ATTACH PARTITION ${schema}.${name} ${range}`,
        )
      } else {
        statements.push(
          `CREATE TABLE IF NOT EXISTS ${schema}.${name} PARTITION OF ${parent} ${range}${options(table)}`,
        )
      }
    }
  }
  return statements
}

/** The partitions of months, the oldest first: their names, and from which moment to which one. CockroachDB has none. */
export async function partitionsOf(cluster) {
  const names = await tablesOf(cluster)
  const found = names.flatMap((name) => {
    const [, table, year, month] = /^(sessions|blocks)_(\d{4})_(\d\d)$/.exec(name) ?? []
    if (table === undefined) return []
    const at = Number(year) * 12 + Number(month) - 1
    return [{ name, from: new Date(startOf(at)), to: new Date(startOf(at + 1)) }]
  })
  return found.sort((one, other) => one.from - other.from || (one.name < other.name ? -1 : 1))
}

/** The start of the month of a moment: what started before is in whole partitions. */
export const boundaryOf = (moment) => new Date(startOf(monthOf(moment)))

/** What is left to do until a cluster has all that it should have: statements in their order. */
export async function plan(cluster, now = new Date()) {
  const kind = await kindOf(cluster)
  const version = await versionOf(cluster)
  if (version > VERSION) throw newer(cluster, version)
  const { schema } = cluster
  const isThere = new Set(await tablesOf(cluster))
  const statements = version === undefined ? tables(schema, kind, isThere) : []
  if (kind === 'citus') statements.push(...(await distribution(cluster)))
  if (kind !== 'cockroachdb') statements.push(...partitions(cluster, kind, now, isThere))
  if (version === undefined) {
    statements.push(
      `INSERT INTO ${schema}.settings (name, value) VALUES ('version', '${VERSION}') ON CONFLICT DO NOTHING`,
    )
  }
  return { kind, version, statements }
}

/**
 * Runs the statements of a plan, one after the other. Each of them may be run again.
 *
 * @param {(sql: string) => void} [onStatement] Called before each of them.
 */
export async function run(cluster, { kind, statements }, onStatement = () => {}) {
  for (const sql of statements) {
    onStatement(sql)
    // CockroachDB takes one change of the schema in a transaction.
    if (kind === 'cockroachdb') await cluster.use((client) => client.query(sql))
    else await cluster.transaction((client) => client.query(sql))
  }
}

/** The version of the tables of a cluster; undefined without any. */
export async function versionOf(cluster) {
  try {
    const [found] = await cluster.query(
      `SELECT value FROM ${cluster.schema}.settings WHERE name = 'version'`,
    )
    return found && Number(found.value)
  } catch (error) {
    // There is no such schema, or no such table.
    if (['3F000', '42P01'].includes(error.code)) return undefined
    throw error
  }
}

const newer = ({ shown }, version) =>
  new FleetError(
    'ERR_NEWER',
    `${shown} has tables of version ${version}, and this is for ${VERSION}: a newer @gsd/session-fleet is needed`,
  )

/** The settings of a cluster whose tables are as they should be. */
export async function settingsOf(cluster) {
  const version = await versionOf(cluster)
  if (version === undefined) {
    throw new FleetError(
      'ERR_NO_TABLES',
      `${cluster.shown} has no tables for sessions yet: gsd-fleet init makes them`,
    )
  }
  if (version > VERSION) throw newer(cluster, version)
  const rows = await cluster.query(`SELECT name, value FROM ${cluster.schema}.settings`)
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}
