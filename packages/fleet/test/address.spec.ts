// Where a cluster is, and how a connection to it is made safe.
import { describe, expect, test } from 'vitest'
import { addressOf } from '../src/address.mjs'

/** What a client of an address would connect with. */
function clientOf(url: string, env: Record<string, string> = {}) {
  const address = addressOf(url, env)
  const [host] = address.hosts
  return address.clientOf(host as { host: string; port: number })
}

describe('an address', () => {
  test('may have several hosts, and then the one that takes writes is meant', () => {
    const { hosts, target } = addressOf('postgres://me@one:6000,two,[::1]:7/fleet', {})
    expect(hosts).toEqual([
      { host: 'one', port: 6000 },
      { host: 'two', port: 5432 },
      { host: '::1', port: 7 },
    ])
    expect(target).toBe('read-write')
    expect(addressOf('postgres://me@one/fleet', {}).target).toBe('any')
  })

  test('is that of the environment where none is given', () => {
    expect(addressOf(undefined, { GSD_FLEET_URL: 'postgres://h/d' }).shown).toBe(
      'postgres://h:5432/d',
    )
    const { hosts } = addressOf(undefined, { PGHOST: 'a,b', PGPORT: '6432' })
    expect(hosts).toEqual([
      { host: 'a', port: 6432 },
      { host: 'b', port: 6432 },
    ])
    expect(() => addressOf(undefined, {})).toThrow('no cluster is named')
  })

  test('is shown without what is secret in it', () => {
    const { shown } = addressOf(
      'postgres://me:hidden%40word@h/d?password=hidden&options=hidden',
      {},
    )
    expect(shown).toBe('postgres://me@h:5432/d')
  })

  test.each([
    'mysql://h/d',
    'h',
    'postgres://h:99999/d',
    'postgres://h/d?target_session_attrs=best',
  ])('%s is refused', (url) => {
    expect(() => addressOf(url, {})).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
  })
})

describe('encryption', () => {
  test.each([
    'postgres://db.example.com/d',
    'postgres://10.0.0.7/d',
    'postgres://me@[2001:db8::1]/d',
  ])('is on and verified for %s', (url) => {
    expect(clientOf(url).connection).toMatchObject({ ssl: { rejectUnauthorized: true } })
  })

  test.each([
    'postgres://localhost/d',
    'postgres://127.0.0.1/d',
    'postgres://[::1]/d',
    'postgres://%2Frun/d',
  ])('is not needed for %s', (url) => {
    expect(clientOf(url).connection).toMatchObject({ ssl: false })
  })

  test('is what the address or the environment says, where it says something', () => {
    expect(clientOf('postgres://db.example.com/d?sslmode=disable').connection).toMatchObject({
      ssl: false,
    })
    expect(clientOf('postgres://localhost/d?sslmode=verify-full').connection).not.toMatchObject({
      ssl: false,
    })
    expect(clientOf('postgres://db.example.com/d?sslmode=no-verify').connection).toMatchObject({
      ssl: { rejectUnauthorized: false },
    })
  })
})
