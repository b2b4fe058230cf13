// The Node.js that trials run on, which need not be the one that the benchmark was started with.

import { execFileSync } from 'node:child_process'

/** better-sqlite3 crashes on older ones. */
const OLDEST = 22
const DEFAULT = '24'

/** The path of a Node.js of the wanted major version, by default this one if it is new enough. */
export function findNode(wanted) {
  const major = process.versions.node.split('.', 1)[0]
  if (wanted === undefined ? Number(major) >= OLDEST : wanted === major) return process.execPath
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const source = `node-${platform}-${process.arch}@${wanted ?? DEFAULT}`
  console.error(`Getting ${source}: this is Node.js ${process.version}`)
  try {
    return fetched(source)
  } catch (error) {
    throw new Error(
      `The benchmark needs Node.js ${wanted ?? `${OLDEST} or newer`}; npm could not get ${source}: ` +
        `${error.message}. Start it with such a Node.js, or choose another one with --node.`,
      { cause: error },
    )
  }
}

function fetched(source) {
  return execFileSync('npx', ['-y', '-p', source, '--', 'node', '-p', 'process.execPath'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  }).trim()
}
