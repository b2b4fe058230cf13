import { expect, test } from 'vitest'
import { ended } from './support/events.js'
import { openManager } from './support/open.js'
import { program, writer } from './support/programs.js'

const TERMINAL = '\x1b[2J\x1b[1;32m✔ fertig\x1b[0m\r\n日本語 — naïve 🚀👩‍💻\0\ufeff\x1b]0;title\x07'

/** One byte each: every character and every escape sequence is cut wherever it can be. */
const BYTES = [...Buffer.from(TERMINAL)].map((byte) => Buffer.of(byte))

test('characters and escape sequences that chunk borders cut arrive whole', async () => {
  const manager = openManager()
  const { id } = manager.start(writer(BYTES))
  await ended(manager, id)

  expect(manager.outputs.getFullOutput(id, { separator: '' })).toBe(TERMINAL)
  expect(manager.outputs.getBySession(id).length).toBeGreaterThan(1)
})

test('a character that never gets whole is shown as replaced', async () => {
  const manager = openManager()
  const { id } = manager.start(writer([Buffer.from('good'), Buffer.from('🚀').subarray(0, 2)]))
  await ended(manager, id)

  expect(manager.outputs.getFullOutput(id, { separator: '' })).toBe('good\ufffd')
})

test('stdout and stderr stay apart', async () => {
  const manager = openManager()
  const { id } = manager.start(program('console.log("out"); console.error("err")'))
  await ended(manager, id)

  const byType = Object.fromEntries(
    manager.outputs.getBySession(id).map(({ type, data }) => [type, data]),
  )
  expect(byType).toEqual({ stdout: 'out\n', stderr: 'err\n' })
})

test('a burst is complete and in order', async () => {
  const manager = openManager()
  const { id } = manager.start(program('for (let n = 0; n < 20000; n++) console.log("line " + n)'))
  await ended(manager, id)

  const expected = Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join('')
  expect(manager.outputs.getFullOutput(id, { separator: '' })).toBe(expected)
})

test('the last lines of a session are read from its end', async () => {
  const manager = openManager()
  const { id } = manager.start(program('for (let n = 0; n < 20000; n++) console.log("line " + n)'))
  await ended(manager, id)

  expect(manager.lastLines(id, 2)).toBe('line 19998\nline 19999\n')
  expect(manager.lastLines('never started')).toBe('')
})

test('a dashboard reads the newest, then what came since', async () => {
  const manager = openManager()
  const { id } = manager.start(writer(['one', 'two', 'three'].map((text) => Buffer.from(text))))
  await ended(manager, id)

  const all = manager.outputs.getBySession(id)
  expect(all).not.toEqual([])
  expect(manager.outputs.getBySession(id, 2)).toEqual(all.slice(0, 2))

  const since = all.at(-1)?.timestamp ?? new Date(0)
  const newer = all.filter(({ timestamp }) => timestamp > since).reverse()
  expect(manager.outputs.getBySessionSince(id, since)).toEqual(newer)
})
