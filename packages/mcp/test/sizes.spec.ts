// Answers are never longer than clients take, whatever a session printed.
import { describe, expect, test } from 'vitest'
import { countTokens } from 'gpt-tokenizer'
import { randomBytes } from 'node:crypto'
import { tokensOf } from '../src/budget.mjs'
import { newClient, newStore } from './support.js'

const random = (length: number) => randomBytes(length)

const TEXTS: Record<string, string> = {
  words: 'The quick brown fox jumps over the lazy dog. '.repeat(400),
  letters: Array.from(random(8_000), (byte) => 'abcdefghijklmnopqrstuvwxyz'[byte % 26]).join(''),
  words_of_nobody: Array.from(random(8_000), (byte, at) =>
    at % 8 === 0 ? ' ' : 'abcdefghijklmnopqrstuvwxyz'[byte % 26],
  ).join(''),
  capitals: Array.from(random(8_000), (byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[byte % 26]).join(''),
  hex: random(8_000).toString('hex'),
  base64: random(8_000).toString('base64'),
  bytes: random(8_000).toString('latin1'),
  controls: '\u0001\u001b[0m\u0002'.repeat(4_000),
  digits: Array.from(random(8_000), (byte) => byte % 10).join(''),
  punctuation: Array.from(random(8_000), (byte) => '!"#$%&/()=?{[]}~+*\\'[byte % 19]).join(''),
  chinese: '构建失败：找不到模块，请检查路径。'.repeat(500),
  emoji: '✅❌🚀👩‍💻'.repeat(800),
  blanks: ' \t\n'.repeat(4_000),
  log: Array.from(
    { length: 300 },
    (_, i) => `[2026-10-01T10:00:${i}Z] GET /api/${i} 200 ${i} ms\n`,
  ).join(''),
  rare: Array.from(random(8_000), (byte) => String.fromCodePoint(0x1200 + byte * 7)).join(''),
}

describe('tokens', () => {
  test.each(Object.entries(TEXTS))('of %s are not counted too low', (_, text) => {
    expect(tokensOf(text)).toBeGreaterThanOrEqual(countTokens(text))
  })
})

const isBelow = ({ tokens, most }: { tokens: number; most: number }) => tokens < most

describe('an answer', () => {
  test.each(Object.entries(TEXTS))('with %s stays below its size', async (_, text) => {
    const store = newStore()
    store.create('one', { title: text.slice(0, 5_000) })
    store.create('two', { currentCommand: text.slice(0, 5_000) })
    for (let i = 0; i < 40; i++) store.print('one', `${text}\r\nneedle\r\n`)
    store.print('two', text)
    const client = await newClient(store.path)
    const calls: [string, Record<string, unknown>][] = [
      ['list_sessions', {}],
      ['get_session', { id: 'one' }],
      ['read_output', { id: 'one' }],
      ['read_output', { id: 'one', format: 'raw' }],
      ['tail_output', { id: 'one', lines: 5_000 }],
      ['search_output', { pattern: 'needle', limit: 500, context: 20 }],
      ['compare_sessions', { a: 'one', b: 'two' }],
      ['wait_for_output', { id: 'two', cursor: '0', timeout_seconds: 0, lines: 200 }],
    ]
    for (const [name, given] of calls) {
      const answer = await client.callTool({ name, arguments: given })
      expect(answer.isError ?? false).toBe(false)
      const texts = answer.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
      expect({ name, tokens: countTokens(texts), most: 9_000 }).toSatisfy(isBelow)
      const all = countTokens(JSON.stringify(answer))
      expect({ name, tokens: all, most: 20_000 }).toSatisfy(isBelow)
    }
  })
})
