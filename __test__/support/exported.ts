// What the specs of exports share.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { ExportFormat, ExportOptions, OutputStore } from '../../index.js'
import { temporaryFolder } from './support.js'

/** Every format. */
export const formats: readonly ExportFormat[] = ['raw', 'text', 'html', 'ndjson', 'asciicast']

/** What a session is exported as. */
export async function exported(
  outputs: OutputStore,
  format: ExportFormat,
  options: Partial<ExportOptions> = {},
  sessionId = 's-1',
): Promise<string> {
  const file = join(temporaryFolder(), 'export')
  const {
    outputs: done,
    totalOutputs,
    bytes,
  } = await outputs.exportTo(sessionId, file, {
    format,
    ...options,
  })
  expect(done).toBe(totalOutputs)
  const written = readFileSync(file)
  expect(written.length).toBe(bytes)
  return written.toString()
}

/** The parts of a page that differ from session to session. Throws where a script runs that is not the page's own. */
export function partsOf(html: string) {
  const parts =
    /^<!doctype html>\n.+; script-src '([^']+)'(.*)">\n.+<title>(.*)<\/title>\n<style>\n([^<]+)<\/style>\n(.*)<\/head>\n<body>\n<header>\n<h1>(.*)<\/h1>\n<dl>\n(.*)<\/dl>\n<\/header>\n(.*)<form id="find" hidden>\n(.+)<\/form>\n<pre id="output">\n(.*)<\/pre>\n(.*)<script>((?:(?!<\/script>).)+)<\/script>\n<\/body>\n<\/html>\n$/s
  const found = parts.exec(html)
  if (!found) throw new Error(`no page: ${html.slice(0, 500)}`)
  const [, hash, policy, title, , style, heading, told, player, , lines, recording, script] = found
  const computed = createHash('sha256')
    .update(script ?? '')
    .digest('base64')
  expect(hash).toBe(`sha256-${computed}`)
  const facts = [...(told ?? '').matchAll(/<dt>(.+)<\/dt><dd>([^]*?)<\/dd>\n/g)]
  return {
    title,
    heading,
    facts: Object.fromEntries(facts.map(([, name, value]) => [name, value])),
    lines,
    ofPlayer: { policy, style, player, recording },
  }
}

/** What a page without a player has for it. */
export const noPlayer = { policy: '', style: '', player: '', recording: '' }
