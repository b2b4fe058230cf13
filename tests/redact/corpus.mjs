// False alarms of redaction: 100,000 chunks of what terminals print that looks random and is no secret, made anew from a seed.
//
//   node tests/redact/corpus.mjs                 the corpus
//   node tests/redact/corpus.mjs --of FOLDER     the text files of a folder instead, to look at what is found there

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DatabaseConnection, OutputStore } from '../../index.js'

const CHUNKS = 100_000
const SIZE = 200

/** One in so many chunks may have a false alarm. */
const MOST = 50_000

/** Random numbers that are the same in every run. */
function random(seed) {
  let state = seed
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
}

const below = random(2026)
const pick = (list) => list[below(list.length)]
const repeat = (count, make) => Array.from({ length: count }, make).join('')
const bytes = (length) => Buffer.from(Array.from({ length }, () => below(256)))
const hash = (kind) => createHash(kind).update(bytes(16)).digest('hex')
const letters = (length, all) => repeat(length, () => all[below(all.length)])
const WORDS =
  'build test error warning token secret password key authorization bearer stack user session cache module'.split(
    ' ',
  )
const uuid = () => hash('md5').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
const word = () => pick(WORDS)
const name = () => letters(3 + below(12), 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$')

/** What each kind of output looks like. */
const KINDS = {
  hashes: () => `${hash(pick(['md5', 'sha1', 'sha256', 'sha512']))}  ${word()}/${name()}.js\n`,
  uuids: () => `${uuid()} ${word()} id=${hash('md5')}\n`,
  base64: () => `${bytes(57).toString('base64')}\n`,
  assets: () => `url("data:font/woff2;base64,${bytes(90).toString('base64')}")`,
  locks: () =>
    `      "integrity": "sha512-${bytes(64).toString('base64')}",\n      "resolved": "https://registry.example.com:443/${name()}/-/${name()}-1.2.3.tgz",\n`,
  'git objects': () => `${below(777)}644 blob ${hash('sha1')}\t${word()}/${name()}\n`,
  'git log': () =>
    `commit ${hash('sha1')}\nAuthor: A <a@example.com>\n\n    ${word()}: ${word()}\n`,
  'minified code': () =>
    `function ${name()}(e,t){return ${name()}.${name()}(e=>e.${name()}?"${name()}":t["${word()}"])}var ${name()}=${below(9999)};`,
  addresses: () =>
    `GET https://${name()}.example.com:${below(65_535)}/${word()}?${word()}=${below(99)} 200\n`,
  logs: () =>
    `{"level":"${pick(['info', 'warn'])}","${word()}":"${name()}","trace":"${hash('md5')}"}\n`,
  headers: () => `> Authorization: ${pick(['Bearer', 'Basic'])} <${word()}>\n< x-api-key: ***\n`,
  environment: () => `${word().toUpperCase()}_${word().toUpperCase()}=${word()}\n`,
  colours: () =>
    `\u001b[${30 + below(8)}m${word()}\u001b[0m ${name()} \u001b[2m${below(999)} ms\u001b[0m\n`,
  certificates: () =>
    `-----BEGIN CERTIFICATE-----\n${bytes(48).toString('base64')}\n-----END CERTIFICATE-----\n`,
  'public keys': () =>
    `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${bytes(32).toString('base64')} a@example\n`,
  'source maps': () => `"mappings":"${letters(120, 'AAAACEGIKMOQSUWYacegikmoqsuwy02468+/,;')}"`,
}

function* ordinary() {
  const kinds = Object.values(KINDS)
  let text = ''
  for (let made = 0; made < CHUNKS; made++) {
    const kind = kinds[made % kinds.length]
    while (text.length < SIZE) text += kind()
    yield text.slice(0, SIZE)
    text = text.slice(SIZE)
  }
}

function* textsOf(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name !== '.cache') yield* textsOf(path)
    else if (entry.isFile() && /\.(?:[cm]?[jt]s|json|md|map|html|css|lock|rs|txt)$/.test(path)) {
      const text = readFileSync(path, 'utf8')
      for (let at = 0; at < text.length; at += SIZE) {
        yield text.slice(at, at + SIZE).toWellFormed()
      }
      yield '\n'
    }
  }
}

const { values } = parseArgs({ options: { of: { type: 'string' } } })
const counts = {}
const connection = new DatabaseConnection(':memory:', {
  redact: { environment: false, onRedact: ({ rule }) => (counts[rule] = (counts[rule] ?? 0) + 1) },
})
const outputs = new OutputStore(connection)
const remove = connection.db.prepare('DELETE FROM session_outputs')
let chunks = 0
for (const data of values.of === undefined ? ordinary() : textsOf(values.of)) {
  outputs.append({ sessionId: 's', timestamp: new Date(), type: 'stdout', data })
  if (++chunks % 10_000 === 0) remove.run()
}
connection.close()
const alarms = Object.values(counts).reduce((sum, count) => sum + count, 0)
console.log(`${chunks} chunks, ${alarms} found`, counts)
if (values.of === undefined && alarms > CHUNKS / MOST) process.exitCode = 1
