// Output as blocks, on its way to other files and back.
import { describe, expect, test } from 'vitest'
import {
  type BlockPage,
  type BlocksOptions,
  type NewSession,
  type OutputBlock,
  type OutputStore,
  type SearchOptions,
  type SearchTerm,
} from '../../index.js'
import {
  at,
  failureOf,
  openStores,
  outOfRange,
  sampleOutput,
  sampleSession,
  wrongType,
} from '../support/support.js'

type Stores = ReturnType<typeof openStores>

const PIECES = [
  'compiled module ',
  'warning: unused ',
  '\u001b[1;31merror\u001b[0m ',
  '\r\u001b[K',
  '\r\n',
  '\r\n',
  'Ärger ',
  '\u001b[2A',
  '\u001b[?1049h',
  '\u001b[?1049l',
  '0123456789abcdef'.repeat(40),
]

/** Numbers below a bound, always the same ones. */
function numbers(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

/** Appends chunks that draw over each other, with a word that is found now and then. */
function print({ outputs }: Stores, sessionId: string, chunks: number, seed: number): void {
  const below = numbers(seed)
  const data = () => {
    const pieces = Array.from({ length: below(9) }, () => PIECES[below(PIECES.length)])
    return `${pieces.join('')}${below(150) === 0 ? `needle-${below(5)}` : ''}`
  }
  outputs.appendMany(
    Array.from({ length: chunks }, (_, i) =>
      sampleOutput({ sessionId, timestamp: at(i), data: data() }),
    ),
  )
}

/** All blocks of a session, read page by page; where one comes again, as it came last. */
function pages(
  outputs: OutputStore,
  sessionId: string,
  limit: number,
  how: Pick<BlocksOptions, 'redact'> = {},
): OutputBlock[] {
  const all = new Map<number, OutputBlock>()
  let page: Partial<BlockPage> = {}
  do {
    page = outputs.blocks(sessionId, { ...how, after: page.after, state: page.state, limit })
    for (const block of page.blocks ?? []) all.set(block.first, block)
  } while (page.more)
  return [...all.values()]
}

/** Another database with the same session, and some of its blocks. */
function copyOf(
  session: NewSession,
  from: Stores,
  blocks: readonly Partial<OutputBlock>[],
): Stores {
  const copy = openStores(':memory:')
  copy.sessions.create(session)
  copy.outputs.putBlocks(session.id, blocks as OutputBlock[], {
    sizes: from.outputs.sizes(session.id),
  })
  return copy
}

const SEARCHES: [string, SearchOptions][] = [
  ['needle-3', {}],
  ['NEEDLE', { context: 3 }],
  ['needle-[12]', { regex: true, context: 40 }],
  ['unused', { caseSensitive: true }],
  ['needle', { drawnOver: true }],
  ['nowhere at all', {}],
]

/** A key as a cloud has it, made for this file. */
const KEY = `AKIA${'Q7XW3ZK2M5P4R6TN'}`

/** What a copy has of a session whose blocks are redacted. */
function redacted(stores: Stores, limit: number, redact: BlocksOptions['redact'] = {}) {
  const copy = copyOf(
    sampleSession({ id: 'a' }),
    stores,
    pages(stores.outputs, 'a', limit, { redact }),
  )
  return [...copy.outputs.iterate('a')]
}

describe('redacted blocks', () => {
  test.each([1, 16])('have no byte of a secret, wherever it is cut, in pages of %i', (limit) => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a' }))
    const below = numbers(limit)
    // Full blocks end in the middle of keys as well.
    const text = Array.from({ length: 3_000 }, (_, i) =>
      i % 3 === 0 ? `key ${KEY} ` : `${below(1e9)} ${'lorem ipsum '.repeat(below(8))}\r\n`,
    ).join('')
    const outputs = []
    for (let from = 0; from < text.length;) {
      const length = 1 + below(40)
      outputs.push(sampleOutput({ sessionId: 'a', data: text.slice(from, from + length) }))
      from += length
    }
    stores.outputs.appendMany(outputs)
    const sent = redacted(stores, limit)
    expect(sent.map(({ cursor }) => cursor)).toEqual(
      [...stores.outputs.iterate('a')].map(({ cursor }) => cursor),
    )
    const joined = sent.map(({ data }) => data).join('')
    expect(joined.replaceAll(/\[REDACTED:[\w-]+\]/g, KEY)).toBe(text)
    expect(joined).not.toContain(KEY)
    expect(stores.outputs.text('a', { lines: 3 })).toContain('lorem')
  })

  test('are searched and shown as what they hold', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a' }))
    print(stores, 'a', 2_000, 3)
    const values = { word: 'needle-3' }
    const blocks = pages(stores.outputs, 'a', 16, { redact: { literals: values, marker: '***' } })
    const copy = copyOf(sampleSession({ id: 'a' }), stores, blocks)
    expect(copy.outputs.search('needle-3').matches).toEqual([])
    const found = copy.outputs.search('***', { limit: 1000 }).matches
    const stored = stores.outputs.search('needle-3', { limit: 1000 }).matches
    expect(stored.length).toBeGreaterThan(0)
    expect(found.map(({ cursor }) => cursor)).toEqual(stored.map(({ cursor }) => cursor))
  })

  test('find a secret of one stream with output of the other in it, where a page ends', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a', status: 'completed' }))
    const append = (type: 'stdout' | 'stderr', data: string) =>
      stores.outputs.append(sampleOutput({ sessionId: 'a', type, data }))
    append('stdout', `key ${KEY.slice(0, 9)}`)
    for (let i = 0; i < 20; i++) append('stderr', `${i} ${'lorem ipsum '.repeat(800)}\r\n`)
    append('stdout', `${KEY.slice(9)} `)
    const sent = redacted(stores, 1)
    const printed = sent.filter(({ type }) => type === 'stdout').map(({ data }) => data)
    expect(printed.join('')).toMatch(/^key \[REDACTED:[\w-]+\] $/)
  })

  test('leave out the start of a secret that may go on', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a', status: 'running' }))
    const append = (data: string, timestamp = new Date()) =>
      stores.outputs.append(sampleOutput({ sessionId: 'a', data, timestamp }))
    append('the key is ')
    append(KEY.slice(0, 9))
    expect(redacted(stores, 16).map(({ data }) => data)).toEqual(['the key is '])
    append(`${KEY.slice(9)} and more `)
    expect(
      redacted(stores, 16)
        .map(({ data }) => data)
        .join(''),
    ).toMatch(/^the key is \[REDACTED:[\w-]+\] and more $/)
    append(KEY.slice(0, 9))
    expect(redacted(stores, 16)).toHaveLength(3)
    stores.sessions.update('a', { status: 'completed' })
    expect(redacted(stores, 16)).toHaveLength(4)
  })

  test('leave out nothing that is ten seconds old', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a', status: 'running' }))
    const timestamp = new Date(Date.now() - 10_000)
    stores.outputs.append(sampleOutput({ sessionId: 'a', data: KEY.slice(0, 9), timestamp }))
    expect(redacted(stores, 16)).toHaveLength(1)
  })

  test('are the same of a session that is sealed', async () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a', status: 'completed' }))
    stores.outputs.appendMany(
      Array.from({ length: 500 }, (_, i) =>
        sampleOutput({ sessionId: 'a', data: i % 50 === 0 ? `\r\n${KEY}\r\n` : 'x'.repeat(300) }),
      ),
    )
    const before = redacted(stores, 1)
    await stores.connection.seal()
    expect(redacted(stores, 1)).toEqual(before)
    expect(before.some(({ data }) => data.includes(KEY))).toBe(false)
  })
})

