// The command line.

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

const USAGE = `Usage: npm run torture -- [options]

  --cycles <n>    how many cycles (default 100)
  --seed <n>      what the cycles do (default: another one each time)
  --from <n>      the number of the first cycle (default 0)
  --dir <folder>  where databases are made (default: the system's temporary folder)`

/** The options of the command line; ends the process where they are wrong. */
export function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        cycles: { type: 'string', default: '100' },
        seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
        from: { type: 'string', default: '0' },
        dir: { type: 'string', default: tmpdir() },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    return {
      cycles: integer('cycles', values.cycles, 1),
      seed: integer('seed', values.seed, 0),
      from: integer('from', values.from, 0),
      dir: values.dir,
    }
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`)
    process.exit(2)
  }
}

function integer(name, text, least) {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least || value >= 2 ** 31) {
    throw new Error(`--${name} must be an integer of ${least} or more, below 2^31; it is '${text}'`)
  }
  return value
}
