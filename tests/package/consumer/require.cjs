const { dirname, sep } = require('node:path')
const { realpathSync } = require('node:fs')
const job = require('./job.cjs')
const whole = require('@gsd/session-store')

console.log(job(whole))

// Files inside the package that users may require.
const manifest = require('@gsd/session-store/package.json')
if (require('@gsd/session-store/index.js') !== whole) throw new Error('index.js is another module')
if (manifest.name !== '@gsd/session-store') throw new Error('package.json is of another package')

const Compat = require('@gsd/session-store/compat')
const opened = new Compat(':memory:')
const onCompat = new whole.SessionStore(opened).list()
if (
  onCompat.length > 0 ||
  !(opened instanceof Compat) ||
  Compat.SqliteError !== whole.SqliteError ||
  Compat.name !== 'Database'
)
  throw new Error('compat is of another package')
opened.close()

// The bundle has every class and function by its own name.
for (const [name, value] of Object.entries(whole))
  if (value.name !== name) throw new Error(`${name} is called ${value.name}`)

// The addon is the one of the installed platform package.
if (!process.versions.bun && !process.versions.deno) {
  const addons = Object.keys(require.cache).filter((file) => file.endsWith('.node'))
  const platform = /[\\/]@gsd[\\/]session-store-[a-z0-9-]+[\\/]session-store\.[a-z0-9-]+\.node$/
  const here = realpathSync(process.env.CONSUMER_ROOT ?? dirname(__filename)) + sep
  if (addons.length !== 1 || !platform.test(addons[0]) || !addons[0].startsWith(here))
    throw new Error(`loaded ${addons.join(', ')}, and not below ${here}`)
}