describe('blocks', () => {
  test.each([1, 3, 256])('are the whole output, in pages of %i', (limit) => {
    const stores = openStores()
    const session = sampleSession({ id: 'a', columns: 60, rows: 10 })
    stores.sessions.create(session)
    print(stores, 'a', 1_500, limit)
    stores.sessions.resize('a', { columns: 100, rows: 30 })
    print(stores, 'a', 1_500, limit + 1)
    const blocks = pages(stores.outputs, 'a', limit)
    expect(blocks.length).toBeGreaterThan(5)
    const copy = copyOf(session, stores, blocks)
    expect([...copy.outputs.iterate('a')]).toEqual([...stores.outputs.iterate('a')])
    expect(copy.outputs.text('a')).toBe(stores.outputs.text('a'))
    expect(copy.connection.verify()).toMatchObject({ ok: true, problems: [] })
    for (const [pattern, options] of SEARCHES) {
      const wanted = stores.outputs.search(pattern, { limit: 100_000, ...options }).matches
      const found = copy.outputs.search(pattern, { limit: 100_000, ...options }).matches
      expect({ pattern, found }).toEqual({ pattern, found: wanted })
    }
  })

  test('are the same from rows and from sealed output', async () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a', status: 'completed' }))
    print(stores, 'a', 2_000, 7)
    const before = pages(stores.outputs, 'a', 4)
    await stores.connection.seal()
    expect(pages(stores.outputs, 'a', 4)).toEqual(before)
  })

  test('that a search does not read need not be there', () => {
    const stores = openStores()
    const session = sampleSession({ id: 'a' })
    stores.sessions.create(session)
    print(stores, 'a', 6_000, 11)
    const blocks = pages(stores.outputs, 'a', 16)
    const whole = copyOf(session, stores, blocks)
    let left = 0
    for (const [pattern, options] of SEARCHES) {
      const read = new Set(whole.outputs.searchedBlocks(pattern, { sessionId: 'a', ...options }))
      left += blocks.length - read.size
      const some = blocks.map((block) =>
        read.has(block.first) ? block : { ...block, block: undefined },
      )
      const part = copyOf(session, stores, some as Partial<OutputBlock>[])
      const all = { limit: 100_000, ...options }
      const wanted = stores.outputs.search(pattern, all).matches
      const found = part.outputs.search(pattern, all).matches
      expect({ pattern, found }).toEqual({ pattern, found: wanted })
    }
    expect(left).toBeGreaterThan(blocks.length)
  })

  test('begin again with the last one, which a fuller one replaces', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a' }))
    print(stores, 'a', 1_000, 3)
    const page = stores.outputs.blocks('a', { limit: 256 })
    expect(page.more).toBe(false)
    const last = page.blocks.at(-1)
    print(stores, 'a', 1, 4)
    const next = stores.outputs.blocks('a', { after: page.after, state: page.state })
    const again = next.blocks.find(({ first }) => first === last?.first)
    expect(again?.outputs).toBe((last?.outputs ?? 0) + 1)
    expect(again?.lines).toBe(last?.lines)
  })

  test('have no filter where the state before them is not known', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a' }))
    print(stores, 'a', 2_000, 3)
    const [first] = stores.outputs.blocks('a', { limit: 1 }).blocks
    const { blocks } = stores.outputs.blocks('a', { after: first?.last ?? null })
    expect(blocks.map(({ lines, filter, state }) => [lines, filter, state])).toEqual(
      blocks.map(() => [undefined, undefined, undefined]),
    )
  })

  test('go on from a state that cannot be read as from the right one', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a' }))
    print(stores, 'a', 2_000, 3)
    const page = stores.outputs.blocks('a', { limit: 2 })
    const next = stores.outputs.blocks('a', { after: page.after, state: page.state })
    const other = stores.outputs.blocks('a', {
      after: page.after,
      state: Buffer.from('of another version'),
    })
    // A filter may know more: what was drawn over before.
    const known = ({ blocks, ...rest }: BlockPage) => ({
      ...rest,
      blocks: blocks.map((block) => ({ ...block, filter: undefined })),
    })
    expect(known(other)).toEqual(known(next))
  })

  test('of a line without an end come to an end, and go on', () => {
    const stores = openStores()
    stores.sessions.create(sampleSession({ id: 'a' }))
    const line = () => sampleOutput({ sessionId: 'a', data: 'x'.repeat(60_000) })
    stores.outputs.appendMany(Array.from({ length: 40 }, line))
    const page = stores.outputs.blocks('a', { limit: 8 })
    expect([page.blocks.length, page.more]).toEqual([40, false])
    // No state is kept of so long a line: the next page begins far back.
    expect(page.after).toBeLessThan(10)
    stores.outputs.append(sampleOutput({ sessionId: 'a', data: '\r\nthe next line\r\n' }))
    const all = pages(stores.outputs, 'a', 8)
    expect(all).toHaveLength(40)
    const copy = copyOf(sampleSession({ id: 'a' }), stores, all)
    expect(copy.outputs.search('next').matches).toEqual(stores.outputs.search('next').matches)
  })

  test('of a session without output are none', () => {
    const page = { blocks: [], after: undefined, state: undefined, more: false }
    expect(openStores().outputs.blocks('nobody')).toEqual(page)
  })

  test('are refused with the field and the value', () => {
    const { outputs } = openStores(':memory:')
    const call = (options: object) => failureOf(() => outputs.blocks('a', options))
    expect(call({ after: 1.5 })).toMatchObject(outOfRange('options.after', '1.5'))
    expect(call({ limit: 0 })).toMatchObject(outOfRange('options.limit', '0'))
    expect(call({ state: 'state' })).toMatchObject(wrongType('options.state', '"state"'))
  })
})

