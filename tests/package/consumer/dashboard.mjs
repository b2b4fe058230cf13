// The dashboard serves its page, with the libraries that it uses, and its answers to who has the token.
import assert from 'node:assert'
import { openHistory, serveDashboard } from '@gsd/session-dashboard'
import { DatabaseConnection, SessionStore } from '@gsd/session-store'

const connection = new DatabaseConnection('dashboard.db')
new SessionStore(connection).create({
  id: 's-1',
  slot: 1,
  status: 'failed',
  workingDir: '/',
  startedAt: new Date(),
})
connection.close()

const token = 'a-token-of-the-proof'
const history = await openHistory({ db: 'dashboard.db' })
const dashboard = await serveDashboard(history, { token })
const at = `http://127.0.0.1:${dashboard.port}`
for (const path of ['/', '/page/main.mjs', '/vendor/xterm.mjs', '/vendor/player.js']) {
  assert.equal((await fetch(at + path)).status, 200, path)
}
assert.equal((await fetch(`${at}/api/sessions`)).status, 401)
const headers = { cookie: `gsd_session_dashboard_${dashboard.port}=${token}` }
const { sessions } = await (await fetch(`${at}/api/sessions`, { headers })).json()
assert.equal(sessions[0].id, 's-1')
await dashboard.close()
await history.close()
console.log('done')
