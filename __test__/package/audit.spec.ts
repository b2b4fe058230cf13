// `npm run audit`, with commands in the place of cargo and npm that print what those would print.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runScript } from '../support/child.js'
import { temporaryFolder } from '../support/support.js'

const script = fileURLToPath(new URL('../../scripts/audit.mjs', import.meta.url))

const summary = (errors: number) => ({
  type: 'summary',
  fields: {
    advisories: { errors },
    bans: { errors: 0 },
    licenses: { errors: 0 },
    sources: { errors: 0 },
  },
})
const advisory = {
  type: 'diagnostic',
  fields: {
    severity: 'error',
    message: 'reads behind its end',
    graphs: [{ Krate: { name: 'bad', version: '1.0.0' } }],
  },
}
const unreachable = {
  type: 'log',
  fields: { level: 'ERROR', message: 'failed to fetch advisory database' },
}
const nothing = { metadata: {}, vulnerabilities: {} }
const vulnerable = {
  metadata: {},
  vulnerabilities: { bad: { name: 'bad', severity: 'high', range: '<2' } },
}

/** Runs the script with a cargo and an npm that print this. A command without a text is missing. */
async function audit(said: { cargo?: unknown[]; npm?: unknown }) {
  const folder = temporaryFolder()
  const command = (name: string, text: string, where: string) =>
    writeFileSync(
      join(folder, name),
      `#!/bin/sh\n/bin/cat <<'END' ${where}\n${text}\nEND\nexit 1\n`,
      {
        mode: 0o755,
      },
    )
  const lines = said.cargo?.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  if (lines) command('cargo', lines.join('\n'), '>&2')
  if (said.npm) command('npm', JSON.stringify(said.npm), '')
  const { code, stdout, stderr } = await runScript(script, [], { env: { PATH: folder } })
  return { code, said: stdout + stderr }
}

describe.skipIf(process.platform === 'win32')('the audit', () => {
  test('the audit exits with 0 where it checked everything and found nothing', async () => {
    const { code, said } = await audit({ cargo: [summary(0)], npm: nothing })
    expect({ code, said }).toEqual({ code: 0, said: 'Nothing was found.\n' })
  })

  test.each([
    ['a crate', { cargo: [advisory, summary(1)], npm: nothing }, 'bad 1.0.0: reads behind its end'],
    ['a crate without a description', { cargo: [summary(1)], npm: nothing }, '1 errors'],
    ['a package', { cargo: [summary(0)], npm: vulnerable }, 'bad <2: high'],
    ['a package while cargo is missing', { npm: vulnerable }, 'bad <2: high'],
  ])('the audit exits with 1 where it finds something in %s', async (_, tools, words) => {
    const { code, said } = await audit(tools)
    expect(said).toContain(words)
    expect(code).toBe(1)
  })

  test.each([
    ['cargo-deny', { cargo: ['error: no such command: `deny`'], npm: nothing }, 'cargo install'],
    ['the database of advisories', { cargo: [unreachable], npm: nothing }, 'failed to fetch'],
    ['cargo', { npm: nothing }, 'cargo was not found'],
    ['the registry', { cargo: [summary(0)], npm: { message: '405 Method Not Allowed' } }, '405'],
    ['npm', { cargo: [summary(0)] }, 'npm was not found'],
  ])('the audit exits with 2 where it cannot use %s', async (_, tools, words) => {
    const { code, said } = await audit(tools)
    expect(said).toMatch(/^NOT LOOKED AT/m)
    expect(said).toContain(words)
    expect(code).toBe(2)
  })
})