describe('putting blocks', () => {
  /** A session with some blocks, and an empty database for them. */
  function given() {
    const from = openStores()
    from.sessions.create(sampleSession({ id: 'a' }))
    print(from, 'a', 2_000, 5)
    const blocks = pages(from.outputs, 'a', 16)
    return { blocks, to: openStores() }
  }

  test('goes on behind those that are there', () => {
    const { blocks, to } = given()
    for (const block of blocks) to.outputs.putBlocks('a', [block])
    expect([...to.outputs.iterate('a')]).toHaveLength(2_000)
    const cursor = to.outputs.append(sampleOutput({ sessionId: 'a', data: 'more' }))
    expect(cursor).toBe(2_001)
    expect(to.outputs.getBySession('a')).toHaveLength(2_001)
  })

  test.each<[string, (blocks: OutputBlock[]) => unknown[], number]>([
    ['in another order', ([one, two]) => [two, one], 1],
    ['twice', ([one]) => [one, one], 1],
    ['under other cursors', ([one, two]) => [one, two && { ...two, last: two.last + 1 }], 1],
    ['that end before they begin', ([one]) => [one && { ...one, last: 0 }], 0],
  ])('stores nothing of blocks %s', (_, change, index) => {
    const { blocks, to } = given()
    const failure = failureOf(() => to.outputs.putBlocks('a', change(blocks) as OutputBlock[]))
    expect(failure).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(failure?.message).toContain(`OutputStore.putBlocks: blocks[${index}] must be`)
    expect(to.outputs.blocks('a').blocks).toEqual([])
  })

  test('stores nothing of a damaged block', () => {
    const { blocks, to } = given()
    const damaged = blocks.map((block) => ({ ...block, block: Buffer.from(block.block) }))
    damaged.at(-1)?.block.fill(7, 60, 70)
    const failure = failureOf(() => to.outputs.putBlocks('a', damaged))
    expect(failure).toMatchObject({ type: 'SqliteError', code: 'SQLITE_CORRUPT_VTAB' })
    expect(to.outputs.blocks('a').blocks).toEqual([])
  })

  test('refuses cursors that rows have, of any session', () => {
    const { blocks, to } = given()
    to.outputs.append(sampleOutput({ sessionId: 'b', data: 'here already' }))
    const failure = failureOf(() => to.outputs.putBlocks('a', blocks))
    expect(failure?.message).toContain('blocks[0] must be cursors that no row of the database has')
  })

  test('names the field that is wrong', () => {
    const { blocks, to } = given()
    const put = (change: object) =>
      failureOf(() => to.outputs.putBlocks('a', [{ ...(blocks[0] as OutputBlock), ...change }]))
    expect(put({ first: '1' })).toMatchObject(wrongType('blocks[0].first', '"1"'))
    expect(put({ lines: -1 })).toMatchObject(outOfRange('blocks[0].lines', '-1'))
    expect(put({ block: 'GSDB' })).toMatchObject(wrongType('blocks[0].block', '"GSDB"'))
    expect(put({ filter: [] })).toMatchObject(wrongType('blocks[0].filter', 'an array'))
    const sizes = [{ after: 0, columns: 0, rows: 24 }]
    const failure = failureOf(() => to.outputs.putBlocks('a', [], { sizes }))
    expect(failure).toMatchObject(outOfRange('options.sizes[0].columns', '0'))
  })
})

