import { expect, test } from 'vitest'
import { openConnection } from '../support/support.js'

test('a statement that is explained again after the schema has changed is explained as it is then', () => {
  const { db, path } = openConnection()
  const other = openConnection(path).db
  db.exec('CREATE TABLE notes (text)')
  const explain = db.prepare('EXPLAIN DELETE FROM notes WHERE text = ?')
  const programs = () => explain.all('x') as { opcode: string; comment: string | null }[]
  const triggers = () => programs().filter(({ opcode }) => opcode === 'Program').length
  expect(triggers()).toBe(0)
  for (let round = 1; round < 20; round++) {
    const on = round % 2 === 0 ? db : other
    on.exec(`CREATE TRIGGER t${round} AFTER DELETE ON notes BEGIN SELECT ${round}; END`)
    expect(db.prepare('SELECT count(*) FROM notes').pluck().get()).toBe(0)
    expect(triggers()).toBe(round)
    expect([...explain.iterate('x')]).toHaveLength(programs().length)
  }
  db.exec('DROP TABLE notes')
  expect(() => programs()).toThrow(/no such table: notes/)
})
