import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runScript } from '../support/child.js'
import { commandPath } from '../../packages/cli/test/support.js'
import { allPages, pages, readBlocks, readPage, root, type Block } from './docs/blocks.js'

const SCRIPTS: Record<string, string> = {
  js: '.mjs',
  javascript: '.mjs',
  ts: '.mts',
  typescript: '.mts',
}
const OTHERS = [
  'console',
  'diff',
  'dockerfile',
  'html',
  'json',
  'jsonc',
  'sh',
  'sql',
  'text',
  'toml',
  'yaml',
]

const blocks = pages.flatMap((page) => readBlocks(page))
const scripts = blocks.filter(({ language }) => language in SCRIPTS)
/** What stands in the place of a set-up for a block of calls that throw. */
const ERRORS = 'errors'
/** The page whose examples need packages that `npm run clients` installs; it alone runs them. */
const CLIENTS = 'docs/clients.md'
const hasClients = process.env['SESSION_STORE_CLIENTS'] === '1'
const runnable = scripts.filter(
  ({ page, reason, setup }) =>
    reason === undefined && setup !== ERRORS && (page !== CLIENTS || hasClients),
)

/** Where the examples are, with the package installed. */
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'session-store-docs-'))
  for (const name of ['@gsd/session-store', '@types/node']) {
    mkdirSync(join(folder, 'node_modules', name, '..'), { recursive: true })
    const target = name === '@types/node' ? join(root, 'node_modules', name) : root
    symlinkSync(target, join(folder, 'node_modules', name), 'junction')
  }
  const clients = join(root, 'tests/clients/node_modules')
  for (const name of hasClients ? readdirSync(clients) : [])
    if (!['@gsd', '@types'].includes(name))
      symlinkSync(join(clients, name), join(folder, 'node_modules', name), 'junction')
  // Deno looks into node_modules only for what a package.json names.
  const dependencies = { '@gsd/session-store': '*' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const setups = fileURLToPath(new URL('docs', import.meta.url))
  for (const name of readdirSync(setups))
    if (name.endsWith('.mjs') || name.endsWith('.mts'))
      copyFileSync(join(setups, name), join(folder, name))
  for (const block of runnable) writeFileSync(fileOf(block), block.source)
})

afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

function nameOf({ place }: Block): string {
  return place.replaceAll(/\W/g, '-')
}

