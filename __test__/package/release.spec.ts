import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runScript } from '../support/child.js'
import { temporaryFolder } from '../support/support.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = (name: string) => join(root, 'scripts/release', name)

interface Manifest {
  version: string
  repository?: { url: string }
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest
}

describe('the check of versions', () => {
  const { version } = readManifest(join(root, 'package.json'))
  const FILES = [
    'package.json',
    'package-lock.json',
    'Cargo.toml',
    'Cargo.lock',
    'CHANGELOG.md',
    'npm',
    'packages',
    '.github',
  ]

  /** What has a version, in a folder of its own. */
  function copyOfVersions(): string {
    const folder = temporaryFolder()
    // What tests have installed is no part of it.
    const filter = (path: string) => !path.endsWith('node_modules')
    for (const file of FILES) {
      cpSync(join(root, file), join(folder, file), { recursive: true, filter })
    }
    return folder
  }

  function edit(folder: string, file: string, from: string | RegExp, to: string): void {
    const path = join(folder, file)
    const before = readFileSync(path, 'utf8')
    const after = before.replace(from, to)
    expect(after).not.toBe(before)
    writeFileSync(path, after)
  }

  const check = (folder: string, ...args: string[]) =>
    runScript(script('check.mjs'), ['--root', folder, ...args], {
      env: { GITHUB_REPOSITORY: 'somebody/session-store' },
    })

  test('finds nothing wrong with the repository', async () => {
    expect(await check(copyOfVersions())).toMatchObject({ code: 0, stderr: '' })
  })

  test.each([
    ['Cargo.toml', /^version = ".*"$/m, 'version = "9.9.9"'],
    ['Cargo.lock', /(name = "gsd-session-store"\nversion = )".*"/, '$1"9.9.9"'],
    ['package-lock.json', `"version": "${version}"`, '"version": "9.9.9"'],
    ['npm/win32-arm64-msvc/package.json', `"version": "${version}"`, '"version": "9.9.9"'],
    ['packages/cli/package.json', `"version": "${version}"`, '"version": "9.9.9"'],
  ])('names %s where it has another version', async (file, from, to) => {
    const folder = copyOfVersions()
    edit(folder, file, from, to)
    const { code, stderr } = await check(folder)
    expect(code).toBe(1)
    expect(stderr).toContain(`${file}`)
    expect(stderr).toContain(`9.9.9 instead of ${version}`)
  })

  test.each(['packages/cli/package.json', 'package-lock.json'])(
    'the check of versions names %s where the command asks for another version of the store',
    async (file) => {
      const folder = copyOfVersions()
      edit(folder, file, `"@gsd/session-store": "${version}"`, '"@gsd/session-store": "9.9.9"')
      const { code, stderr } = await check(folder)
      expect(code).toBe(1)
      expect(stderr).toContain(`${file}`)
      expect(stderr).toContain(`9.9.9 instead of ${version}`)
    },
  )

  test('the check of versions names a target that no workflow builds', async () => {
    const folder = copyOfVersions()
    edit(
      folder,
      '.github/workflows/packages.yml',
      /.*target: aarch64-apple-darwin, runner.*platform.*\n/,
      '',
    )
    const { code, stderr } = await check(folder)
    expect(code).toBe(1)
    expect(stderr).toContain('packages.yml: aarch64-apple-darwin is not built')
  })

  test('the check of versions refuses optional dependencies that were committed', async () => {
    const folder = copyOfVersions()
    edit(
      folder,
      'package.json',
      '"devDependencies": {',
      '"optionalDependencies": {},\n  "devDependencies": {',
    )
    const { code, stderr } = await check(folder)
    expect(code).toBe(1)
    expect(stderr).toContain('optionalDependencies')
  })

  test('the check of versions accepts a tag only with its section of the changelog and a repository', async () => {
    const folder = copyOfVersions()
    writeFileSync(
      join(folder, 'CHANGELOG.md'),
      `# Changelog\n\n## [Unreleased]\n\n- More.\n\n## [${version}] - 2026-01-31\n\n- All of it.\n`,
    )
    const early = await check(folder, '--tag', 'v9.9.9')
    expect(early.code).toBe(1)
    expect(early.stderr).toContain('the tag: v9.9.9')
    expect(early.stderr).toContain('there is something under Unreleased')
    edit(folder, 'CHANGELOG.md', '- More.\n', '')
    const repository =
      '"repository": { "url": "git+https://github.com/somebody/session-store.git" }'
    edit(folder, 'package.json', '"license"', `${repository},\n  "license"`)
    expect((await check(folder, '--tag', `v${version}`)).stderr).toBe(
      'packages/cli/package.json: not the repository of package.json\n' +
        'packages/dashboard/package.json: not the repository of package.json\n' +
        'packages/fleet/package.json: not the repository of package.json\n' +
        'packages/mcp/package.json: not the repository of package.json\n',
    )
    for (const name of ['cli', 'dashboard', 'fleet', 'mcp']) {
      edit(folder, `packages/${name}/package.json`, '"license"', `${repository},\n  "license"`)
    }
    expect(await check(folder, '--tag', `v${version}`)).toMatchObject({ code: 0, stderr: '' })
    edit(folder, 'package.json', 'somebody/session-store', 'nobody/session-store')
    expect((await check(folder, '--tag', `v${version}`)).stderr).toContain('nobody/session-store')
  })
})

