// Every form of `connection.db` beside better-sqlite3. What differs on purpose stands in
// differential/differences.mjs, with its reason, and in docs/handle.md.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runBoth, type Misuse, type Results } from './differential/both.js'
import { differences } from './differential/differences.mjs'
import { forms } from './differential/forms.mjs'

const names = forms.map(({ name }) => name)
const topics = [...new Set(names.map((name) => name.slice(0, name.indexOf(':'))))]

const folder = mkdtempSync(join(tmpdir(), 'session-store-'))
let results: Results

beforeAll(async () => {
  results = await runBoth(folder)
  // npm may have to fetch a Node.js that better-sqlite3 supports.
}, 600_000)

afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

function differs(name: string): boolean {
  const [ours, theirs] = [results.ours.get(name), results.theirs.get(name)]
  return JSON.stringify(ours?.outcome) !== JSON.stringify(theirs?.outcome)
}

function matching(pattern: string | RegExp): string[] {
  return names.filter((name) => (pattern instanceof RegExp ? pattern.test(name) : pattern === name))
}

const intended = differences.flatMap((difference) => difference.forms.map(matching))

test('every form has a unique name and ran on both libraries', () => {
  expect(new Set(names).size).toBe(names.length)
  expect([...results.ours.keys()]).toEqual(names)
  expect([...results.theirs.keys()]).toEqual(names)
})

describe('connection.db does what better-sqlite3 does', () => {
  const exceptions = new Set(intended.flat())

  test.each(topics)('in every form about %s', (topic) => {
    const unexpected = names.filter(
      (name) => name.startsWith(`${topic}:`) && !exceptions.has(name) && differs(name),
    )
    const outcomes = (of: Results['ours']) =>
      Object.fromEntries(unexpected.map((name) => [name, of.get(name)?.outcome]))
    expect(outcomes(results.ours)).toEqual(outcomes(results.theirs))
  })
})

describe('an intended difference from better-sqlite3', () => {
  const page = readFileSync(new URL('../../docs/handle.md', import.meta.url), 'utf8')

  test.each(differences)('differs, and is documented: $reason', ({ forms: patterns, reason }) => {
    const stale = patterns.filter((pattern) => {
      const matched = matching(pattern)
      return matched.length === 0 || !matched.every(differs)
    })
    expect(stale.map(String)).toEqual([])
    expect(page.replaceAll(/\s+/g, ' ')).toContain(reason)
  })

  test('has only one reason', () => {
    const all = intended.flat()
    expect(all.filter((name, index) => all.indexOf(name) !== index)).toEqual([])
  })
})

describe('misuse of connection.db', () => {
  const codes: Record<string, string[]> = {
    TypeError: ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_STATE'],
    RangeError: ['ERR_OUT_OF_RANGE'],
  }
  // What JavaScript itself refuses.
  const engine = /cannot be set|another receiver|taken off|constructor|no iterator|: a class$|stack/

  test('an error for misuse has a code, and a message that starts with the call', () => {
    const all = names
      .filter((name) => !engine.test(name))
      .flatMap((form) =>
        (results.ours.get(form)?.misuses ?? []).map((misuse) => ({ form, misuse })),
      )
    const isRight = ({ name, code, message }: Misuse) =>
      codes[name]?.includes(code ?? '') &&
      /^(?:Database|Statement|StatementIterator)(?:\.\w+)?: /.test(message)
    expect(all.filter(({ misuse }) => !isRight(misuse))).toEqual([])
    expect(all.length).toBeGreaterThan(500)
  })
})
