// A file of the better-sqlite3 version, as ./old.db.
import { copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const packageUrl = import.meta.resolve('@gsd/session-store')
copyFileSync(fileURLToPath(new URL('./__test__/fixtures/plan-v0.db', packageUrl)), './old.db')