/** A registry that keeps what is published in memory, and refuses what `refuse` says. */
async function startRegistry() {
  const published = new Map<string, unknown>()
  const order: string[] = []
  const registry = { url: '', order, refuse: '' }
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', registry.url).pathname.slice(1))
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (request.method !== 'PUT') {
      const found = published.get(name)
      answer(found ? 200 : 404, found ?? { error: 'not found' })
      return
    }
    void readBody(request).then((body) => {
      if (name === registry.refuse) return answer(500, { error: 'out of order' })
      published.set(name, JSON.parse(body))
      order.push(name)
      return answer(201, { ok: true })
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => void server.close())
  registry.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return registry
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Packages as stage.mjs leaves them, packed by npm, the command last. */
function stagePackages(text: string): { folder: string; names: string[] } {
  const folder = temporaryFolder()
  const names = [
    '@sample/store-linux-x64-gnu',
    '@sample/store-darwin-arm64',
    '@sample/store',
    'sample-sessions',
  ]
  const sources = names.map((name) => {
    const source = temporaryFolder()
    writeFileSync(join(source, 'package.json'), JSON.stringify({ name, version: '1.2.3' }))
    writeFileSync(join(source, 'index.js'), text)
    return source
  })
  const args = ['pack', '--silent', '--pack-destination', folder, ...sources]
  const shell = process.platform === 'win32'
  const files = execFileSync('npm', args, { encoding: 'utf8', shell }).trim().split(/\r?\n/)
  const packages = names.map((name, index) => {
    const file = files[index] ?? ''
    const bytes = readFileSync(join(folder, file))
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    return {
      name,
      version: '1.2.3',
      file,
      integrity,
      sum: createHash('sha256').update(bytes).digest('hex'),
    }
  })
  writeFileSync(join(folder, 'packages.json'), JSON.stringify(packages))
  const sums = packages.map(({ sum, file }) => `${sum}  ${file}\n`)
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''))
  return { folder, names }
}

describe('the publishing of the packages', { tags: ['slow'], timeout: 180_000 }, () => {
  type Registry = Awaited<ReturnType<typeof startRegistry>>

  function publish({ url }: Registry, folder: string, ...args: string[]) {
    const home = temporaryFolder()
    writeFileSync(
      join(home, '.npmrc'),
      `registry=${url}\n${url.slice('http:'.length)}:_authToken=token\n`,
    )
    const env = {
      HOME: home,
      npm_config_userconfig: join(home, '.npmrc'),
      npm_config_cache: join(home, 'cache'),
      npm_config_registry: url,
      npm_config_fetch_retries: '0',
    }
    return runScript(script('publish.mjs'), ['--from', folder, ...args], { env })
  }

  test('publishing resumes where it stopped, with the command last', async () => {
    const registry = await startRegistry()
    const { folder, names } = stagePackages('// one')
    const [first, second, main, command] = names
    registry.refuse = second ?? ''
    expect((await publish(registry, folder)).code).not.toBe(0)
    expect(registry.order).toEqual([first])

    registry.refuse = ''
    const again = await publish(registry, folder)
    expect(again.code).toBe(0)
    expect(again.stdout).toContain(`${first}@1.2.3 is published already`)
    expect(registry.order).toEqual([first, second, main, command])

    const whole = await publish(registry, folder)
    expect(whole.code).toBe(0)
    expect(whole.stdout).toContain('0 of 4 packages are published')
    expect(registry.order).toEqual([first, second, main, command])
  })

  test('publishing stops at once where a package of another build is already published', async () => {
    const registry = await startRegistry()
    registry.refuse = '@sample/store-darwin-arm64'
    const one = stagePackages('// one')
    await publish(registry, one.folder)
    registry.refuse = ''
    const other = await publish(registry, stagePackages('// two').folder)
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('from another build')
    expect(registry.order).toEqual(one.names.slice(0, 1))
  })

  test('publishing changes nothing in a dry run, nor with a changed tarball', async () => {
    const registry = await startRegistry()
    const { folder } = stagePackages('// one')
    expect((await publish(registry, folder, '--dry-run')).code).toBe(0)
    expect(registry.order).toEqual([])
    writeFileSync(join(folder, 'sample-store-1.2.3.tgz'), 'something else')
    const changed = await publish(registry, folder)
    expect(changed.code).toBe(1)
    expect(changed.stderr).toContain('sample-store-1.2.3.tgz is not what SHA256SUMS says')
    expect(registry.order).toEqual([])
  })
})
