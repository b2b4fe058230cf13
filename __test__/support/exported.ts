// What the specs of exports share.
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

/** The page with this title and this content. */
export function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
body { background: #1e1e1e; color: #d4d4d4; margin: 1em }
pre { font: 14px/1.15 ui-monospace, Menlo, Consolas, monospace; margin: 0; tab-size: 8 }
.b { font-weight: bold } .i { font-style: italic }
.u { text-decoration: underline } .s { text-decoration: line-through }
.u.s { text-decoration: underline line-through }
a { color: inherit } i { display: inline-block; width: 2ch; font-style: inherit } .m { border: 1px dotted; font-size: .7em }
</style>
</head>
<body>
<pre>
${content}</pre>
</body>
</html>
`
}
