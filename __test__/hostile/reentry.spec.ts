// Calls in the middle of calls: in getters of arguments, in functions of transactions, in loops over rows.
import { describe, expect, test } from 'vitest'
import { DatabaseConnection, OutputStore } from '../../index.js'
import { isDocumented, open, thrownBy, works, type Opened } from './support.js'
import { Own } from './values.js'
import { at, sampleOutput, sampleSession } from '../support/support.js'

/** Calls that run `act` somewhere in the middle, such as in a getter. */
const SITES: Record<string, (all: Opened, act: () => void) => unknown> = {
  ...perField('create', { ...sampleSession({ id: 's-2', endedAt: at(2), pid: 1 }) }, (all, it) =>
    all.sessions.create(it),
  ),
  ...perField('update', { status: 'failed', currentCommand: 'x', endedAt: at(2) }, (all, it) =>
    all.sessions.update('s-1', it),
  ),
  ...perField('append', { ...sampleOutput({ data: 'appended' }) }, (all, it) =>
    all.outputs.append(it),
  ),
  ...perField('appendMany', { ...sampleOutput({ data: 'appended' }) }, (all, it) =>
    all.outputs.appendMany([sampleOutput({ data: 'before' }), it, sampleOutput()]),
  ),
  ...perField('delete', { keepOutputs: false }, (all, it) => all.sessions.delete('s-1', it)),
  ...perField('getFullOutput', { separator: '' }, (all, it) =>
    all.outputs.getFullOutput('s-1', it),
  ),
  ...perField('new OutputStore', { writeBehind: true }, (all, it) => {
    new OutputStore(all.db, it).append(sampleOutput({ data: 'appended' }))
  }),
  ...perField('new DatabaseConnection', { readonly: false }, (_, it) =>
    new DatabaseConnection(':memory:', it).close(),
  ),
  ...perField('pragma', { simple: true }, ({ db }, it) => db.pragma('user_version', it)),
  ...perField('run', { id: 'n-2', note: 'x' }, ({ insert }, it) => insert.run(it)),
  ...perField('all', { id: 'n-1' }, ({ db }, it) =>
    db.prepare('SELECT * FROM notes WHERE id = :id').all(it),
  ),
  ...perField('get', { id: 'n-1' }, ({ db }, it) =>
    db.prepare('SELECT * FROM notes WHERE id = :id').get(it),
  ),
  ...perField('iterate', { id: '' }, ({ db }, it) => [
    ...db.prepare('SELECT * FROM notes WHERE id > :id').iterate(it),
  ]),
  ...perField('bind', { id: 'n-1' }, ({ db }, it) =>
    db.prepare('SELECT * FROM notes WHERE id = :id').bind(it).get(),
  ),
  'an element of appendMany': ({ outputs }, act) => {
    const many = [sampleOutput({ data: 'before' })]
    const get = () => {
      act()
      return sampleOutput({ data: 'appended' })
    }
    Object.defineProperty(many, 1, { get })
    return outputs.appendMany(many)
  },
  'an element of parameters': ({ insert, db }, act) => {
    const values = ['n-2']
    const get = () => {
      act()
      return 'x'
    }
    Object.defineProperty(values, 1, { get })
    return (insert.source ? db.prepare('INSERT INTO notes VALUES (?, ?)') : insert).run(values)
  },
  'a function of a transaction': ({ db, sessions }, act) =>
    db.transaction(() => {
      sessions.update('s-1', { pid: 99 })
      act()
      sessions.update('s-1', { pid: 100 })
    })(),
  'a nested function of a transaction': ({ db, sessions }, act) => {
    const nested = db.transaction(() => {
      sessions.update('s-1', { pid: 99 })
      act()
    })
    return db.transaction(() => nested())()
  },
  'the then of what a transaction returns': ({ db, sessions }, act) =>
    db.transaction(() => {
      sessions.update('s-1', { pid: 99 })
      return Object.defineProperty({}, 'then', { get: act })
    })(),
}

function perField(
  method: string,
  valid: Record<string, unknown>,
  call: (all: Opened, object: never) => unknown,
): Record<string, (all: Opened, act: () => void) => unknown> {
  const sites = Object.entries(valid).map(([key, value]) => {
    const get = (act: () => void) => () => {
      act()
      return value
    }
    const site = (all: Opened, act: () => void) =>
      call(all, Object.defineProperty({ ...valid }, key, { get: get(act) }) as never)
    return [`${key} of ${method}`, site] as const
  })
  return Object.fromEntries(sites)
}

