// Programs that are bundled with the package, and run where nothing of it is installed. What takes more than esbuild is
// in tests/package.
import { copyFileSync, readdirSync, truncateSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { build, type BuildOptions } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { runScript } from '../support/child.js'
import { binary, install, manifest, platform, write } from '../support/installation.js'
import { temporaryFolder } from '../support/support.js'

const PROGRAM = `
  try {
    const { DatabaseConnection, SessionStore, SqliteError } = require('${manifest.name}')
    const connection = new DatabaseConnection(':memory:')
    const sessions = new SessionStore(connection)
    const session = { id: 's-1', slot: 1, status: 'running', workingDir: '/', startedAt: new Date() }
    sessions.create(session)
    try {
      sessions.create(session)
    } catch (error) {
      console.log(JSON.stringify({ code: error instanceof SqliteError && error.code }))
    }
    connection.close()
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }))
  }`

/** What the program prints when the package works. */
const WORKS = { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }

const COPIED: BuildOptions = { loader: { '.node': 'copy' } }
const EXTERNAL: BuildOptions = { external: [`${manifest.name}-*`] }
const ES_MODULE: BuildOptions = {
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
  },
}

/** Bundles the program of a new project into an empty folder, which it gives. */
async function bundle(options: BuildOptions, installation = install()): Promise<string> {
  const outdir = temporaryFolder()
  await build({
    entryPoints: [write(installation.project, 'main.js', PROGRAM)],
    bundle: true,
    minify: true,
    platform: 'node',
    outExtension: { '.js': '.cjs' },
    logLevel: 'silent',
    outdir,
    ...options,
  })
  return outdir
}

/** What the bundle in `folder` prints. */
async function run(folder: string): Promise<{ code?: string; message?: string }> {
  const [program] = readdirSync(folder).filter((name) => name.startsWith('main.'))
  const { code, stdout, stderr } = await runScript(join(folder, program ?? ''), [], { cwd: folder })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as { code?: string; message?: string }
}

const binariesIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.node'))

describe.each([
  ['CommonJS', {}],
  ['an ES module', ES_MODULE],
])('a bundle by esbuild as %s', (_, format) => {
  test('a bundle runs alone with the binary that esbuild copied beside it', async () => {
    const folder = await bundle({ ...COPIED, ...format })
    expect(binariesIn(folder)).toHaveLength(1)
    expect(await run(folder)).toEqual(WORKS)
  })

  test('a bundle runs alone with a binary that was copied beside it by hand', async () => {
    const folder = await bundle({ ...EXTERNAL, ...format })
    copyFileSync(binary, join(folder, basename(binary)))
    expect(await run(folder)).toEqual(WORKS)
  })

  test('a bundle without its binary names the package that has it', async () => {
    const { code, message } = await run(await bundle({ ...EXTERNAL, ...format }))
    expect(code).toBe('ERR_SESSION_STORE_BINARY_MISSING')
    expect(message).toContain(
      `is not installed: ${manifest.name}-${platform}@${manifest.version}\n`,
    )
  })

  test('a bundle refuses a binary that was cut short', async () => {
    const folder = await bundle({ ...COPIED, ...format })
    for (const name of binariesIn(folder)) truncateSync(join(folder, name), 100_000)
    const { code, message } = await run(folder)
    expect(code).toBe('ERR_SESSION_STORE_BINARY_UNUSABLE')
    expect(message).toContain('The file is damaged')
  })
})

test('the length of a binary is not checked where only the runtime can open it', () => {
  const require = createRequire(import.meta.url)
  const { refuseCutShort } = require('../../lib/loader/cut-short.js') as {
    refuseCutShort: (file: string) => void
  }
  expect(() => refuseCutShort('/$bunfs/root/session-store.node')).not.toThrow()
})
