// Things that an export, a backup or a salvage must not replace, made in a folder of the test.
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Makes something that is no plain file at `path`; `false` where this user may not. */
type Make = (path: string) => boolean | Promise<boolean>

function runs(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Every kind. Device nodes take root, and a file system that has them. */
export const noTargets: readonly [what: string, make: Make][] = [
  ['a folder', (path) => (mkdirSync(path), true)],
  ['a pipe', (path) => runs('mkfifo', path)],
  // The numbers are those of /dev/null.
  ['a device', (path) => runs('mknod', path, 'c', '1', '3')],
  ['a block device', (path) => runs('mknod', path, 'b', '7', '200')],
  [
    'a socket',
    async (path) => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(path, resolve))
      onTestFinished(() => void server.close())
      return true
    },
  ],
  ['a link to a pipe', (path) => runs('mkfifo', `${path}.end`) && linked(`${path}.end`, path)],
  ['a link to a folder', (path) => (mkdirSync(`${path}.end`), linked(`${path}.end`, path))],
  ['a link to a link to nothing', (path) => linked('nothing', `${path}.end`, path)],
  ['a link to nothing', (path) => linked(`${path}.end`, path)],
  ['a link to itself', (path) => linked(path, path)],
]

/** Makes each of the later paths a link to the one before it. */
function linked(...paths: string[]): boolean {
  for (const [index, path] of paths.slice(1).entries()) symlinkSync(paths[index]!, path)
  return true
}

/** The content of a folder by names, inodes, kinds and times. Any change of it shows. */
export function looked(folder: string): unknown[] {
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const { ino, mode, rdev, mtimeMs, size } = lstatSync(join(folder, name))
      return { name, ino, mode, rdev, mtimeMs, size }
    })
}
