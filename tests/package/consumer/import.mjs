import whole, {
  DatabaseConnection,
  OutputStore,
  SessionStore,
  SqliteError,
} from '@gsd/session-store'
import { closeDatabase, getDatabase, restore, salvage } from '@gsd/session-store'
import * as namespace from '@gsd/session-store'
import job from './job.cjs'

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
