'use strict'
// The player for web pages, from the package `asciinema-player`, which whoever wants it installs.

const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { isAbsent, requireBoolean } = require('./arguments.js')
const { outOfRange } = require('./errors.js')

const PACKAGE = 'asciinema-player'

let player

/** Its folder, or `undefined` where it is not installed: neither beside this package nor in the project. */
function folderOfPlayer() {
  try {
    const paths = [__dirname, process.cwd()]
    const script = require.resolve(`${PACKAGE}/dist/bundle/${PACKAGE}.min.js`, { paths })
    return join(script, '..', '..', '..')
  } catch {
    return undefined
  }
}

/** What the page of an export needs of it: its name, its script with what a browser computes of it, and its style. */
function playerOf(call, { player: isWanted, format }) {
  if (isAbsent(isWanted)) return undefined
  requireBoolean(call, 'options.player', isWanted)
  if (!isWanted) return undefined
  if (format !== 'html') {
    outOfRange(`${call}: options.player is for the format 'html'; received '${format}'`)
  }
  if (player) return player
  const folder = folderOfPlayer()
  if (folder === undefined) {
    const error = new Error(
      `${call}: options.player needs the package ${PACKAGE}, which is not installed: npm install ${PACKAGE}`,
    )
    throw Object.assign(error, { code: 'MODULE_NOT_FOUND' })
  }
  const read = (path) => readFileSync(join(folder, path), 'utf8')
  const { name, version, license } = JSON.parse(read('package.json'))
  const script = read(`dist/bundle/${PACKAGE}.min.js`)
  const hash = `sha256-${createHash('sha256').update(script).digest('base64')}`
  player = [`${name} ${version}, ${license}`, script, hash, read(`dist/bundle/${PACKAGE}.css`)]
  return player
}

module.exports = { playerOf }
