// The version and the settings of a peer, as its own connection reports them.

const PRAGMAS = [
  'journal_mode',
  'synchronous',
  'cache_size',
  'foreign_keys',
  'busy_timeout',
  'temp_store',
  'wal_autocheckpoint',
  'page_size',
  'mmap_size',
  'auto_vacuum',
]

/** Settings that may differ, because the difference is the library's own idea. */
export const MAY_DIFFER = ['wal_autocheckpoint', 'auto_vacuum']

/** What SQLite was compiled with, such as `gcc-12.2.0`. */
function compilerOf(db) {
  const options = db.prepare('PRAGMA compile_options').all()
  return options.map((row) => /^COMPILER=(.*)/.exec(Object.values(row)[0])?.[1]).find(Boolean)
}

/** Version, pragmas and schema of a peer. */
export function settings(peer, file) {
  const stores = peer.open(file)
  const { db } = stores
  // libsql adds a column of its own behind the one that was asked for.
  const value = (sql) => Object.values(db.prepare(sql).get() ?? {})[0] ?? null
  const result = {
    version: peer.version,
    sqlite: value('SELECT sqlite_version()'),
    compiler: compilerOf(db),
    binary: peer.binary,
    excuse: peer.excuse,
    hasWriteBehind: peer.hasWriteBehind ?? false,
    pragmas: Object.fromEntries(PRAGMAS.map((name) => [name, value(`PRAGMA ${name}`)])),
    schema: db
      .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
      .all()
      .map(({ name, sql }) => `${name}: ${sql?.replaceAll(/\s+/g, ' ')}`),
    node: process.version,
  }
  stores.close()
  return result
}
