import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inChild } from '../support/child.js'
import { fileMode, temporaryFolder } from '../support/support.js'

// Permission bits mean nothing on Windows, where the home folder's ACL protects the file.
const onPosix = process.platform !== 'win32'

/** Opens `path` under `umask`, writes, and tells the modes of `watched` while the connection is open. */
function modesWhileOpen(umask: number, path: string, watched: string[]): Promise<string[]> {
  return inChild(
    ({ pkg, require }, mask, file, files) => {
      const { statSync } = require('node:fs') as typeof import('node:fs')
      process.umask(mask)
      const connection = new pkg.DatabaseConnection(file)
      new pkg.OutputStore(connection).append({
        sessionId: 's-1',
        timestamp: new Date(0),
        type: 'stdout',
        data: 'a secret',
      })
      const modes = files.map((name) => (statSync(name).mode & 0o777).toString(8).padStart(4, '0'))
      connection.close()
      return modes
    },
    [umask, path, watched],
  )
}

describe.runIf(onPosix)('the mode of new files and folders', () => {
  test.each([['0000'], ['0022'], ['0077'], ['0177'], ['0777']])(
    'the mode of new files and folders does not depend on umask %s',
    async (umask) => {
      const folder = temporaryFolder()
      const above = join(folder, 'new')
      const parent = join(above, 'newer')
      const path = join(parent, 'sessions.db')
      const modes = await modesWhileOpen(Number.parseInt(umask, 8), path, [
        above,
        parent,
        path,
        `${path}-wal`,
        `${path}-shm`,
      ])
      expect(modes).toEqual(['0700', '0700', '0600', '0600', '0600'])
    },
  )

  test('the mode of new files and folders is private for the default path as well', async () => {
    const home = temporaryFolder()
    await inChild(
      ({ pkg }) => {
        process.umask(0)
        pkg.getDatabase()
        pkg.closeDatabase()
      },
      [],
      { env: { HOME: home, USERPROFILE: home } },
    )
    expect(fileMode(join(home, '.gsd-harness'))).toBe('0700')
    expect(fileMode(join(home, '.gsd-harness', 'sessions.db'))).toBe('0600')
  })

  test('the umask of the process stays as it was', async () => {
    const path = join(temporaryFolder(), 'new', 'sessions.db')
    const umask = await inChild(
      ({ pkg }, file) => {
        process.umask(0o027)
        new pkg.DatabaseConnection(file).close()
        return process.umask().toString(8)
      },
      [path],
    )
    expect(umask).toBe('27')
  })
})

describe.runIf(onPosix)('the mode of existing files and folders', () => {
  test.each([['0755'], ['0700'], ['0777']])(
    'an existing folder keeps the mode %s',
    async (mode) => {
      const parent = join(temporaryFolder(), 'shared')
      mkdirSync(parent)
      chmodSync(parent, Number.parseInt(mode, 8))
      const path = join(parent, 'sessions.db')
      expect(await modesWhileOpen(0o022, path, [parent, path])).toEqual([mode, '0600'])
      expect(fileMode(parent)).toBe(mode)
    },
  )

  test.each([['0644'], ['0640'], ['0664']])(
    'an existing database keeps the mode %s, and its -wal and -shm get it',
    async (mode) => {
      const path = join(temporaryFolder(), 'sessions.db')
      await modesWhileOpen(0o022, path, [])
      chmodSync(path, Number.parseInt(mode, 8))
      expect(await modesWhileOpen(0o077, path, [path, `${path}-wal`, `${path}-shm`])).toEqual([
        mode,
        mode,
        mode,
      ])
      expect(fileMode(path)).toBe(mode)
    },
  )

  test('an existing empty file keeps its mode', async () => {
    const path = join(temporaryFolder(), 'sessions.db')
    writeFileSync(path, '')
    chmodSync(path, 0o644)
    expect(await modesWhileOpen(0o022, path, [path])).toEqual(['0644'])
  })
})
