// Damaged files, logs and their neighbours: using one ends in results or a `SqliteError`. The work is in damage/,
// in processes of their own, so that a crash or a hang is seen, and told by its seed.
//
// HOSTILE_SEED=n repeats one seed, HOSTILE_SEEDS=n tries that many of them.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runScript } from '../support/child.js'
import { temporaryFolder } from '../support/support.js'

/** What came of a batch of seeds; run.mjs writes it. */
interface Total {
  opened: number
  refused: number
  rows: number
  errors: Record<string, number>
  bases: Record<string, number>
  wrong: string[]
}

const script = fileURLToPath(new URL('damage/run.mjs', import.meta.url))

/** Seeds of a process, which takes a second or two for them. */
const BATCH = 50

/** Processes at a time. */
const LANES = 2

/** Milliseconds in which a batch ends even on a machine that does much else. */
const PATIENCE = 120_000

/** Runs the seeds from `first` to below `end`, and goes on behind one that ends its process. */
async function runSeeds(folder: string, first: number, end: number): Promise<Partial<Total>[]> {
  const path = join(folder, `${first}`)
  const ended = await runScript(script, [path, `${first}`, `${end}`], { timeout: PATIENCE })
  if (ended.code === 0) return [JSON.parse(ended.stdout) as Total]
  const last = ended.stderr.match(/^seed (\d+): .*$/gm)?.at(-1)
  if (last === undefined) throw new Error(ended.stderr)
  const how = `${last} ended the process with ${ended.signal ?? ended.code}: ${ended.stderr.slice(-1_000)}`
  const next = Number(/\d+/.exec(last)?.[0]) + 1
  const rest = next < end ? await runSeeds(folder, next, end) : []
  return [{ wrong: [how] }, ...rest]
}

const only = process.env.HOSTILE_SEED
const first = Number(only ?? 0)

/** Where the seeds of a test end, and its tags. */
const RUNS: [end: number, tags: string[]][] =
  only === undefined
    ? [
        [200, []],
        [Number(process.env.HOSTILE_SEEDS ?? 2_000), ['slow']],
      ]
    : [[first + 1, []]]

for (const [end, tags] of RUNS) {
  test(
    `${end - first} damaged files give results or a SqliteError`,
    { tags, timeout: 900_000 },
    async () => {
      const folder = temporaryFolder()
      const totals: Partial<Total>[] = []
      let next = first
      const lane = async () => {
        while (next < end) {
          const start = next
          next = Math.min(start + BATCH, end)
          totals.push(...(await runSeeds(folder, start, next)))
        }
      }
      await Promise.all(Array.from({ length: LANES }, lane))

      expect(totals.flatMap(({ wrong }) => wrong ?? [])).toEqual([])
      if (only !== undefined) return
      // It was damage that SQLite noticed, in every kind of file, and much could be read all the same.
      const sum = (pick: (total: Partial<Total>) => number | undefined) =>
        totals.reduce((all, total) => all + (pick(total) ?? 0), 0)
      expect(sum(({ bases }) => Object.values(bases ?? {}).reduce((a, b) => a + b, 0))).toBe(end)
      for (const base of ['closed', 'old', 'live']) {
        expect(sum(({ bases }) => bases?.[base])).toBeGreaterThan(end / 10)
      }
      expect(sum(({ refused }) => refused)).toBeGreaterThan(end / 10)
      expect(sum(({ opened }) => opened)).toBeGreaterThan(end / 2)
      expect(sum(({ errors }) => errors?.SQLITE_CORRUPT)).toBeGreaterThan(end)
      expect(sum(({ rows }) => rows)).toBeGreaterThan(100 * end)
    },
  )
}