describe('the terms of a search', () => {
  /** Whether a filter knows what a term needs, as a database would look at it. */
  function isIn(filter: Buffer, term: SearchTerm | undefined): boolean {
    if (term === undefined) return true
    if ('all' in term) return term.all.every((one) => isIn(filter, one))
    if ('one' in term) return term.one.some((one) => isIn(filter, one))
    const bits = filter.length * 8
    return [0, 1, 2].every((k) => {
      const place = (term.start + k * term.step) % bits
      return ((filter[Math.floor(place / 8)] ?? 0) >> (place % 8)) % 2 === 1
    })
  }

  test('say which blocks a search reads', () => {
    const stores = openStores()
    const session = sampleSession({ id: 'a' })
    stores.sessions.create(session)
    print(stores, 'a', 6_000, 13)
    const blocks = pages(stores.outputs, 'a', 16)
    const copy = copyOf(session, stores, blocks)
    const patterns: [string, boolean][] = [
      ['needle-4', false],
      ['NEEDLE-4', false],
      ['needle-(0|1)|nobody', true],
      ['nowhere', false],
      ['x', false],
    ]
    for (const [pattern, regex] of patterns) {
      const term = stores.outputs.searchTerms(pattern, { regex })
      const wanted = blocks.filter(({ filter }) => filter && isIn(filter, term))
      const read = copy.outputs.searchedBlocks(pattern, { regex })
      // A block is read as well where reading has to begin before one that may match.
      expect(read).toEqual(expect.arrayContaining(wanted.map(({ first }) => first)))
      const none = term !== undefined && wanted.length === 0
      expect(read.length === 0).toBe(none)
    }
  })

  test('are none of a pattern that is too short', () => {
    const { outputs } = openStores(':memory:')
    expect(outputs.searchTerms('ab')).toBeUndefined()
    expect(outputs.searchTerms('a.*b', { regex: true })).toBeUndefined()
    expect(failureOf(() => outputs.searchTerms('('.repeat(3), { regex: true }))).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    })
  })
})
