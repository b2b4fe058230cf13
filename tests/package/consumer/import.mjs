import whole, {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  SqliteError,
} from '@gsd/session-store'
import { closeDatabase, getDatabase, restore, salvage } from '@gsd/session-store'
import * as namespace from '@gsd/session-store'
import Compat, { SqliteError as CompatError } from '@gsd/session-store/compat'
import job from './job.cjs'

if (CompatError !== SqliteError || !(Compat() instanceof Compat))
  throw new Error('compat is of another package')

const named = {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  SqliteError,
  closeDatabase,
  getDatabase,
  restore,
  salvage,
}
for (const [name, value] of Object.entries(named)) {
  if (typeof value !== 'function' || whole[name] !== value || namespace[name] !== value)
    throw new Error(`${name} is not the same by name, of the default import and of the namespace`)
}
console.log(job(named), job(whole), job(namespace))
