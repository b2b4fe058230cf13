// Where a cluster is: an address as libpq takes it, the `PG*` variables, and TLS that is verified unless somebody says otherwise.

import { isIP } from 'node:net'
import { Client } from 'pg'
import { FleetError } from './errors.mjs'

const DEFAULT_PORT = 5432

/** What `target_session_attrs` may be here. */
const TARGETS = ['any', 'read-write', 'read-only', 'primary', 'standby']

/** Parameters of an address that are read here; what `pg` knows is left to it. */
const OWN = ['target_session_attrs', 'schema']

const SCHEME = /^postgres(?:ql)?:\/\//

/** The parts of an address: before the hosts, the hosts, behind them. A name and a password have no `@` and no `/` in them. */
const PARTS = /^(postgres(?:ql)?:\/\/)(?:([^@/?]*)@)?([^/?]*)(.*)$/

/** A host, or an address of six bytes in brackets, and a port. */
const HOST = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/

function hostOf(text) {
  const [, host, port] = HOST.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw new FleetError(
      'ERR_OUT_OF_RANGE',
      `the host ${JSON.stringify(text)} of the address is none`,
    )
  }
  return {
    host: decodeURIComponent(host).replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || DEFAULT_PORT),
  }
}

/** Whether a host is this machine: what is sent there passes no network. */
function isLocal(host) {
  return (
    host === '' ||
    host.startsWith('/') ||
    host === 'localhost' ||
    host === '::1' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  )
}

/** The address that is meant: the one that is given, `GSD_FLEET_URL`, or what the `PG*` variables say. */
export function addressOf(given, env = process.env) {
  const url = given ?? (env.GSD_FLEET_URL || undefined)
  if (url === undefined && !env.PGHOST && !env.PGDATABASE && !env.PGSERVICE) {
    throw new FleetError(
      'ERR_NO_CLUSTER',
      'no cluster is named: --to postgres://…, GSD_FLEET_URL, or PGHOST and the other variables of libpq',
    )
  }
  return parse(url ?? 'postgres://', env)
}

function parse(url, env) {
  if (!SCHEME.test(url)) {
    throw new FleetError(
      'ERR_OUT_OF_RANGE',
      'the address of a cluster must begin with postgres:// or postgresql://',
    )
  }
  const [, scheme, user, authority, rest] = PARTS.exec(url) ?? []
  const hosts = (authority || env.PGHOST || 'localhost').split(',').map(hostOf)
  const named = authority
    ? hosts
    : hosts.map(({ host, port }) => ({ host, port: Number(env.PGPORT || port) }))
  const one = new URL(`http://host${rest}`)
  const own = {}
  for (const name of OWN) {
    if (one.searchParams.has(name)) own[name] = one.searchParams.get(name)
    one.searchParams.delete(name)
  }
  const target =
    own.target_session_attrs ??
    env.PGTARGETSESSIONATTRS ??
    (named.length > 1 ? 'read-write' : 'any')
  if (!TARGETS.includes(target)) {
    throw new FleetError(
      'ERR_OUT_OF_RANGE',
      `target_session_attrs must be one of '${TARGETS.join("', '")}'; received ${JSON.stringify(target)}`,
    )
  }
  const says =
    one.searchParams.has('sslmode') || one.searchParams.has('ssl') || Boolean(env.PGSSLMODE)
  const shownUser = user === undefined ? '' : `${user.split(':')[0]}@`
  return {
    hosts: named,
    target,
    schema: own.schema ?? 'gsd_fleet',
    // Never with the password, or what else stands behind the name of the database.
    shown: `${scheme}${shownUser}${named.map(({ host, port }) => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`).join(',')}${one.pathname}`,
    /**
     * A client for one of the hosts, which is not connected yet.
     *
     * @param {{ host: string, port: number }} where
     * @param {{ timeout?: number }} [options] For how long a statement may take, in milliseconds.
     */
    clientOf({ host, port }, { timeout } = {}) {
      const place = `${isIP(host) === 6 ? `[${host}]` : encodeURIComponent(host)}:${port}`
      return new Client({
        connectionString: `${scheme}${user === undefined ? '' : `${user}@`}${place}${one.pathname}${one.search}`,
        // What verifies a certificate is asked for wherever nothing else is said, and something is on the way.
        ...(says ? {} : { ssl: isLocal(host) ? false : { rejectUnauthorized: true } }),
        // A server that has gone without a word is noticed.
        keepAlive: true,
        keepAliveInitialDelayMillis: 10_000,
        query_timeout: timeout,
        connectionTimeoutMillis: 10_000,
        application_name: 'gsd-fleet',
      })
    },
  }
}