/** What the getter does. */
const ACTIONS: Record<string, (all: Opened) => unknown> = {
  'closes the connection': ({ connection }) => connection.close(),
  'closes the handle': ({ db }) => db.close(),
  appends: ({ outputs }) => outputs.append(sampleOutput({ data: 'meanwhile' })),
  creates: ({ sessions }) => sessions.create(sampleSession({ id: 'meanwhile' })),
  'creates the same session': ({ sessions }) => sessions.create(sampleSession({ id: 's-2' })),
  'inserts the same row': ({ insert }) => insert.run({ id: 'n-2', note: 'meanwhile' }),
  'deletes the session': ({ sessions }) => sessions.delete('s-1'),
  'lists and reads': ({ sessions, outputs }) => [sessions.list(), outputs.getBySession('s-1')],
  throws: () => {
    throw new Own('of the getter')
  },
  'runs a transaction that throws': ({ db, sessions }) =>
    thrownBy(
      db.transaction(() => {
        sessions.delete('s-1')
        throw new Own('of the transaction')
      }),
    ),
  'lets a transaction throw': ({ db, sessions }) =>
    db.transaction(() => {
      sessions.delete('s-1')
      throw new Own('of the transaction')
    })(),
  'begins a transaction': ({ db }) => db.exec('BEGIN'),
  'ends the transaction': ({ db }) => db.exec('ROLLBACK'),
  'commits the transaction': ({ db }) => db.exec('COMMIT'),
  'leaves an iterator': ({ select }) => select.iterate('', '').next(),
  'leaves an iterator that writes': ({ db }) =>
    db.prepare("INSERT INTO notes VALUES ('n-9', 1), ('n-10', 2) RETURNING id").iterate().next(),
  'changes the schema': ({ db }) =>
    db.exec('ALTER TABLE sessions ADD COLUMN tag DEFAULT 5; CREATE TABLE more (x)'),
  'vacuums and checkpoints': ({ db }) => db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)'),
}

/** Where the call is made. */
const PLACES: Record<string, (all: Opened, call: () => unknown) => unknown> = {
  'by itself': (_, call) => call(),
  'in a transaction': ({ db }, call) => db.transaction(call)(),
  'in a transaction that goes on': ({ db, outputs }, call) =>
    db.transaction(() => {
      const thrown = thrownBy(call)
      outputs.append(sampleOutput({ data: 'behind' }))
      if (thrown) throw thrown.error
    })(),
  'in a loop over rows': ({ db }, call) => {
    const ids = db.prepare('SELECT value FROM json_each(?)').pluck()
    for (const id of ids.iterate('["a","b"]')) if (id === 'a') call()
  },
}

/** Ends the transaction that a caller left open. */
function tidy({ connection, db }: Opened): void {
  if (connection.isOpen && db.inTransaction) thrownBy(() => db.exec('ROLLBACK'))
}

describe.each(Object.keys(PLACES))('a getter %s', (place) => {
  test.each(Object.keys(SITES))('any call from %s gives a result or a documented error', (site) => {
    for (const [name, action] of Object.entries(ACTIONS)) {
      const all = open()
      const before = all.rows()
      let acted: string | undefined
      let own: { error: unknown } | undefined
      const act = () => {
        own = thrownBy(() => action(all))
        acted = all.connection.isOpen ? all.rows() : undefined
        if (own) throw own.error
      }
      const call = () => SITES[site]?.(all, act)
      const thrown = thrownBy(() => PLACES[place]?.(all, call))
      const error = thrown?.error
      const isOpen = all.connection.isOpen
      tidy(all)
      // Output that follows is stored only where the getter ended the transaction around the call.
      const ends = / the transaction$/.test(name) && /transaction/.test(`${place} ${site}`)
      const rows = isOpen ? all.rows() : undefined
      expect({
        name,
        error,
        isDocumented: thrown === undefined || isDocumented(error),
        isOwn: own === undefined || own.error === error,
        // A call that failed changed nothing. Only the changes of the getter are there.
        isUnchanged: !thrown || ends || rows === before || rows === acted,
        isClosed: isOpen || isDocumented(thrownBy(() => all.sessions.list())?.error),
      }).toEqual({
        name,
        error,
        isDocumented: true,
        isOwn: true,
        isUnchanged: true,
        isClosed: true,
      })
      // Nobody may write while a statement is iterated.
      if (isOpen && !name.startsWith('leaves')) works(all)
    }
  })
})
