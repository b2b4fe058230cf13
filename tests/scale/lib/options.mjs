// The command line.

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

const usage = (parts) => `Usage: npm run scale -- [options]

  --only <part>   one of ${parts.join(', ')} (default: all of them)
  --scale <n>     how much of it, above 0 and up to 1 (default 1)
  --dir <folder>  where databases are made (default: the system's temporary folder)`

/** The options of the command line; ends the process where they are wrong. */
export function readOptions(parts) {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        scale: { type: 'string', default: '1' },
        dir: { type: 'string', default: tmpdir() },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(usage(parts))
      process.exit(0)
    }
    const { only, dir } = values
    if (only !== undefined && !parts.includes(only)) {
      throw new Error(`--only must be one of ${parts.join(', ')}; it is '${only}'`)
    }
    const scale = Number(values.scale)
    if (!(scale > 0 && scale <= 1)) {
      throw new Error(`--scale must be above 0 and up to 1; it is '${values.scale}'`)
    }
    return { only: only === undefined ? parts : [only], scale, dir }
  } catch (error) {
    console.error(`${error.message}\n\n${usage(parts)}`)
    process.exit(2)
  }
}
