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

/** Every kind, with the words of the refusal. Device nodes take root, and a file system that has them. */
export const noTargets: readonly [what: string, make: Make, words: string][] = [
  ['a folder', (path) => (mkdirSync(path), true), 'it is a folder'],
  ['a pipe', (path) => runs('mkfifo', path), 'it is a pipe (FIFO)'],
  // The numbers are those of /dev/null.
  ['a device', (path) => runs('mknod', path, 'c', '1', '3'), 'it is a character device'],
  ['a block device', (path) => runs('mknod', path, 'b', '7', '200'), 'it is a block device'],
  [
    'a socket',
    async (path) => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(path, resolve))
      onTestFinished(() => void server.close())
      return true
    },
    'it is a socket',
  ],
  [
    'a link to a pipe',
    (path) => runs('mkfifo', `${path}.end`) && linked(`${path}.end`, path),
    'it is a pipe (FIFO)',
  ],
  [
    'a link to a device',
    (path) => runs('mknod', `${path}.end`, 'c', '1', '3') && linked(`${path}.end`, path),
    'it is a character device',
  ],
  [
    'a link to a folder',
    (path) => (mkdirSync(`${path}.end`), linked(`${path}.end`, path)),
    'it is a folder',
  ],
  ['a link to a link to nothing', (path) => linked('nothing', `${path}.end`, path), 'a link to'],
  ['a link to nothing', (path) => linked(`${path}.end`, path), 'a link to'],
  ['a link to itself', (path) => linked(path, path), 'symbolic links'],
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
