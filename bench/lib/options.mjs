import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

const USAGE = `Usage: npm run bench -- [options]

  --quick           fewer rows and two libraries: under two minutes
  --rounds <n>      how often every trial runs on every side (default 5; quick: 3)
  --only <pattern>  only trials whose name matches the regular expression
  --peers <names>   comma-separated; the first two are compared with goals
                    (default session-store,better-sqlite3,node-sqlite,libsql)
  --binary <file>   the build of this package to measure (default: the one that is installed or built here)
  --node <major>    run the trials on this version of Node.js, from npm
  --dir <folder>    where databases are made (default: the system's temporary folder)
  --name <name>     name of the file in bench/results (default: date and time)
  --svg <file>      draw the ratios
  --from <file>     report the results in a file of an earlier run; measure nothing`

const PEERS = ['session-store', 'better-sqlite3', 'node-sqlite', 'libsql']

/** The options of the command line; ends the process where they are wrong. */
export function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        only: { type: 'string', default: '' },
        peers: { type: 'string' },
        binary: { type: 'string' },
        node: { type: 'string' },
        dir: { type: 'string', default: tmpdir() },
        name: { type: 'string' },
        svg: { type: 'string' },
        from: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be 1 or more')
    const peers = values.peers?.split(',') ?? (values.quick ? PEERS.slice(0, 2) : PEERS)
    const unknown = peers.find((name) => !PEERS.includes(name))
    if (unknown) throw new Error(`--peers: there is no ${unknown}`)
    if (peers[0] !== PEERS[0] || peers.length < 2) {
      throw new Error(`--peers must be ${PEERS[0]} and at least one more`)
    }
    return { ...values, rounds, peers, only: new RegExp(values.only) }
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`)
    process.exit(2)
  }
}
