// Damages files and uses them: `node run.mjs <folder> <first seed> <end of seeds>`. Names every seed on stderr
// before it starts, so that a crash or a hang can be traced to it, and writes the results of all of them as JSON.
import { mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { makeBases } from './bases.mjs'
import { exercise } from './exercise.mjs'
import { damage } from './mutations.mjs'

const require = createRequire(import.meta.url)
const pkg = require('../../../index.js')

const [folder, first, end] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
const { bases, owners } = makeBases(pkg, folder)

const SUFFIXES = { db: '', wal: '-wal', shm: '-shm', journal: '-journal' }

const total = { opened: 0, refused: 0, rows: 0, errors: {}, bases: {}, wrong: [] }
for (let seed = Number(first); seed < Number(end); seed++) {
  const { base, files, what, random } = damage(bases, seed)
  writeSync(2, `seed ${seed}: ${what}\n`)
  total.bases[base] = (total.bases[base] ?? 0) + 1
  const writeBehind = random.oneIn(3)
  for (const options of [
    { timeout: 20, slots: random.oneIn(5) ? 5 : 3 },
    { timeout: 20, readonly: true },
  ]) {
    const path = join(folder, `${seed}${options.readonly ? '-readonly' : ''}.db`)
    for (const [name, bytes] of Object.entries(files)) writeFileSync(path + SUFFIXES[name], bytes)
    const before = options.readonly ? readFileSync(path) : undefined
    const { wrong, opened, errors, rows } = exercise(pkg, path, {
      options,
      owners,
      writeBehind,
    })
    if (before && !before.equals(readFileSync(path)))
      wrong.push('a file opened for reading changed')
    total[opened ? 'opened' : 'refused']++
    total.rows += rows
    for (const code of errors) total.errors[code] = (total.errors[code] ?? 0) + 1
    for (const one of new Set(wrong)) {
      total.wrong.push(`seed ${seed} (${what}), ${JSON.stringify(options)}: ${one}`)
    }
    for (const suffix of Object.values(SUFFIXES)) rmSync(path + suffix, { force: true })
  }
}
process.stdout.write(JSON.stringify(total))