/** The block as a file of its own; `require` makes it CommonJS. */
function fileOf(block: Block): string {
  const isCommonJs = /\brequire\(/.test(block.source) && !/^import /m.test(block.source)
  const extension = SCRIPTS[block.language] ?? ''
  return join(folder, nameOf(block) + (isCommonJs ? extension.replace('.m', '.c') : extension))
}

/** Runs a module in a folder of its own, behind its set-up, and gives how it ended. */
function run(
  name: string,
  setup: string | undefined,
  source: string,
  extension = '.mjs',
  folderName = name,
) {
  const place = join(folder, `run-${folderName}`)
  mkdirSync(place, { recursive: true })
  const file = join(folder, `${name}-run${extension}`)
  writeFileSync(file, source)
  const parts = setup === undefined ? [] : [join(folder, `${setup}.mjs`)]
  const main = join(folder, `${name}-main.mjs`)
  writeFileSync(
    main,
    [...parts, file]
      .map((part) => `await import(${JSON.stringify(pathToFileURL(part))})\n`)
      .join(''),
  )
  const env = { HOME: place, USERPROFILE: place, NO_COLOR: '1' }
  return runScript(main, [], { cwd: place, env, timeout: 30_000 })
}

describe('every block of code in the docs', () => {
  test('every code block names a known language', () => {
    const known = [...Object.keys(SCRIPTS), ...OTHERS]
    const unknown = blocks.filter(({ language }) => !known.includes(language))
    expect(unknown.map(({ place, language }) => `${place} ${language}`)).toEqual([])
  })

  test('every JSON block can be parsed', () => {
    const sources = blocks.filter(({ language }) => language === 'json')
    expect(() => sources.map(({ source }) => JSON.parse(source) as unknown)).not.toThrow()
  })
})

describe('the examples of the docs', () => {
  test('the pages have more examples that run than there are pages', () => {
    expect(runnable.length).toBeGreaterThan(pages.length)
  })

  test.each(runnable.map((block) => [block.place, block] as const))('run: %s', async (_, block) => {
    const file = fileOf(block)
    const { outputText } = ts.transpileModule(block.source, {
      fileName: file,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    const isTypeScript = SCRIPTS[block.language] === '.mts'
    const extension = file.endsWith('cjs') || file.endsWith('cts') ? '.cjs' : '.mjs'
    const source = isTypeScript ? outputText : block.source
    const { code, signal, stderr } = await run(nameOf(block), block.setup, source, extension)
    expect({ code, signal, stderr: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      signal: null,
      stderr: '',
    })
  })

  test('the example of the README can be run again on the file that it made', async () => {
    const block = runnable.find(({ page }) => page === 'README.md')
    const lines = async (name: string) => {
      const { code, stdout, stderr } = await run(
        name,
        undefined,
        block?.source ?? '',
        '.mjs',
        'twice',
      )
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return stdout.replaceAll(/^\S+Z/gm, 'TIME').trimEnd().split('\n')
    }
    const printed = 'TIME completed 41 tests passed'
    expect(await lines('first')).toEqual([printed])
    expect(await lines('second')).toEqual([printed, printed])
    expect(readPage('README.md').match(/^\S+Z completed 41 tests passed$/gm)).toHaveLength(3)
  })

  test('the examples have no type errors', () => {
    const files = runnable.map((block) => fileOf(block))
    const program = ts.createProgram([...files, join(folder, 'globals.d.mts')], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      moduleDetection: ts.ModuleDetectionKind.Force,
      allowJs: true,
      checkJs: true,
      strict: true,
      noImplicitAny: false,
      noEmit: true,
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    })
    const places = new Map(
      runnable.map((block) => [ts.sys.resolvePath(fileOf(block)), block.place]),
    )
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
      const [place = '', line = '0'] = (places.get(file?.fileName ?? '') ?? '').split(':')
      const at = file ? file.getLineAndCharacterOfPosition(start ?? 0).line + 1 : 0
      return `${place}:${Number(line) + at} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
    expect(problems).toEqual([])
  })
})

describe('the command lines of the docs', () => {
  const commands = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ place, source }) => source.split('\n').map((line) => ({ place, line })))
    .filter(({ line }) => line.startsWith('gsd-sessions '))
    .map(({ place, line }) => {
      // Words after `--`, or after the end of the command, are not its options.
      const [own = ''] = line.split(/ (?:--|\||\|\||&&|>) /)
      const words = own.split(' ').slice(1)
      const name = words.find((word) => !word.startsWith('-')) ?? ''
      return { place, name, options: words.filter((word) => word.startsWith('-')) }
    })
  const names = [...new Set(commands.map(({ name }) => name))]

  test.each(names)('of %s have only options that exist', async (name) => {
    const { code, stdout } = await runScript(commandPath, ['help', name])
    expect(code).toBe(0)
    const unknown = commands
      .filter((command) => command.name === name)
      .flatMap(({ place, options }) => options.map((option) => ({ place, option })))
      .filter(({ option }) => !new RegExp(`${option}[ ,\\n]`).test(stdout))
    expect(unknown).toEqual([])
  })
})

describe('the lines of a page', () => {
  const MAX_LENGTH = 140
  test.each(allPages)('the lines of %s have at most 140 characters', (page) => {
    const lines = [...readPage(page).split('\n').entries()]
    const long = lines.filter(([, { length }]) => length > MAX_LENGTH)
    expect(long.map(([index]) => `${page}:${index + 1}`)).toEqual([])
  })
})

describe('the links of a page', () => {
  const withoutCode = (text: string) => text.replaceAll(/^(`{3,})[^]*?^\1/gm, '')

  /** The anchors of a page, as GitHub makes them of its headings. */
  function anchorsOf(page: string): string[] {
    const headings = withoutCode(readPage(page)).matchAll(/^#+ (.+)$/gm)
    return [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
  }

  test.each(allPages)('every link in %s has a target', (page) => {
    const text = withoutCode(readPage(page)).replaceAll(/`[^`]*`/g, '')
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#')
        const file = path ? posix.join(posix.dirname(page), path) : page
        if (!existsSync(join(root, file))) return true
        return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)
      })
    expect(broken).toEqual([])
  })
})

/** A paragraph of a block of errors: a call, and what it throws. */
interface Misuse {
  call: string
  error: string
  code: string
  message: string
}

/** What the blocks behind `example: errors` say: a call, `// error code` and `// message`, then an empty line. */
function readMisuses(page: string): Misuse[] {
  return blocks
    .filter((block) => block.page === page && block.setup === ERRORS)
    .flatMap(({ source }) => source.trim().split('\n\n'))
    .map((paragraph) => {
      const form = /^([^]+)\n\/\/ (\S+) (\S+)\n\/\/ (.+)$/
      const [, call = paragraph, error = '', code = '', message = ''] = form.exec(paragraph) ?? []
      return { call, error, code, message }
    })
}

describe('the errors of a page', () => {
  const withErrors = pages.filter((page) => readMisuses(page).length > 0)

  test('every page of a class lists errors', () => {
    expect(withErrors).toEqual(expect.arrayContaining(pages.filter(isOfClass)))
  })

  test.each(withErrors)('are those that the calls throw: %s', async (page) => {
    const misuses = readMisuses(page)
    const source = `
      import * as pkg from '@gsd/session-store'
      Object.assign(globalThis, pkg)
      const seen = []
      for (const call of ${JSON.stringify(misuses.map(({ call }) => call))}) {
        try {
          await new Function('return (async () => {' + call + '})()')()
          seen.push({ call })
        } catch ({ name, code, message }) {
          seen.push({ call, error: name, code, message: message.replaceAll(process.cwd(), '.') })
        }
      }
      process.stdout.write(JSON.stringify(seen))
      process.exit()`
    const { code, stdout, stderr } = await run(page.replaceAll(/\W/g, '-'), 'stores', source)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toEqual(misuses)
  })
})

function isOfClass(page: string): boolean {
  return page.startsWith('docs/api/') && !page.endsWith('README.md')
}

describe('the pages of the classes', () => {
  const declarations = ts.createSourceFile(
    'index.d.ts',
    readPage('index.d.ts'),
    ts.ScriptTarget.ES2022,
  )
  const PAGES: Record<string, string> = {
    DatabaseConnection: 'docs/api/database-connection.md',
    SessionStore: 'docs/api/session-store.md',
    OutputStore: 'docs/api/output-store.md',
    Database: 'docs/api/database.md',
    Transaction: 'docs/api/database.md',
    PreparedStatement: 'docs/api/statement.md',
    Recording: 'docs/api/recording.md',
  }
  const { statements } = declarations
  const members = statements.flatMap((statement) =>
    ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)
      ? statement.members.flatMap((member: ts.ClassElement | ts.TypeElement) =>
          member.name === undefined || member.name.getText(declarations) === 'prototype'
            ? []
            : [{ owner: statement.name?.text ?? '', name: member.name.getText(declarations) }],
        )
      : [],
  )
  const headings = (page: string) =>
    readPage(page)
      .split('\n')
      .filter((line) => line.startsWith('#'))
      .join('\n')

  test.each(Object.entries(PAGES))(
    'the pages of the classes have a heading for each member of %s',
    (owner, page) => {
      const names = members.filter((member) => member.owner === owner).map(({ name }) => name)
      expect(names.length).toBeGreaterThan(2)
      const text = headings(page)
      expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([])
    },
  )

  test('the pages of the classes have a heading for each function', () => {
    const names = statements.filter((statement) => ts.isFunctionDeclaration(statement))
    const text = pages.filter(isOfClass).map(headings).join('\n')
    expect(names.length).toBeGreaterThan(2)
    expect(
      names.map(({ name }) => name?.text).filter((name) => !text.includes(`${name}(`)),
    ).toEqual([])
  })

  test('the pages of the API name every field of every type', () => {
    const text = pages
      .filter((page) => page.startsWith('docs/api/'))
      .map(readPage)
      .join('\n')
    const missing = members.filter(({ name }) => !new RegExp(`\`[^\`]*\\b${name}\\b`).test(text))
    expect(missing).toEqual([])
  })

  test('the index links every page, and the README links the index', () => {
    const index = readPage('docs/README.md')
    const linked = pages.filter((page) => page !== 'README.md' && page !== 'docs/README.md')
    const path = (page: string) => posix.relative('docs', page)
    expect(linked.filter((page) => !index.includes(`(${path(page)})`))).toEqual([])
    expect(readPage('README.md')).toContain('(docs/README.md)')
  })
})
