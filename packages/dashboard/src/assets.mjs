// The files of the page: its own, and those of the two libraries that it uses. There is no build step.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'

const require = createRequire(import.meta.url)

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

const own = (name) => new URL(`./page/${name}`, import.meta.url)

/** Where each file stands, by its path on the server. */
const FILES = {
  '/': own('index.html'),
  ...Object.fromEntries(
    [
      'style.css',
      'icon.svg',
      'main.mjs',
      'dom.mjs',
      'api.mjs',
      'list.mjs',
      'session.mjs',
      'terminal.mjs',
      'player.mjs',
      'search.mjs',
      'statistics.mjs',
      'charts.mjs',
    ].map((name) => [`/page/${name}`, own(name)]),
  ),
  '/vendor/xterm.mjs': require.resolve('@xterm/xterm/lib/xterm.mjs'),
  '/vendor/xterm.css': require.resolve('@xterm/xterm/css/xterm.css'),
  '/vendor/player.js': require.resolve('asciinema-player/dist/bundle/asciinema-player.min.js'),
  '/vendor/player.css': require.resolve('asciinema-player/dist/bundle/asciinema-player.css'),
}

const read = new Map()

/** A file of the page, read once; undefined for a path that has none. */
export function assetOf(path) {
  const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined
  if (file === undefined) return undefined
  if (!read.has(path)) {
    const data = readFileSync(file)
    const [, ending] = /\.(\w+)$/.exec(String(file)) ?? []
    const etag = `"${createHash('sha256').update(data).digest('base64url').slice(0, 22)}"`
    read.set(path, { type: TYPES[ending], etag, data, packed: gzipSync(data) })
  }
  return read.get(path)
}
